"""What can go wrong, and what it means for the caller.

PortalError
  InvalidEvent             a sender posted something that is no event
  ConfigurationError       a person's setting or file is wrong; the message says where
  NotPossible              a person asked for what a connection's state does not allow
  SecretUnreadable         a stored secret cannot be decrypted with the keys we have
  ChainNotOurs             the end of an audit chain was signed with none of the keys we have
  ServiceError             Genesys or Lynn did not do what we asked
    ServiceUnavailable     worth asking again: network, time-out, 408, 425, 429, 5xx, unreadable
      TokenOnItsWay        nothing is wrong: another worker is fetching the token this moment
    ServiceRefused         not worth asking again as it is: other 3xx and 4xx
      CredentialsRefused   Genesys does not accept client id and secret (or the region is wrong)
      PermissionMissing    Genesys does not let this OAuth client see what we asked for
    NotSent                this worker was too slow to send it before its claim could end
    AddressNotAllowed      the address is not public and not opened by PORTAL_ALLOWED_UPSTREAMS
"""


class PortalError(Exception):
    """Anything we expect to go wrong; its text is fit to be shown to a person."""


class InvalidEvent(PortalError):
    """`fields` says for each wrong field, by Genesys' name, what is wrong with it."""

    def __init__(self, detail: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields or {}


class ConfigurationError(PortalError):
    """A setting or configuration file that cannot be used; nothing was changed."""


class SecretUnreadable(PortalError):
    """None of PORTAL_FIELD_KEYS decrypts a stored secret."""


class ChainNotOurs(PortalError):
    """None of PORTAL_FIELD_KEYS signed the end of an audit chain."""


class ServiceError(PortalError):
    """`retry_after` is in seconds, where the service named a time to wait."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceUnavailable(ServiceError):
    """Worth asking again."""


class TokenOnItsWay(ServiceUnavailable):
    """Nothing was asked and nothing has failed; in a moment there is a token, or a failure."""


class ServiceRefused(ServiceError):
    """Not worth asking again until a person has changed something."""


class CredentialsRefused(ServiceRefused):
    """Genesys OAuth: the answer is the same for a wrong secret and for a wrong region."""


class PermissionMissing(ServiceRefused):
    """Genesys answered 403."""


class AddressNotAllowed(ServiceError):
    """The guard refused to connect; nothing left this machine."""


class NotSent(ServiceError):
    """Nothing left this machine: by the time of the answer another worker might be at it."""


class NotPossible(PortalError):
    """A person asked for something that this connection's state or evidence does not allow."""

"""Secrets at rest: a column that holds ciphertext, and a value that is opened only on purpose."""

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from connector.errors import SecretUnreadable


class Secret:
    """A stored secret. Printing it shows nothing; `reveal()` opens it."""

    def __init__(self, ciphertext: str = "") -> None:
        self.ciphertext = ciphertext

    @classmethod
    def hide(cls, plain: str) -> "Secret":
        """Encrypt with the first of PORTAL_FIELD_KEYS; the empty text stays empty."""
        return cls(_fernet().encrypt(plain.encode()).decode() if plain else "")

    def reveal(self) -> str:
        """The plain text; raises SecretUnreadable where no key of ours fits."""
        if not self.ciphertext:
            return ""
        try:
            return _fernet().decrypt(self.ciphertext.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable(
                "A stored secret cannot be read with any of PORTAL_FIELD_KEYS; put the key that "
                "it was stored with back, or enter the secret again."
            ) from None

    def rotated(self) -> "Secret":
        """The same under the first key; itself where it is already. Raises SecretUnreadable."""
        if not self.ciphertext or self._is_under_first_key():
            return self
        return Secret.hide(self.reveal())

    def _is_under_first_key(self) -> bool:
        try:
            Fernet(settings.FIELD_KEYS[0]).decrypt(self.ciphertext.encode())
        except InvalidToken:
            return False
        return True

    def __bool__(self) -> bool:
        return bool(self.ciphertext)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.ciphertext == self.ciphertext

    def __hash__(self) -> int:
        return hash(self.ciphertext)

    def __str__(self) -> str:
        return "••••••••" if self.ciphertext else ""

    __repr__ = __str__


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


if TYPE_CHECKING:
    _TextField = models.TextField[Secret | str, Secret]
else:
    _TextField = models.TextField


class SecretField(_TextField):
    """Holds a Secret; a plain text that is assigned to it is encrypted when saved."""

    def from_db_value(self, value: str | None, *args: object) -> Secret:
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        return value if isinstance(value, Secret) else Secret.hide(value or "")

    def pre_save(self, instance: models.Model, add: bool) -> Secret:
        secret = self.to_python(getattr(instance, self.attname))
        setattr(instance, self.attname, secret)
        return secret

    def get_prep_value(self, value: Any) -> str:
        return self.to_python(value).ciphertext

    def value_to_string(self, obj: models.Model) -> str:
        """Fixtures and serialisers get the ciphertext, never the secret."""
        return self.to_python(self.value_from_object(obj)).ciphertext

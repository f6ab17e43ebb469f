"""The words: states and the moves between them, reasons, modes, evidence."""

import os
import time
import uuid

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    """Where an agent connection stands. The first two are open, all others final."""

    CHECKING = "checking", _("Checking")
    DELIVERING = "delivering", _("Delivering")
    DELIVERED = "delivered", _("Delivered")
    SHADOWED = "shadowed", _("Shadowed")
    NOT_ANSWERED = "not_answered", _("Not answered")
    EXPIRED = "expired", _("Expired")
    IGNORED = "ignored", _("Ignored")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")

    @property
    def is_open(self) -> bool:
        return self in OPEN


OPEN = (State.CHECKING, State.DELIVERING)
FINAL = tuple(state for state in State if state not in OPEN)


class Reason(TextChoices):
    """Why a connection ended as it did: exactly one for every final state."""

    DELIVERED = "delivered", _("Lynn was told")
    WOULD_DELIVER = "would_deliver", _("Shadow mode: Lynn would have been told")
    GAVE_UP = "gave_up", _("Nobody answered in time")
    RANG_OUT = "rang_out", _("The agent let it ring out")
    SUPERSEDED = "superseded", _("Another agent answered later")
    TOO_LATE = "too_late", _("Too late to tell Lynn")
    ANSWERED_AND_OVER = "answered_and_over", _("Over before Lynn was told")
    STALE_EVENT = "stale_event", _("The event arrived too late")
    QUEUE_NOT_LISTED = "queue_not_listed", _("The queue is not listed")
    QUEUE_DISABLED = "queue_disabled", _("The queue is switched off")
    NO_QUEUE = "no_queue", _("The event names no queue")
    MEDIA_TYPE_NOT_USED = "media_type_not_used", _("The media type is not used")
    GENESYS_CREDENTIALS_REFUSED = (
        "genesys_credentials_refused",
        _("Genesys refused the credentials"),
    )
    GENESYS_PERMISSION_MISSING = "genesys_permission_missing", _("A Genesys permission is missing")
    GENESYS_UNAVAILABLE = "genesys_unavailable", _("Genesys could not be asked")
    NOT_WATCHED = "not_watched", _("The portal was not looking at the time")
    LYNN_REFUSED = "lynn_refused", _("Lynn refused the message")
    ADDRESS_NOT_ALLOWED = "address_not_allowed", _("The address may not be reached")
    NAME_UNAVAILABLE = "name_unavailable", _("The agent's name could not be found")
    INTERNAL_ERROR = "internal_error", _("An error of the portal itself")
    CANCELLED_BY_PERSON = "cancelled_by_person", _("Cancelled by a person")


REASONS: dict[State, tuple[Reason, ...]] = {
    State.DELIVERED: (Reason.DELIVERED,),
    State.SHADOWED: (Reason.WOULD_DELIVER,),
    State.NOT_ANSWERED: (Reason.GAVE_UP, Reason.RANG_OUT, Reason.SUPERSEDED),
    State.EXPIRED: (Reason.TOO_LATE, Reason.ANSWERED_AND_OVER, Reason.STALE_EVENT),
    State.IGNORED: (
        Reason.QUEUE_NOT_LISTED,
        Reason.QUEUE_DISABLED,
        Reason.NO_QUEUE,
        Reason.MEDIA_TYPE_NOT_USED,
    ),
    State.FAILED: (
        Reason.GENESYS_CREDENTIALS_REFUSED,
        Reason.GENESYS_PERMISSION_MISSING,
        Reason.GENESYS_UNAVAILABLE,
        Reason.NOT_WATCHED,
        Reason.LYNN_REFUSED,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.NAME_UNAVAILABLE,
        Reason.INTERNAL_ERROR,
    ),
    State.CANCELLED: (Reason.CANCELLED_BY_PERSON,),
}

_ENDS = (State.NOT_ANSWERED, State.EXPIRED, State.FAILED, State.CANCELLED)

# Every move there is. Back into an open state lead a person, or a proof that came late.
MOVES: dict[State, tuple[State, ...]] = {
    State.CHECKING: (State.CHECKING, State.DELIVERING, *_ENDS),
    State.DELIVERING: (State.DELIVERING, State.DELIVERED, State.SHADOWED, *_ENDS),
    State.DELIVERED: (),
    State.SHADOWED: (),
    State.IGNORED: (),
    State.NOT_ANSWERED: OPEN,
    State.EXPIRED: OPEN,
    State.FAILED: OPEN,
    State.CANCELLED: OPEN,
}


class TroubleKind(TextChoices):
    """What outside the portal can keep a tenant's work from being done."""

    LYNN_UNREACHABLE = "lynn_unreachable", _("Lynn cannot be reached")
    BULK_QUERY_REFUSED = "bulk_query_refused", _("Genesys refuses the query for several agents")


class Mode(TextChoices):
    LIVE = "live", _("Live: Lynn is told")
    SHADOW = "shadow", _("Shadow: verify for real, tell nobody")


class QueuePolicy(TextChoices):
    LISTED = "listed", _("Only the queues listed below")
    ALL = "all", _("Every queue")


class AnswerMode(TextChoices):
    MANUAL = "manual", _("Manual: the agent has to accept")
    AUTO = "auto", _("Automatic: ringing is answering")


class WithoutName(TextChoices):
    WAIT = "wait", _("Wait for the name")
    SEND = "send", _("Tell Lynn with an empty name")


class Evidence(TextChoices):
    """What showed that the agent answered."""

    AUTO = "auto", _("automatic queue")
    ACD_END = "acd_end", _("acd.end event")
    STATUS = "status", _("status check")
    USER_END = "user_end", _("user.end event")


class Kind(TextChoices):
    """What an attempt was for."""

    TOKEN = "token", _("Genesys token")
    STATUS = "status", _("Status check")
    NAME = "name", _("Name look-up")
    DELIVERY = "delivery", _("Delivery to Lynn")


class Trigger(TextChoices):
    AUTOMATIC = "automatic", _("automatic")
    PERSON = "person", _("by a person")


class Outcome(TextChoices):
    """How an attempt ended. `open` until it did; `interrupted` if its worker died meanwhile."""

    OPEN = "open", _("under way")
    OK = "ok", _("ok")
    INTERRUPTED = "interrupted", _("interrupted")
    NOT_SENT = "not_sent", _("not sent (shadow mode)")
    REFUSED = "refused", _("refused")
    UNAVAILABLE = "unavailable", _("unavailable")
    NOT_ALLOWED = "not_allowed", _("address not allowed")


MEDIA_TYPES = (
    "voice",
    "chat",
    "email",
    "callback",
    "cobrowse",
    "video",
    "screenshare",
    "message",
    "internalmessage",
    "screenmonitoring",
)


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): 48 bits of Unix ms first, so that ids sort by birth."""
    ms = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (ms << 80) | tail
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)

"""What happened to one connection, in order: events that came in, calls that went out, the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connector.admin.display import clock, moment, offset, readable_body, reason_words
from connector.audit.export import without_credentials
from connector.domain import Kind, Outcome, State
from connector.masking import without_address
from connector.models import (
    Acknowledgement,
    AgentConnection,
    Attempt,
    Event,
    ItemState,
    ReplayItem,
)
from connector.record import NOT_THERE
from connector.said import in_readers_words

KIND_TITLES = {
    Kind.TOKEN: gettext_lazy("Asked Genesys for a token"),
    Kind.STATUS: gettext_lazy("Asked Genesys about the agent"),
    Kind.NAME: gettext_lazy("Asked Genesys for the agent's name"),
    Kind.DELIVERY: gettext_lazy("Tried to tell Lynn"),
}
DELIVERY_TITLES = {
    Outcome.OK: gettext_lazy("Told Lynn"),
    Outcome.NOT_SENT: gettext_lazy("Would have told Lynn"),
}
EVENT_TITLES = {
    "user.start": gettext_lazy("Genesys offered the conversation to the agent (user.start)"),
    "acd.end": gettext_lazy("Genesys reported the outcome of the queue (acd.end)"),
    "user.end": gettext_lazy("Genesys reported the end of the agent's part (user.end)"),
}
# Genesys analytics API, segmentType, as a contact centre would say it.
SEGMENT_WORDS = {
    NOT_THERE: gettext_lazy("not seen with the agent yet"),
    "alert": gettext_lazy("still ringing"),
    "contacting": gettext_lazy("still ringing"),
    "interact": gettext_lazy("answered"),
    "hold": gettext_lazy("answered, on hold"),
    "parked": gettext_lazy("answered, parked"),
    "wrapup": gettext_lazy("already over, after-call work"),
}
GOOD, BAD, PLAIN = "good", "bad", "plain"
TONES = {
    Outcome.OK: GOOD,
    Outcome.REFUSED: BAD,
    Outcome.UNAVAILABLE: BAD,
    Outcome.NOT_ALLOWED: BAD,
    Outcome.INTERRUPTED: BAD,
}


@dataclass(frozen=True)
class Rights:
    """What the reader may see besides the plain facts."""

    bodies: bool
    external_id: bool

    def read(self, text: str, connection: AgentConnection) -> str:
        """Words of other systems, which may repeat the address of Lynn's customer."""
        return text if self.external_id else without_address(text, connection.external_id)


@dataclass(frozen=True)
class Part:
    """One half of an unfolded step: a title, some lines, a body."""

    title: str
    lines: list[str]
    body: str = ""


@dataclass(frozen=True)
class Entry:
    connection: AgentConnection
    at: datetime
    tone: str
    title: str
    words: str
    url: str = ""
    parts: list[Part] = field(default_factory=list)
    bodies_hidden: bool = False
    key: str = ""

    @property
    def offset(self) -> str:
        return _after(self.connection, self.at)

    @property
    def clock(self) -> SafeString | str:
        """With the day, where it is not that on which the event came."""
        days = {timezone.localdate(self.at), timezone.localdate(self.connection.received_at)}
        return clock(self.at) if len(days) == 1 else moment(self.at)


def timeline(
    connection: AgentConnection,
    events: Iterable[Event],
    attempts: Iterable[Attempt],
    rights: Rights,
) -> list[Entry]:
    entries = [_received(connection, event, rights) for event in events]
    entries += [_called(connection, attempt, rights) for attempt in attempts]
    entries += [_replayed(connection, item) for item in _replays(connection)]
    entries += [_acknowledged(connection, note) for note in connection.acknowledgements.all()]
    if connection.final_at:
        entries.append(_ended(connection, connection.final_at))
    return sorted(entries, key=lambda entry: entry.at)


def _replays(connection: AgentConnection) -> Iterable[ReplayItem]:
    done = connection.replay_items.filter(at__isnull=False)
    return done.select_related("replay").order_by("at")


def _replayed(connection: AgentConnection, item: ReplayItem) -> Entry:
    replay = item.replay
    said = [_("“%(why)s”, by %(who)s") % {"why": replay.why, "who": replay.by_name}]
    if item.why_not:
        said.append(_(item.why_not))
    at = item.at or replay.started_at
    return Entry(
        connection=connection,
        at=at,
        tone=PLAIN if item.state == ItemState.DONE else BAD,
        title=_("Part of a bulk replay: %(what)s") % {"what": replay.get_kind_display()},
        words=" · ".join(said),
    )


def _acknowledged(connection: AgentConnection, note: Acknowledgement) -> Entry:
    words = _("“%(note)s”, by %(who)s") % {"note": note.note, "who": note.by_name}
    return Entry(
        connection=connection,
        at=note.at,
        tone=PLAIN,
        title=_("Acknowledged"),
        words=words,
    )


def _after(connection: AgentConnection, at: datetime) -> str:
    return offset(at - connection.received_at)


def _received(connection: AgentConnection, event: Event, rights: Rights) -> Entry:
    words = [event.get_outcome_display()]
    if event.reason and event.reason != connection.reason:
        words.append(reason_words(event.reason))
    return Entry(
        connection=connection,
        at=event.received_at,
        tone=PLAIN,
        title=_event_title(event),
        words=" · ".join(words),
        url=reverse("admin:connector_event_change", args=[event.pk]),
        parts=[_posted(connection, event, rights)],
        bodies_hidden=not rights.bodies,
        key=str(event.pk),
    )


def _event_title(event: Event) -> str:
    kind = event.kind or event.topic
    known = EVENT_TITLES.get(kind)
    return str(known) if known else _("Received %(kind)s") % {"kind": kind}


def _posted(connection: AgentConnection, event: Event, rights: Rights) -> Part:
    lines = [event.topic] if event.topic else []
    return Part(_("What was posted"), lines, _body(event, "body", connection, rights))


def _called(connection: AgentConnection, attempt: Attempt, rights: Rights) -> Entry:
    return Entry(
        connection=connection,
        at=attempt.started_at,
        tone=TONES.get(Outcome(attempt.outcome), PLAIN),
        title=_call_title(attempt),
        words=rights.read(" · ".join(_words(connection, attempt)), connection),
        parts=[_request(connection, attempt, rights), _answer(connection, attempt, rights)],
        bodies_hidden=not rights.bodies,
        key=str(attempt.pk),
    )


def _call_title(attempt: Attempt) -> str:
    kind = Kind(attempt.kind)
    title = KIND_TITLES[kind]
    if kind == Kind.DELIVERY:
        title = DELIVERY_TITLES.get(Outcome(attempt.outcome), title)
    return str(title)


def _words(connection: AgentConnection, attempt: Attempt) -> list[str]:
    words = [_what_it_said(attempt)]
    if attempt.count > 1:
        words[0] = _repeated(connection, attempt, words[0])
    if attempt.outcome != Outcome.OK:
        words.insert(0, attempt.get_outcome_display())
    if attempt.status_code:
        words.append(f"HTTP {attempt.status_code}")
    if attempt.duration_ms is not None:
        words.append(f"{attempt.duration_ms} ms")
    if attempt.trigger == "person":
        words.append(attempt.get_trigger_display())
    return [word for word in words if word]


def _what_it_said(attempt: Attempt) -> str:
    if attempt.kind == Kind.STATUS and attempt.outcome == Outcome.OK:
        return str(SEGMENT_WORDS.get(attempt.detail) or in_readers_words(attempt.detail))
    return in_readers_words(attempt.detail)


def _repeated(connection: AgentConnection, attempt: Attempt, said: str) -> str:
    """Checks that said the same are one entry: how many, and from when to when."""
    counted = (
        ngettext("%(count)d check", "%(count)d checks", attempt.count)
        if attempt.kind == Kind.STATUS
        else ngettext("%(count)d call", "%(count)d calls", attempt.count)
    )
    span = _("%(counted)s from %(first)s to %(last)s s") % {
        "counted": counted % {"count": attempt.count},
        "first": _after(connection, attempt.started_at),
        "last": _after(connection, attempt.last_at),
    }
    return f"{said}, {span}" if said else span


def _request(connection: AgentConnection, attempt: Attempt, rights: Rights) -> Part:
    url = rights.read(without_credentials(attempt.url), connection)
    lines = [f"{attempt.method} {url}", *_headers(attempt.request_headers)]
    return Part(_("Request"), lines, _body(attempt, "request_body", connection, rights))


def _answer(connection: AgentConnection, attempt: Attempt, rights: Rights) -> Part:
    status = f"HTTP {attempt.status_code}" if attempt.status_code else _("No answer")
    headers = (rights.read(line, connection) for line in _headers(attempt.response_headers))
    lines = [status, *headers]
    if attempt.timing:
        lines.append(", ".join(f"{name}: {value} ms" for name, value in attempt.timing.items()))
    if attempt.response_length:
        lines.append(_("%(count)d bytes in all") % {"count": attempt.response_length})
    return Part(_("Answer"), lines, _body(attempt, "response_body", connection, rights))


def _headers(headers: dict[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _body(row: Event | Attempt, column: str, connection: AgentConnection, rights: Rights) -> str:
    """Read only for whoever may see it: for others the column was not even fetched."""
    if not rights.bodies:
        return ""
    body = getattr(row, column)
    hide = not rights.external_id
    return readable_body(body, external_id=connection.external_id, hide=hide)


def _ended(connection: AgentConnection, at: datetime) -> Entry:
    delivered = connection.state in (State.DELIVERED, State.SHADOWED)
    return Entry(
        connection=connection,
        at=at,
        tone=GOOD if delivered else PLAIN,
        title=str(State(connection.state).label),
        words=reason_words(connection.reason),
    )


def took(connection: AgentConnection) -> timedelta | None:
    """From the event to the end; None while it is open."""
    end = connection.delivered_at or connection.final_at
    return end - connection.received_at if end else None

"""One sentence for an agent connection: what became of it, why, and what a person has to do.

Each state and reason has its sentence; where it would not be true of every case, it has several.
Numbers and names are filled in from a Case, which knows the words that sentences share.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connector.circuit import PROBE_EVERY
from connector.decide import OVER
from connector.domain import Evidence, Outcome, Reason, State, TroubleKind
from connector.models import AgentConnection, Attempt
from connector.said import in_readers_words

LONGEST_QUOTE = 300


def explain(connection: AgentConnection, *, attempts: Iterable[Attempt] | None = None) -> str:
    """The sentence in the active language. Makes no query; `attempts`, in their order, only help
    where the connection itself does not hold the words of its trouble."""
    case = Case(connection, list(attempts or ()))
    key = connection.reason or connection.state
    sentence = VARYING[key](case) if key in VARYING else str(FIXED[key])
    return sentence % case


class Case:
    """The words that sentences about one connection are filled with, by name."""

    def __init__(self, connection: AgentConnection, attempts: list[Attempt]) -> None:
        self.connection = connection
        self.attempts = attempts

    def __getitem__(self, name: str) -> str:
        return str(getattr(self, name))

    @property
    def agent(self) -> str:
        connection = self.connection
        return connection.user_name or _("Agent %(id)s") % {"id": connection.user_id}

    @property
    def queue(self) -> str:
        return self.connection.queue_name or self.connection.queue_id

    @property
    def whom(self) -> str:
        """The agent, with the queue where it is known."""
        names = {"agent": self.agent, "queue": self.queue}
        return _("%(agent)s (queue %(queue)s)") % names if self.queue else self.agent

    @property
    def answer(self) -> str:
        """That the agent answered, and when: as far as the evidence shows it."""
        if self.connection.evidence == Evidence.AUTO:
            return _("The queue answers automatically")
        if not self.answer_time_is_known:
            return _("%(agent)s answered") % self
        if self.connection.evidence_detail in ("hold", "parked"):
            return _("%(agent)s answered within %(waited)s") % self
        return _("%(agent)s answered after %(waited)s") % self

    @property
    def answer_time_is_known(self) -> bool:
        connection = self.connection
        if connection.evidence == Evidence.USER_END or self.was_in_wrapup:
            return False
        answered_at = connection.answered_at
        # An acd.end that opened the connection itself says nothing of how long it rang.
        return answered_at is not None and answered_at > connection.offered_at

    @property
    def was_in_wrapup(self) -> bool:
        return self.connection.evidence_detail in OVER

    @property
    def waited(self) -> str:
        return span(self.connection.offered_at, self.connection.answered_at)

    @property
    def told(self) -> str:
        """How long after the answer Lynn was told."""
        return span(self.connection.answered_at, self._told_at)

    @property
    def told_after_event(self) -> str:
        return span(self.connection.offered_at, self._told_at)

    @property
    def _told_at(self) -> datetime | None:
        return self.connection.delivered_at or self.connection.final_at

    @property
    def limit(self) -> str:
        return span(self.connection.offered_at, self.connection.give_up_at)

    @property
    def allowed(self) -> str:
        return span(self.connection.answered_at, self.connection.deliver_by)

    @property
    def over(self) -> str:
        return span(self.connection.offered_at, self.connection.ended_at)

    @property
    def overtaken(self) -> str:
        return span(self.connection.offered_at, self.connection.superseded_at)

    @property
    def stopped(self) -> str:
        return span(self.connection.offered_at, self.connection.final_at)

    @property
    def late(self) -> str:
        happened_at = self.connection.event_time or self.connection.offered_at
        return span(happened_at, self.connection.received_at)

    @property
    def checks(self) -> str:
        count = self.connection.checks
        return ngettext("%(count)d check", "%(count)d checks", count) % {"count": count}

    @property
    def tries(self) -> str:
        count = self.connection.tries
        return ngettext("%(count)d try", "%(count)d tries", count) % {"count": count}

    @property
    def waits_for_lynn(self) -> bool:
        return self.connection.trouble == TroubleKind.LYNN_UNREACHABLE

    @property
    def probe(self) -> str:
        return _("%(number)s s") % {"number": _short(PROBE_EVERY.total_seconds())}

    @property
    def media(self) -> str:
        return self.connection.media_type

    @property
    def id(self) -> str:
        return str(self.connection.id)

    @property
    def said(self) -> str:
        """What was said when it went wrong, quoted in brackets; empty where nothing was."""
        said = " ".join((self.connection.trouble_detail or self._last_complaint).split())
        words = in_readers_words(said)
        short = words if len(words) <= LONGEST_QUOTE else f"{words[:LONGEST_QUOTE]}…"
        return f" (“{short.rstrip('.')}”)" if words else ""

    @property
    def _last_complaint(self) -> str:
        well = (Outcome.OK, Outcome.OPEN, Outcome.NOT_SENT)
        complaints = [one.detail for one in self.attempts if one.outcome not in well]
        return complaints[-1] if complaints else ""


def span(start: datetime | None, end: datetime | None) -> str:
    """How long. Clocks of two machines may differ, so less than nothing counts as nothing."""
    if start is None or end is None:
        return _("an unknown time")
    return lasting(max(end - start, timedelta(0)))


def lasting(time: timedelta) -> str:
    """In the unit that reads best: ms below 1 s, s below 120 s, then minutes, hours and days."""
    seconds = time.total_seconds()
    if round(seconds * 1000) < 1000:
        return _("%(number)s ms") % {"number": round(seconds * 1000)}
    if seconds < 120:
        return _("%(number)s s") % {"number": _short(seconds)}
    if seconds < 120 * 60:
        return _("%(number)s min") % {"number": _short(seconds / 60)}
    if seconds < 48 * 3600:
        return _("%(number)s h") % {"number": _short(seconds / 3600)}
    return _("%(number)s days") % {"number": _short(seconds / 86_400)}


def _short(value: float) -> str:
    rounded = round(value, 1)
    return number_format(rounded, 0 if rounded.is_integer() else 1)


def _delivered(case: Case) -> str:
    if case.connection.by_person:
        return _(
            "%(answer)s; after a person stepped in, Lynn was told %(told_after_event)s after the "
            "event."
        )
    if case.connection.evidence == Evidence.AUTO:
        return _("%(answer)s; Lynn was told %(told_after_event)s after the event.")
    return _("%(answer)s; Lynn was told %(told)s later.")


def _would_deliver(case: Case) -> str:
    if case.connection.evidence == Evidence.AUTO or case.connection.by_person:
        return _(
            "%(answer)s; without shadow mode Lynn would have been told %(told_after_event)s after "
            "the event."
        )
    return _("%(answer)s; without shadow mode Lynn would have been told %(told)s later.")


def _too_late(case: Case) -> str:
    if case.waits_for_lynn:
        return _(
            "%(answer)s, but Lynn could not be reached within %(allowed)s of the answer%(said)s. "
            "A person can still deliver it."
        )
    if case.connection.tries:
        return _(
            "%(answer)s, but Lynn did not accept it within %(allowed)s of the answer: %(tries)s"
            "%(said)s. A person can still deliver it."
        )
    return _(
        "%(answer)s, but the portal did not get to tell Lynn within %(allowed)s of the answer"
        "%(said)s. A person can still deliver it."
    )


def _answered_and_over(case: Case) -> str:
    if case.connection.evidence == Evidence.USER_END:
        return _(
            "%(whom)s answered, but was done %(over)s after the event, before the portal saw it; "
            "Lynn was not told."
        )
    if case.was_in_wrapup:
        return _(
            "%(whom)s answered, but was already in wrap-up when Genesys was asked; Lynn was not "
            "told."
        )
    return _("%(answer)s, but it was over %(over)s after the event, before Lynn was told.")


def _credentials_refused(case: Case) -> str:
    if case.connection.answered_at:
        return _(
            "%(answer)s, but the agent's name could not be looked up, because Genesys refused the "
            "tenant's credentials%(said)s; check client id, secret, and region or login address."
        )
    return _(
        "Whether %(whom)s answered is unknown, because Genesys refused the tenant's credentials"
        "%(said)s; check client id, secret, and region or login address."
    )


def _address_not_allowed(case: Case) -> str:
    if case.connection.answered_at:
        return _(
            "%(answer)s, but the portal may not connect to the address it needed%(said)s; correct "
            "the tenant's addresses, or open the network with PORTAL_ALLOWED_UPSTREAMS."
        )
    return _(
        "Whether %(whom)s answered is unknown, because the portal may not connect to Genesys' "
        "address%(said)s; correct it, or open the network with PORTAL_ALLOWED_UPSTREAMS."
    )


def _name_unavailable(case: Case) -> str:
    if case.connection.trouble == Reason.GENESYS_UNAVAILABLE:
        return _(
            "%(answer)s, but Genesys could not be asked for the agent's name within %(allowed)s"
            "%(said)s; deliver again once Genesys works."
        )
    if case.connection.trouble == Reason.INTERNAL_ERROR:
        return _(
            "%(answer)s, but the portal itself could not ask for the agent's name%(said)s; correct "
            "that, then deliver again."
        )
    return _(
        "%(answer)s, but Genesys did not give the agent's name within %(allowed)s%(said)s; give "
        "the OAuth client's role the permission for agent state names, or let the tenant tell "
        "Lynn without a name."
    )


def _cancelled(case: Case) -> str:
    if case.connection.tries:  # of which one may have arrived, although no answer came
        return _(
            "A person cancelled this offer to %(whom)s %(stopped)s after the event; until then "
            "Lynn had not accepted it (%(tries)s)."
        )
    return _(
        "A person cancelled this offer to %(whom)s %(stopped)s after the event; Lynn was not told."
    )


def _checking(case: Case) -> str:
    if case.connection.trouble:
        return _(
            "The last look at Genesys failed%(said)s; the portal goes on asking until %(limit)s "
            "after the event whether %(whom)s answered."
        )
    if case.connection.checks:
        return _(
            "%(whom)s had not answered at the last look (%(checks)s); Genesys is asked until "
            "%(limit)s after the event."
        )
    return _(
        "%(whom)s was offered the conversation; Genesys will be asked until %(limit)s after the "
        "event."
    )


def _delivering(case: Case) -> str:
    if case.waits_for_lynn:
        return _(
            "%(answer)s; Lynn cannot be reached at present%(said)s. It is tried every %(probe)s, "
            "and this delivery follows as soon as Lynn answers, until %(allowed)s after the answer."
        )
    if case.connection.trouble and not case.connection.user_name:
        return _(
            "%(answer)s; Lynn will be told as soon as Genesys gives the agent's name%(said)s, or "
            "never if that takes longer than %(allowed)s."
        )
    if case.connection.tries and case.said:
        return _(
            "%(answer)s; Lynn has not accepted it yet (%(tries)s)%(said)s, and the portal tries "
            "until %(allowed)s after the answer."
        )
    return _("%(answer)s; Lynn is being told.")


# A rule about which of several sentences is true.
VARYING: dict[str, Callable[[Case], str]] = {
    State.CHECKING: _checking,
    State.DELIVERING: _delivering,
    Reason.DELIVERED: _delivered,
    Reason.WOULD_DELIVER: _would_deliver,
    Reason.TOO_LATE: _too_late,
    Reason.ANSWERED_AND_OVER: _answered_and_over,
    Reason.GENESYS_CREDENTIALS_REFUSED: _credentials_refused,
    Reason.ADDRESS_NOT_ALLOWED: _address_not_allowed,
    Reason.NAME_UNAVAILABLE: _name_unavailable,
    Reason.CANCELLED_BY_PERSON: _cancelled,
}

FIXED: dict[str, object] = {
    Reason.GAVE_UP: gettext_lazy(
        "%(whom)s had still not answered %(limit)s after the event (%(checks)s); Lynn was not told."
    ),
    Reason.RANG_OUT: gettext_lazy(
        "Genesys ended the offer to %(whom)s after %(over)s without an answer; Lynn was not told."
    ),
    Reason.SUPERSEDED: gettext_lazy(
        "Another agent answered the conversation, %(overtaken)s after it was offered to %(whom)s; "
        "Lynn was not told of this offer."
    ),
    Reason.STALE_EVENT: gettext_lazy(
        "The event arrived %(late)s after it happened, too late to be of use; Lynn was not told "
        "of %(whom)s."
    ),
    Reason.QUEUE_NOT_LISTED: gettext_lazy(
        "Queue %(queue)s is not listed at the tenant; add the queue to the tenant if Lynn is to be "
        "told of its agents."
    ),
    Reason.QUEUE_DISABLED: gettext_lazy(
        "Queue %(queue)s is switched off at the tenant; switch it on if Lynn is to be told of its "
        "agents."
    ),
    Reason.NO_QUEUE: gettext_lazy(
        "The event names no queue, and the tenant uses listed queues only; let the sender post "
        "queueId, or let the tenant use every queue."
    ),
    Reason.MEDIA_TYPE_NOT_USED: gettext_lazy(
        "The tenant does not use the media type “%(media)s”; add it to the tenant if Lynn is to be "
        "told of it."
    ),
    Reason.GENESYS_PERMISSION_MISSING: gettext_lazy(
        "Whether %(whom)s answered is unknown, because Genesys does not let the OAuth client see "
        "it%(said)s; give the client's role the permission Analytics > Agent State > View."
    ),
    Reason.GENESYS_UNAVAILABLE: gettext_lazy(
        "Whether %(whom)s answered is unknown: Genesys had given no usable answer by %(limit)s "
        "after the event%(said)s; check again once Genesys works."
    ),
    Reason.NOT_WATCHED: gettext_lazy(
        "Whether %(whom)s answered is unknown: the portal was not looking at the time (it was "
        "stopped, the event came late, or a person asked again later), and Genesys no longer "
        "shows the offer; Lynn was not told."
    ),
    Reason.LYNN_REFUSED: gettext_lazy(
        "%(answer)s, but Lynn refused to be told%(said)s; correct Lynn's address or the extra "
        "headers of the tenant, then deliver again."
    ),
    Reason.INTERNAL_ERROR: gettext_lazy(
        "The portal itself failed%(said)s; whoever looks after it finds more in its log under "
        "%(id)s."
    ),
}

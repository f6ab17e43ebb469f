"""Which connections are looked for: the same filter for the list, the export and the API.

Every way to narrow them down is served by an index; nothing is found by a part of an id.
"""

import operator
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db import connection as database
from django.db.models import F, Func, Model, Q, QuerySet
from django.db.models.lookups import In
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.domain import REASONS, Reason, State
from connector.events import ACD_END, USER_END, USER_START
from connector.models import (
    WAITS,
    AgentConnection,
    Event,
    EventOutcome,
    Queue,
    Tenant,
    of_tenants,
)
from connector.offers import session_key

KINDS = (USER_START, ACD_END, USER_END)
FIRST = ("q", "state", "outcome", "tenant", "who")
LONGEST = 255
FEW = 1_000  # rows that can be named one by one
MANY = 5_000  # rows that are quickly sorted by time
TICKED = {"on": True, "true": True, "1": True, "false": False, "0": False, "": False}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LAST_CHARACTER = "\U0010ffff"


class MomentInput(forms.DateTimeInput):
    """The browser's own field for date and time, in the reader's zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"step": 1})

    def format_value(self, value: Any) -> str | None:
        moment = _moment(value)
        return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M:%S") if moment else None


class MomentField(forms.DateTimeField):
    """A date or time in ISO 8601; without a zone it is in the active one."""

    widget = MomentInput

    def to_python(self, value: Any) -> datetime | None:
        # A "+" that was not escaped in an address has become a space.
        moment = super().to_python(value.replace(" ", "+") if _has_lost_its_plus(value) else value)
        if moment and not _is_in_every_calendar(moment):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return moment


def _is_in_every_calendar(moment: datetime) -> bool:
    """Whether it can be told in any time zone: Python knows the years 1 to 9999 only."""
    return 1 < moment.year < 9999


def _has_lost_its_plus(value: Any) -> bool:
    return isinstance(value, str) and "T" in value and " " in value


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = parse_datetime(value.strip().replace(" ", "+"))
        except ValueError:
            return None
    if not isinstance(value, datetime) or not _is_in_every_calendar(value):
        return None
    return timezone.make_aware(value) if timezone.is_naive(value) else value


class Tick(forms.CheckboxInput):
    """As a box sends it, or as people write it in an address."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = data.get(name, "")
        return TICKED.get(str(value).lower(), value)


class TickField(forms.BooleanField):
    widget = Tick

    def to_python(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise forms.ValidationError(_("Write true or false."), code="invalid")
        return value


class TimeRange(forms.Form):
    """What every filter has: one tenant, and from when to when."""

    tenant = forms.ChoiceField(label=gettext_lazy("Tenant"), required=False)
    since = MomentField(
        label=gettext_lazy("From"),
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a date, or a date and a time.")},
    )
    until = MomentField(
        label=gettext_lazy("Until"),
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a date, or a date and a time.")},
    )

    def __init__(self, data: Mapping[str, Any] | None, tenants: Iterable[Tenant]) -> None:
        """`tenants`: those that the reader may see."""
        super().__init__(data, label_suffix="")
        self.tenants = {tenant.slug: tenant for tenant in tenants}
        field = self.fields["tenant"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            ("", _("All tenants")),
            *((slug, tenant.name) for slug, tenant in self.tenants.items()),
        ]
        field.error_messages["invalid_choice"] = _("There is no tenant “%(value)s”.")

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Nothing is found as long as there is a mistake in it."""
        return rows.filter(self.condition()) if self.is_valid() else rows.none()

    def condition(self) -> Q:
        return self.span()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            self.add_error("until", _("This is not after the beginning."))
        return cleaned

    @property
    def first(self) -> list[forms.BoundField]:
        """Those that are used most."""
        return [self[name] for name in FIRST if name in self.fields]

    @property
    def more(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in FIRST]

    @property
    def asks_more(self) -> bool:
        return any(field.name in self.asked or field.errors for field in self.more)

    @property
    def asked(self) -> dict[str, str]:
        """What narrows the list down, as an address says it."""
        values = {name: self[name].data for name in self.fields}
        return {name: "on" if value is True else value for name, value in values.items() if value}

    @property
    def names_an_id(self) -> bool:
        return not {"q", "agent", "queue", "conversation"}.isdisjoint(self.asked)

    @property
    def address(self) -> str:
        """The same, ready to be put after a "?"."""
        return urlencode(self.asked)

    @property
    def mistakes(self) -> dict[str, str]:
        return {name: " ".join(map(str, errors)) for name, errors in self.errors.items()}

    def span(self) -> Q:
        """Tenant and times as a condition, good for every table that has `received_at`."""
        asked = self.cleaned_data
        condition = Q()
        if asked["tenant"]:
            condition &= of_tenants([self.tenants[asked["tenant"]].pk])
        if asked["since"]:
            condition &= Q(received_at__gte=asked["since"])
        if asked["until"]:
            condition &= Q(received_at__lt=asked["until"])
        return condition


class ConnectionFilter(TimeRange):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=LONGEST,
        help_text=gettext_lazy(
            "A whole conversation, session, agent or connection id, or how an agent's name begins"
        ),
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All states")), *State.choices],
        error_messages={"invalid_choice": gettext_lazy("There is no state “%(value)s”.")},
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        choices=[("", gettext_lazy("All reasons")), *Reason.choices],
        error_messages={"invalid_choice": gettext_lazy("There is no reason “%(value)s”.")},
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue (name or id)"), required=False, max_length=LONGEST
    )
    agent = forms.CharField(
        label=gettext_lazy("Agent (name or id)"), required=False, max_length=LONGEST
    )
    conversation = forms.CharField(
        label=gettext_lazy("Conversation id"), required=False, max_length=LONGEST
    )
    waiting = TickField(label=gettext_lazy("Needs a person"), required=False)
    field_order = [
        "q",
        "state",
        "reason",
        "tenant",
        "queue",
        "agent",
        "conversation",
        "since",
        "until",
    ]

    def condition(self) -> Q:
        asked = self.cleaned_data
        condition = self.span() & _state(asked["state"], asked["reason"])
        if asked["q"]:
            condition &= _pasted(asked["q"], self.tenants.values())
        if asked["waiting"]:
            condition &= _waiting(self._tenants_asked_for())
        if asked["conversation"]:
            condition &= _conversation(AgentConnection, asked["conversation"])
        if asked["queue"]:
            condition &= _queues(asked["queue"], self._tenants_asked_for())
        if asked["agent"]:
            condition &= _agent(asked["agent"], self.tenants.values())
        return condition

    def _tenants_asked_for(self) -> list[Tenant]:
        slug = self.cleaned_data["tenant"]
        return [self.tenants[slug]] if slug else list(self.tenants.values())


class EventFilter(TimeRange):
    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=LONGEST,
        help_text=gettext_lazy("A whole conversation id"),
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("What became of it"),
        required=False,
        choices=[("", gettext_lazy("Everything")), *EventOutcome.choices],
        error_messages={"invalid_choice": gettext_lazy("There is no outcome “%(value)s”.")},
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Topic"),
        required=False,
        choices=[("", gettext_lazy("All topics")), *((kind, kind) for kind in KINDS)],
        error_messages={"invalid_choice": gettext_lazy("There is no topic “%(value)s”.")},
    )
    field_order = ["q", "outcome", "kind", "tenant", "since", "until"]

    def condition(self) -> Q:
        asked = self.cleaned_data
        condition = self.span()
        if asked["q"]:
            condition &= _conversation(Event, asked["q"])
        if asked["outcome"]:
            condition &= Q(outcome=asked["outcome"])
        if asked["kind"]:
            condition &= Q(kind=asked["kind"])
        return condition


def _state(state: str, reason: str) -> Q:
    """A reason belongs to one state, whose index then serves."""
    if not reason:
        return _stands(state) if state else Q()
    of_reason = next(each for each, reasons in REASONS.items() if reason in reasons)
    return _stands(of_reason) & Q(reason=reason) if state in ("", of_reason) else Q(pk__in=[])


def _stands(state: str) -> Q:
    """The indexes of states hold either what is open or what is final."""
    if State(state).is_open:
        return Q(state=state, due_at__gte=LONG_AGO)  # for SQLite, IS NOT NULL is no range to search
    return Q(state=state, due_at__isnull=True)


def _waiting(tenants: Iterable[Tenant]) -> Q:
    """What needs a person: by key where that is not much, or a list would be walked to its end."""
    rows = AgentConnection.objects.waiting(tenant.pk for tenant in tenants)
    ids = list(rows.values_list("pk", flat=True)[: FEW + 1])
    return Q(pk__in=ids) if len(ids) <= FEW else WAITS


def _queues(wanted: str, tenants: Iterable[Tenant]) -> Q:
    """Queues with this id or name. Of several that are much used, SQLite would sort all rows that
    their index has; the newest are found sooner without it."""
    named = Queue.objects.filter(tenant__in=tenants, name__iexact=wanted)
    ids = {*spellings(wanted), *named.values_list("genesys_id", flat=True)}
    of_queues = Q(queue_id__in=ids)
    found = _known(AgentConnection, of_queues)
    if found is of_queues and len(ids) > 1 and database.vendor == "sqlite":
        return Q(In(Func(F("queue_id"), template="+%(expressions)s"), ids))
    return found


def _pasted(term: str, tenants: Iterable[Tenant]) -> Q:
    """By a whole conversation, session, agent or connection id, or by how a name begins.

    One index after the other: an OR over all of them would use none. What others have under such
    an id does not end the search, nor shows by its end that it is there.
    """
    among = {tenant.pk for tenant in tenants}
    for match in _ids(term, tenants):
        if found := _found_among(among, Q(**match)):
            return found
    return name_begins(term)


def _conversation(model: type[Model], term: str) -> Q:
    return _known(model, Q(conversation_id__in=spellings(term)))


def _agent(term: str, tenants: Iterable[Tenant]) -> Q:
    known, among = Q(user_id__in=spellings(term)), {tenant.pk for tenant in tenants}
    return (" " not in term and _found_among(among, known)) or name_begins(term)


def _ids(term: str, tenants: Iterable[Tenant]) -> list[dict[str, Any]]:
    if " " in term:
        return []
    names = ("conversation_id", "user_id")
    matches: list[dict[str, Any]] = [{f"{name}__in": spellings(term)} for name in names]
    # What has a session is unique by it within its tenant, so that index serves.
    sessions = [session_key(each) for each in spellings(term)]
    matches.append({"tenant__in": [each.pk for each in tenants], "offer_key__in": sessions})
    try:
        return [{"pk": uuid.UUID(term)}, *matches]
    except ValueError:
        return matches


def spellings(term: str) -> list[str]:
    """Ids are kept as they came, which is in lower case, or as they were typed."""
    plain = term.strip().replace("\x00", "")
    return sorted({plain, plain.lower()})


def name_begins(term: str) -> Q:
    """Names that begin like this, in small letters or large.

    The index of names serves for the first word, as it is likely to be spelt. Where very many
    begin so it serves for all that was typed; of what is common then the newest are found sooner
    without it. PostgreSQL sees by itself what is common, from how it is likely to be spelt.
    """
    term = term.strip().replace("\x00", "")
    begins = Q(user_name__istartswith=term)
    first, whole = _spellings(term.split(" ")[0]), _spellings(term)
    if _count(first) <= MANY:
        return _known(AgentConnection, _any(first) & begins)
    count = _count(whole)
    if 0 < count <= MANY:
        return _known(AgentConnection, _any(whole) & begins)
    return _any(whole) if count and database.vendor == "postgresql" else begins


def _known(model: type[Model], condition: Q) -> Q:
    """The few rows themselves, or databases would rather look through all rows of a tenant."""
    return _found(model, condition) or Q(pk__in=[])


def _found(model: type[Model], condition: Q) -> Q | None:
    """The same; None where there are none."""
    rows = model._default_manager.filter(condition).order_by()
    ids = list(rows.values_list("pk", flat=True)[: FEW + 1])
    if not ids:
        return None
    return Q(pk__in=ids) if len(ids) <= FEW else condition


def _found_among(tenant_ids: set[int], condition: Q) -> Q | None:
    """The same for connections of these tenants. Whose they are is looked at here: asked for it,
    databases would look through all rows of these tenants."""
    rows = AgentConnection.objects.filter(condition).order_by()
    found = list(rows.values_list("pk", "tenant_id")[: FEW + 1])
    ids = [pk for pk, tenant_id in found if tenant_id in tenant_ids]
    if len(found) <= FEW:
        return Q(pk__in=ids) if ids else None
    if not ids and tenant_ids.isdisjoint(rows.values_list("tenant_id", flat=True).distinct()):
        return None
    return condition


def _spellings(text: str) -> list[Q]:
    return [_begins(each) for each in {text, text.lower(), text.upper(), text.title()}]


def _any(conditions: list[Q]) -> Q:
    return reduce(operator.or_, conditions)


def _count(conditions: list[Q]) -> int:
    """Of each no further than to one more than MANY. The index alone answers that."""
    names = AgentConnection.objects.order_by().values("user_name")
    return sum(names.filter(each)[: MANY + 1].count() for each in conditions)


def _begins(text: str) -> Q:
    """SQLite's LIKE knows no index; PostgreSQL's order of letters is the locale's."""
    if database.vendor == "sqlite":
        return Q(user_name__gte=text, user_name__lt=text + LAST_CHARACTER)
    return Q(user_name__startswith=text)

"""What people did to connections, and to users and groups: from Django's own log of the admin."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, UUIDField, Value, When
from django.db.models.functions import Cast, Replace
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from connector.admin.change_pages import Found, Key, Row, Walk
from connector.models import AgentConnection, Replay

MOST_LOOKED_AT = 5000
OF_TENANTS = (AgentConnection, Replay)  # settings have a history of their own, which says more


def acts(
    walk: Walk, source: int, who: str, tenants: Mapping[int, Any], size: int, *, with_users: bool
) -> Found:
    """The first rows of what was done to these tenants' connections; `who`: by this person alone.

    The log knows no tenants, so each entry's is looked up, and no more than MOST_LOOKED_AT
    entries are gone through at a time.
    """
    by = User.objects.filter(username=who).first() if who else None
    if who and by is None:
        return Found([])
    # By key, or PostgreSQL would look at the object of every entry before it asks whose it is.
    log = LogEntry.objects.filter(user=by.pk) if by else LogEntry.objects.all()
    entries = walk.through(log, source, "action_time")
    end = entries.values_list("action_time", "pk")[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT].first()
    if end:
        side = "lte" if walk.newer else "gte"
        entries = entries.filter(**{f"action_time__{side}": end[0]})
    found = _of(entries, tenants, with_users)[:size]
    rows = [_row(entry, source, tenants) for entry in found]
    if len(rows) == size:
        return Found(rows, rows[-1].key)
    return Found(rows, Key(end[0], source, end[1]) if end else None)


def _of(
    entries: QuerySet[LogEntry], tenants: Mapping[int, Any], with_users: bool
) -> QuerySet[LogEntry]:
    wanted = Q(tenant_id__in=list(tenants))
    if with_users:
        wanted |= Q(content_type__in=_kinds_of_users())
    return entries.select_related("user").annotate(tenant_id=_tenant()).filter(wanted)


def _tenant() -> Case:
    """Of the object that an entry is about; the log holds its id as text."""
    pk = Cast(Replace(OuterRef("object_id"), Value("-"), Value("")), UUIDField())
    return Case(
        *(
            When(
                content_type=ContentType.objects.get_for_model(model),
                then=Subquery(model._default_manager.filter(pk=pk).values("tenant_id")[:1]),
            )
            for model in OF_TENANTS
        )
    )


def _kinds_of_users() -> list[int]:
    return list(ContentType.objects.filter(app_label="auth").values_list("pk", flat=True))


def _row(entry: Any, source: int, tenants: Mapping[int, Any]) -> Row:
    key = Key(entry.action_time, source, entry.pk)
    return Row(key, entry.user.get_username(), tenants.get(entry.tenant_id, ""), _words(entry))


def _words(entry: Any) -> SafeString:
    said = entry.get_change_message() or str(entry)
    if entry.tenant_id is None:
        return format_html("{}: {}", entry.object_repr, said)
    kind = ContentType.objects.get_for_id(entry.content_type_id)
    url = reverse(f"admin:connector_{kind.model}_change", args=[entry.object_id])
    return format_html('{} (<a href="{}">{}</a>)', said, url, kind.name)

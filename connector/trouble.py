"""Troubles of a tenant: noted when they begin and end, and mailed to the people of the tenant."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.domain import TroubleKind
from connector.models import Tenant, Trouble
from connector.said import in_readers_words

logger = logging.getLogger(__name__)

QUIET = timedelta(minutes=15)  # between two mails about one kind of trouble of one tenant
MAIL_SECONDS = 5  # that a mail server may take for each step
NO_MAIL = "django.core.mail.backends.console.EmailBackend"  # where EMAIL_URL is not set

ADVICE: dict[str, object] = {
    TroubleKind.LYNN_UNREACHABLE: gettext_lazy(
        "While it lasts, deliveries wait; they follow by themselves as soon as Lynn answers. What "
        "is not delivered in time expires, and a person can still deliver it."
    ),
    TroubleKind.BULK_QUERY_REFUSED: gettext_lazy(
        "Agents are asked for one by one, within the same limit of calls, so with many agents "
        "ringing each is looked at less often. Ask Genesys why POST "
        "/api/v2/analytics/agents/status/query is refused; it is tried again every hour."
    ),
}


def begin(tenant: Tenant, kind: TroubleKind, detail: str, now: datetime, *, count: int = 1) -> None:
    """Note that this trouble is there. While it is on record already, it only counts on and takes
    over the new words."""
    trouble, is_new = Trouble.objects.get_or_create(
        tenant=tenant,
        kind=kind,
        until=None,
        defaults={"since": now, "detail": detail, "count": count},
    )
    if is_new:
        logger.warning("%s: %s (%s)", tenant.slug, kind.label, detail)
    else:
        Trouble.objects.filter(pk=trouble.pk).update(count=F("count") + count, detail=detail)


def end(tenant: Tenant, kind: TroubleKind, now: datetime) -> None:
    """Note that it is over; does nothing where it was not there."""
    there = Trouble.objects.filter(tenant=tenant, kind=kind, until=None)
    if there.update(until=now, is_news=True):
        logger.info("%s: over: %s", tenant.slug, kind.label)


def tell_people(now: datetime, stop_at: float = math.inf) -> tuple[int, bool]:
    """Mail what is news, at most once in QUIET about one kind of trouble of one tenant.

    Returns about how many of these a mail was sent, and whether time.monotonic() came to `stop_at`
    before all were. Safe to be called by several processes at once.
    """
    news = Trouble.objects.filter(is_news=True).order_by().values_list("tenant_id", "kind")
    sent = 0
    for tenant_id, kind in news.distinct():
        if time.monotonic() >= stop_at:
            return sent, True
        sent += _tell(Tenant.objects.get(pk=tenant_id), kind, now)
    return sent, False


def _tell(tenant: Tenant, kind: str, now: datetime) -> bool:
    """A mail that cannot be sent stays news, and is tried again when QUIET is over."""
    addresses = _addresses(tenant) if settings.EMAIL_BACKEND != NO_MAIL else []
    with transaction.atomic():
        troubles = _take_news(tenant, kind, now, told_at=now if addresses else None)
    if not troubles or not addresses:
        return False
    try:
        _send(tenant, troubles, addresses)
    except (OSError, SMTPException) as exc:
        logger.warning("%s: nobody could be mailed about its trouble: %s", tenant.slug, exc)
        ids = [trouble.pk for trouble in troubles]
        Trouble.objects.filter(pk__in=ids).update(is_news=True)
        return False
    return True


def _take_news(
    tenant: Tenant, kind: str, now: datetime, *, told_at: datetime | None
) -> list[Trouble]:
    """The troubles to be told of now, marked as told; none while the last mail is fresh."""
    same = Trouble.objects.filter(tenant=tenant, kind=kind)
    news = list(same.filter(is_news=True).select_for_update().order_by("since"))
    if not news or same.filter(told_at__gt=now - QUIET).exists():
        return []
    same.filter(pk__in=[trouble.pk for trouble in news]).update(is_news=False, told_at=told_at)
    return news


def _addresses(tenant: Tenant) -> list[str]:
    """Of the people listed on the tenant, and of those who look after the whole portal."""
    people = get_user_model().objects.filter(is_active=True).exclude(email="")
    concerned = people.filter(Q(tenants=tenant) | Q(is_superuser=True))
    return sorted(set(concerned.values_list("email", flat=True)))


def _send(tenant: Tenant, troubles: Sequence[Trouble], addresses: Sequence[str]) -> None:
    """One message for each person, so that nobody reads the others' addresses."""
    with translation.override(settings.LANGUAGE_CODE):
        subject, body = _subject(tenant, troubles[-1]), "\n".join(_lines(tenant, troubles))
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT or MAIL_SECONDS)
    connection.send_messages([EmailMessage(subject, body, to=[each]) for each in addresses])


def _subject(tenant: Tenant, trouble: Trouble) -> str:
    name = " ".join(tenant.name.split())  # a line break would let no mail out
    words = {"tenant": name, "trouble": trouble.get_kind_display()}
    if trouble.is_over:
        return _("%(tenant)s: over: %(trouble)s") % words
    return _("%(tenant)s: %(trouble)s") % words


def _lines(tenant: Tenant, troubles: Sequence[Trouble]) -> Iterator[str]:
    for trouble in troubles:
        yield _sentence(tenant, trouble)
    if not troubles[-1].is_over and troubles[-1].kind in ADVICE:
        yield f"\n{ADVICE[troubles[-1].kind]}"
    yield "\n" + settings.BASE_URL + reverse("admin:connector_tenant_change", args=[tenant.pk])


def _sentence(tenant: Tenant, trouble: Trouble) -> str:
    words = {
        "trouble": trouble.get_kind_display(),
        "since": _in_zone(tenant, trouble.since),
        "until": _in_zone(tenant, trouble.until or trouble.since),
        "detail": in_readers_words(trouble.detail),
    }
    if trouble.is_over:
        return _("%(trouble)s: from %(since)s to %(until)s (%(detail)s). It is over.") % words
    return _("%(trouble)s: since %(since)s (%(detail)s).") % words


def _in_zone(tenant: Tenant, moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(tenant.time_zone))
    return f"{date_format(local, 'DATETIME_FORMAT')} ({tenant.time_zone})"

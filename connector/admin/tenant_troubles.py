"""What kept a tenant's work from being done: now and lately."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from connector.models import Tenant, Trouble
from connector.said import in_readers_words
from connector.trouble import ADVICE

LATELY = timedelta(days=7)
MOST = 10


def troubles_of(tenant: Tenant) -> dict[str, Any]:
    """`now`: each with a remedy; `lately`: what is over."""
    recent = Trouble.objects.filter(tenant=tenant)
    return {
        "now": [
            {
                "trouble": each,
                "said": in_readers_words(each.detail),
                "remedy": ADVICE.get(each.kind, ""),
            }
            for each in recent.filter(until__isnull=True)
        ],
        "lately": list(recent.filter(until__gt=timezone.now() - LATELY)[:MOST]),
    }

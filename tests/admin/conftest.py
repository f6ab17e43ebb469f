"""Two tenants, people of each kind, and one connection with a story."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from connector.domain import Evidence, Kind, Outcome, Reason, State
from connector.models import AgentConnection, Attempt, Event, EventOutcome, Tenant
from connector.permissions import make_groups

START = datetime(2026, 10, 12, 14, 3, 21, tzinfo=UTC)
EXTERNAL_ID = "+573001112233"
CLIENT_SECRET = "genesys-secret-zqx81"
HEADER_SECRET = "header-secret-pwv72"
POSTED = '{"conversationId": "c-1", "addressTo": "+573001112233", "mark": "posted-mark"}'
TOLD = '{"externalId": "+573001112233", "mark": "told-mark"}'


@pytest.fixture(autouse=True)
def _portal(db, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = False  # no need to look at every file for every test
    call_command("createcachetable", verbosity=0)
    make_groups(using="default", apps=apps)
    settings.BASE_URL = "https://portal.example.com"
    settings.SECURE_SSL_REDIRECT = False


def make_tenant(slug, **columns):
    tenant = Tenant(
        slug=slug,
        name=columns.pop("name", slug.title()),
        client_id="5b1e0c9a-0000-4000-8000-000000000000",
        client_secret=CLIENT_SECRET,
        lynn_base_url="https://lynn.example.com/eu",
        **columns,
    )
    tenant.extra_headers = {"X-Lynn-Key": HEADER_SECRET}
    tenant.save()
    return tenant


def make_connection(tenant, number=1, **columns):
    fields = {
        "offer_key": f"s:s-{number}",
        "conversation_id": f"c-{number}",
        "session_id": f"s-{number}",
        "user_id": f"u-{number}",
        "user_name": "María Fernanda Ríos",
        "queue_name": "Soporte",
        "external_id": EXTERNAL_ID,
        "answer_mode": "manual",
        "received_at": START,
        "offered_at": START,
        "give_up_at": START + timedelta(minutes=2),
        "state": State.FAILED,
        "reason": Reason.LYNN_REFUSED,
        "evidence": Evidence.STATUS,
        "answered_at": START + timedelta(seconds=14),
        "final_at": START + timedelta(seconds=15),
    }
    return AgentConnection.objects.create(tenant=tenant, **fields | columns)


def make_event(tenant, connection=None, **columns):
    return Event.objects.create(
        tenant=tenant,
        connection=connection,
        received_at=START,
        topic="v2.detail.events.conversation.c-1.user.start",
        kind="user.start",
        outcome=EventOutcome.OPENED,
        conversation_id="c-1",
        body=POSTED,
        **columns,
    )


def make_attempt(connection, kind, after, **columns):
    at = START + timedelta(seconds=after)
    return Attempt.objects.create(
        connection=connection,
        kind=kind,
        call_id=connection.pk,
        started_at=at,
        last_at=columns.pop("last_at", at),
        method="POST",
        url="https://lynn.example.com/eu/PureCloud/OpenMessaging_OnEvent",
        outcome=columns.pop("outcome", Outcome.OK),
        **columns,
    )


@pytest.fixture
def tenant():
    return make_tenant("banco-sur", name="Banco del Sur")


@pytest.fixture
def foreign():
    return make_tenant("clinica", name="Clínica Andina")


@pytest.fixture
def connection(tenant):
    connection = make_connection(tenant)
    make_event(tenant, connection)
    last = START + timedelta(seconds=14)
    make_attempt(connection, Kind.STATUS, 2, last_at=last, count=7, detail="alert")
    make_attempt(
        connection, Kind.DELIVERY, 15, outcome=Outcome.REFUSED, status_code=401, request_body=TOLD
    )
    return connection


@pytest.fixture
def browser(tenant):
    """Signs a person in who belongs to the tenant and to a group."""

    def sign_in(group, *permissions):
        user = User.objects.create_user(f"{group}@example.com", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        for permission in permissions:
            user.user_permissions.add(permission_called(permission))
        tenant.people.add(user)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


def permission_called(codename):
    permissions = apps.get_model("auth", "Permission").objects
    return permissions.get(content_type__app_label="connector", codename=codename)


@pytest.fixture
def root():
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client

"""All pages: they open for whom they should, show no secret, and looking changes nothing."""

import re

import pytest
from django.contrib import admin
from django.forms.models import model_to_dict

from connector.models import AgentConnection, Event, Tenant, WebhookToken
from tests.admin.conftest import CLIENT_SECRET, HEADER_SECRET, make_connection, make_event

ROLES = ["Tenant admins", "Operators", "Auditors"]


def pages(tenant, connection):
    event = connection.events.get()
    return [
        "/admin/",
        "/admin/connector/",
        "/admin/connector/tenant/",
        f"/admin/connector/tenant/{tenant.pk}/change/",
        f"/admin/connector/tenant/{tenant.pk}/history/",
        "/admin/connector/agentconnection/",
        f"/admin/connector/agentconnection/{connection.pk}/change/",
        f"/admin/connector/agentconnection/{connection.pk}/history/",
        "/admin/connector/event/",
        f"/admin/connector/event/{event.pk}/change/",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_each_page_opens_for_each_role(browser, tenant, connection, role):
    client = browser(role)

    assert {200} == {client.get(page).status_code for page in pages(tenant, connection)}


@pytest.mark.parametrize("path", ["connector/tenant/add/", "no-such-page/", "logout/", "language/"])
def test_no_cache_keeps_what_names_a_person_not_even_a_refusal(browser, path):
    """The pages themselves are Django's to mark."""
    answer = browser("Operators").post(f"/admin/{path}")

    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("role", ROLES)
def test_no_secret_is_in_any_page(browser, tenant, connection, role):
    _, plain = WebhookToken.make(tenant, connection.received_at)
    client = browser(role)

    shown = "".join(client.get(page).text for page in pages(tenant, connection))

    for secret in (CLIENT_SECRET, HEADER_SECRET, plain, tenant.client_secret.ciphertext):
        assert secret not in shown


def test_the_superuser_sees_all_pages_without_secrets_or_inline_code(root, tenant, connection):
    for page in [*pages(tenant, connection), "/admin/connector/tenant/add/"]:
        answer = root.get(page)

        assert answer.status_code == 200
        assert CLIENT_SECRET not in answer.text
        assert HEADER_SECRET not in answer.text
        assert not re.search(r"<style| style=|<script>| on[a-z]+=", answer.text)
        assert not re.search(r'(src|action)="(https?:)?//', answer.text)


def test_pages_need_the_permission_to_see_them(browser, tenant, connection):
    client = browser("Auditors")
    client.get("/admin/")
    tenant.people.get().groups.clear()

    refused = {client.get(page).status_code for page in pages(tenant, connection)[2:]}

    assert {403} == refused


def test_foreign_tenants_are_invisible(browser, foreign):
    connection = make_connection(foreign)
    make_event(foreign, connection)
    client = browser("Operators")

    for page in pages(foreign, connection)[1:]:
        answer = client.get(page, follow=True)
        assert "Clínica Andina" not in answer.text
        assert "María" not in answer.text


@pytest.mark.parametrize("page", ["tenant", "agentconnection", "event"])
def test_whoever_may_see_all_tenants_sees_the_foreign_one(browser, foreign, page):
    make_event(foreign, make_connection(foreign))
    client = browser("Auditors", "view_all_tenants")

    assert "Clínica Andina" in client.get(f"/admin/connector/{page}/").text


def test_looking_changes_nothing(root, tenant, connection):
    acting = [
        f"/admin/connector/tenant/{tenant.pk}/tokens/make/",
        f"/admin/connector/tenant/{tenant.pk}/tokens/1/end/",
        f"/admin/connector/agentconnection/{connection.pk}/deliver-again/",
        f"/admin/connector/agentconnection/{connection.pk}/check-again/",
        f"/admin/connector/agentconnection/{connection.pk}/cancel/",
    ]
    before = everything()

    codes = [root.get(page).status_code for page in pages(tenant, connection) + acting]

    assert before == everything()
    assert [302] * len(acting) == codes[-len(acting) :]


def everything():
    rows = [*Tenant.objects.all(), *AgentConnection.objects.all(), *Event.objects.all()]
    return [model_to_dict(row) for row in rows] + list(WebhookToken.objects.values())


@pytest.mark.parametrize(
    "lookup",
    [
        "agentconnection/?external_id__startswith=%2B57",
        "event/?body__contains=57",
        "tenant/?people__password__startswith=p",
        "agentconnection/?tenant__people__email=x",
    ],
)
def test_what_is_hidden_cannot_be_guessed_by_filters(browser, lookup):
    client = browser("Operators")

    answer = client.get(f"/admin/connector/{lookup}")

    assert answer.status_code == 302
    assert answer.url.endswith("/?")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("tenant", "No tenants yet"),
        ("agentconnection", "make a webhook token"),
        ("event", "compare the webhook address"),
    ],
)
def test_an_empty_list_says_what_to_do(root, page, words):
    assert words in root.get(f"/admin/connector/{page}/").text


def test_the_pages_of_django_q2_are_not_shown(root):
    assert "django_q" not in root.get("/admin/").text
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]


def test_people_and_groups_have_their_pages(root):
    assert root.get("/admin/auth/user/").status_code == 200
    assert "Operators" in root.get("/admin/auth/group/").text

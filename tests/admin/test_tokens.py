"""Webhook tokens: shown once, ended by a button, by those who may change the tenant."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from connector.models import WebhookToken
from connector.models.token import digest_of
from tests.admin.conftest import START, permission_called


@pytest.fixture
def page(tenant):
    return f"/admin/connector/tenant/{tenant.pk}/change/"


@pytest.fixture
def make(tenant):
    return f"/admin/connector/tenant/{tenant.pk}/tokens/make/"


def end(token):
    return f"/admin/connector/tenant/{token.tenant_id}/tokens/{token.pk}/end/"


def shown_token(answer):
    return re.search(r'id="token"[^>]* value="([^"]+)"', answer.text)[1]


def test_a_new_token_is_shown_once(browser, tenant, page, make):
    client = browser("Tenant admins")

    answer = client.post(make)

    plain = shown_token(answer)
    assert tenant.tokens.get().digest == digest_of(plain)
    assert "no-store" in answer["Cache-Control"]
    assert page in answer.text
    assert plain not in client.get(page).text
    assert plain not in str(dict(client.session)) + client.cookies.output()


def test_the_page_shows_the_address_and_the_end_of_each_token(browser, tenant, page):
    token, _ = WebhookToken.make(tenant, START)

    shown = browser("Operators").get(page).text

    assert "https://portal.example.com/api/v1/tenants/banco-sur/events" in shown
    assert f"…{token.last4}" in shown
    assert "tokens/" not in shown


def test_a_third_token_is_refused(browser, tenant, make):
    for _ in range(2):
        WebhookToken.make(tenant, START)

    answer = browser("Tenant admins").post(make, follow=True)

    assert "Two tokens are live already" in answer.text
    assert tenant.tokens.count() == 2


def test_an_ended_token_is_no_longer_live(browser, tenant, page):
    token, _ = WebhookToken.make(tenant, START)
    client = browser("Tenant admins")

    answer = client.post(end(token), follow=True)

    token.refresh_from_db()
    assert token.slot is None
    assert "is refused from now on" in answer.text
    assert "No token yet" in answer.text


@pytest.mark.parametrize("role", ["Operators", "Auditors"])
def test_tokens_belong_to_those_who_may_change_the_tenant(browser, tenant, make, role):
    token, _ = WebhookToken.make(tenant, START)
    client = browser(role)

    assert [client.post(make).status_code, client.post(end(token)).status_code] == [403, 403]
    assert tenant.tokens.filter(slot__isnull=False).count() == 1


@pytest.mark.parametrize(
    ("right", "codes"),
    [("add_webhooktoken", (200, 403)), ("change_webhooktoken", (403, 302)), (None, (403, 403))],
)
def test_making_and_ending_need_rights_of_their_own(tenant, page, make, right, codes):
    user = User.objects.create_user("ana", is_staff=True)
    tenant.people.add(user)
    for codename in filter(None, ("view_tenant", "change_tenant", right)):
        user.user_permissions.add(permission_called(codename))
    client = Client()
    client.force_login(user)
    token, _ = WebhookToken.make(tenant, START)

    shown = client.get(page).text

    assert codes == (client.post(make).status_code, client.post(end(token)).status_code)
    assert [make in shown, end(token) in shown] == [code != 403 for code in codes]


def test_tokens_of_foreign_tenants_are_out_of_reach(browser, tenant, foreign):
    token, _ = WebhookToken.make(foreign, START)
    client = browser("Tenant admins")
    mixed = f"/admin/connector/tenant/{tenant.pk}/tokens/{token.pk}/end/"

    assert [client.post(end(token)).status_code, client.post(mixed).status_code] == [404, 404]
    token.refresh_from_db()
    assert token.slot == 1


@pytest.mark.parametrize(("after", "hours"), [("hour", 1), ("day", 24), ("week", 168)])
def test_a_token_may_end_later(browser, tenant, after, hours):
    token, _ = WebhookToken.make(tenant, START)

    shown = browser("Tenant admins").post(end(token), {"after": after}, follow=True).text

    token.refresh_from_db()
    left = token.ends_at - timezone.now()
    assert timedelta(hours=hours - 1) < left <= timedelta(hours=hours)
    assert token.slot == 1
    assert "ends by itself" in shown


def test_an_ended_token_gets_no_later_end(browser, tenant):
    token, _ = WebhookToken.make(tenant, START)
    token.end(START)

    browser("Tenant admins").post(end(token), {"after": "week"})

    token.refresh_from_db()
    assert (None, START) == (token.slot, token.ends_at)

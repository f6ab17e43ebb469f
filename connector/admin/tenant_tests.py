"""Test connection and the test message to Lynn."""

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from connector import probe
from connector.admin.probe_words import in_words
from connector.admin.tenant_pages import TenantPages, calling_out, last_probe, record_probe
from connector.clients.lynn import PATH
from connector.errors import SecretUnreadable
from connector.models import Probe, Tenant
from connector.said import in_readers_words

SHOWN_MESSAGES = 5


class TestViews(TenantPages):
    """A tenant's page with tests."""

    __test__ = False  # not one for pytest

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/test/",
                self.acting_view("test_connection", self.test_connection),
                name="connector_tenant_test",
            ),
            path(
                "<path:object_id>/message/",
                self.looking_view("send_test", self.message_page),
                name="connector_tenant_message",
            ),
            path(
                "<path:object_id>/message/send/",
                self.acting_view("send_test", self.send_message),
                name="connector_tenant_send_message",
            ),
        ]
        return own + super().get_urls()

    @calling_out
    def test_connection(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        steps = probe.run(tenant, timezone.now)
        result = {"steps": [step.as_json() for step in steps]}
        record_probe(request, tenant, Probe.Kind.CONNECTION, probe.worst(steps), result)
        answer = self.back_to(tenant.pk)
        answer["Location"] += "#test"
        return answer

    def tests_box(self, tenant: Tenant) -> dict[str, Any]:
        last = last_probe(tenant, Probe.Kind.CONNECTION)
        return {
            "last": last,
            "is_old": bool(last and tenant.updated_at > last.at),
            "steps": in_words(tenant, last.result["steps"]) if last else [],
            "message": last_probe(tenant, Probe.Kind.MESSAGE),
        }

    def message_page(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        sent = Probe.objects.filter(tenant=tenant, kind=Probe.Kind.MESSAGE).order_by("-id")
        values = probe.message_values("…")
        return self.tenant_page(
            request,
            tenant,
            "message",
            _("Send a test message to Lynn"),
            url=tenant.lynn_base_url.rstrip("/") + PATH,
            body=_laid_out(
                {
                    "conversationId": values["conversation_id"],
                    "userId": values["user_id"],
                    "userName": values["user_name"],
                    "type": "eventAgentConnect",
                    "provider": values["provider"],
                    "externalId": values["external_id"],
                }
            ),
            sent=[_as_shown(each) for each in sent[:SHOWN_MESSAGES]],
        )

    @calling_out
    def send_message(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        try:
            outcome, result = probe.message(tenant, uuid.uuid4())
        except SecretUnreadable:
            words = _("Nothing was sent: the stored headers cannot be read. Enter them again.")
            self.message_user(request, words, messages.ERROR)
            return redirect(self.address("message"), tenant.pk)
        sent = record_probe(request, tenant, Probe.Kind.MESSAGE, outcome, result)
        self.log_change(request, tenant, _("Sent a test message to Lynn."))
        if sent.outcome == probe.GOOD:
            self.message_user(request, _("Lynn took the test message."), messages.SUCCESS)
        else:
            self.message_user(request, _("Lynn did not take the test message."), messages.ERROR)
        return redirect(self.address("message"), tenant.pk)


def _as_shown(sent: Probe) -> dict[str, Any]:
    result = sent.result
    return {
        "at": sent.at,
        "by": sent.by_name,
        "outcome": sent.outcome,
        **result,
        "error": in_readers_words(result["error"]),
        "request_body": _pretty(result["request_body"]),
        "body": _pretty(result["body"]),
    }


def _pretty(text: str) -> str:
    try:
        return _laid_out(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _laid_out(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)

"""The door for senders: authenticate, parse, store in one transaction, answer."""

import base64
import binascii
import logging
import secrets
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from gunicorn.http.errors import ParseException
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connector import clock, directory, events, rates, receive, wake
from connector.domain import State
from connector.errors import InvalidEvent
from connector.models import Tenant, WebhookToken
from connector.models.token import digest_of

logger = logging.getLogger(__name__)

RETRY_AFTER_FAILURE = 5  # seconds
READ_AT_MOST = 1024 * 1024  # bytes
_NO_DIGEST = "0" * 64


class Refusal(APIException):
    """An answer other than 202; `reason` is the word in its `error`."""

    def __init__(
        self,
        status_code: int,
        reason: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail, reason)
        self.status_code = status_code
        self.content = {"error": reason, "detail": detail, **extra}
        self.headers = headers or {}


class ReceiptSerializer(serializers.Serializer[receive.Receipt]):
    id = serializers.UUIDField(allow_null=True, help_text="The connection; null for none.")
    state = serializers.CharField()
    reason = serializers.CharField(help_text="Empty while the connection is open.")
    duplicate = serializers.BooleanField()


class RefusalSerializer(serializers.Serializer[Any]):
    error = serializers.CharField()
    detail = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), required=False
    )


class EventsView(APIView):
    """`POST /api/v1/tenants/<slug>/events`."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    http_method_names = ["post"]  # a 2xx means that an event is stored, so OPTIONS gets none

    @extend_schema(
        operation_id="post_event",
        summary="Post one Genesys event",
        description=(
            "Accepts an EventBridge envelope, its bare `detail`, a notification, a bare event "
            "body, or a flat object composed in an Architect workflow, of at most 64 KiB. A 2xx "
            "means that the event is safely stored. The tenant's token comes as `Authorization: "
            "Bearer`, as `X-Api-Key`, or as the password of HTTP Basic."
        ),
        request=OpenApiTypes.OBJECT,
        examples=[
            OpenApiExample(
                "Composed in a workflow",
                request_only=True,
                value={
                    "topic": "v2.detail.events.conversation.{id}.user.start",
                    "conversationId": "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814",
                    "userId": "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246",
                    "eventTime": "1791813801482",
                },
            )
        ],
        responses={
            202: ReceiptSerializer,
            400: RefusalSerializer,
            401: RefusalSerializer,
            403: RefusalSerializer,
            413: RefusalSerializer,
            415: RefusalSerializer,
            429: OpenApiResponse(RefusalSerializer, "With Retry-After, in seconds."),
            503: OpenApiResponse(RefusalSerializer, "With Retry-After; nothing was stored."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        body = _read(request)
        # A lost connection shows itself; asking beforehand would cost every post a round trip.
        connection.health_check_done = True  # type: ignore[attr-defined]
        try:
            return self._store(request, slug, body)
        except (OperationalError, InterfaceError):
            if connection.is_usable():
                raise
            connection.close()
            return self._store(request, slug, body)

    def _store(self, request: Request, slug: str, body: bytes) -> Response:
        """What was stored already by a try that lost its connection is a duplicate for the next."""
        now = clock.now()
        tenant = authenticate(request, slug, now)
        _accept(request, body, tenant, now)
        try:
            event = events.parse(body)
        except InvalidEvent as exc:
            receive.record_refusal(tenant, "invalid_event", str(exc), _readable(body), now)
            raise _invalid(exc) from None
        receipt = receive.receive(tenant, event, _readable(body), now)
        if receipt.state == State.DELIVERING:
            wake.call()
        return Response(vars(receipt), status.HTTP_202_ACCEPTED)

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Whatever a sender says it accepts, it is told in JSON."""
        return super().perform_content_negotiation(request, force=True)

    def handle_exception(self, exc: Exception) -> Response:
        """Every answer is an object with `error` and `detail`; a database that is away, or not
        migrated yet, is a 503."""
        if isinstance(exc, OperationalError | InterfaceError | ProgrammingError):
            logger.error("An event could not be stored: %s", exc)
            exc = _unavailable()
        if isinstance(exc, Refusal):
            return Response(exc.content, exc.status_code, headers=exc.headers)
        response = super().handle_exception(exc)
        if isinstance(exc, APIException):
            response.data = {"error": exc.default_code, "detail": str(exc.detail)}
        return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Senders are answered in JSON also where Django refuses before the view."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    detail = f"This request cannot be answered ({type(exception).__name__})."
    return JsonResponse({"error": "bad_request", "detail": detail}, status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Whoever mistypes an address of the API is told so in JSON too."""
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception)
    detail = _("There is nothing at this address; /api/v1/schema describes those that there are.")
    return JsonResponse({"error": "not_found", "detail": detail}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """A defect of ours: the log says which."""
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    if _is_for_events(request):
        detail = "The portal has failed; its log says why. Send the event again."
    else:
        detail = _("The portal has failed; its log says why. Nothing is wrong with your request.")
    return JsonResponse({"error": "internal_error", "detail": detail}, status=500)


def _is_for_events(request: HttpRequest) -> bool:
    return request.path.rstrip("/").endswith("/events")


def authenticate(request: Request, slug: str, now: datetime) -> Tenant:
    """The tenant whose live token the request shows; raises Refusal 401, the same and after the
    same work for an unknown tenant as for a wrong token."""
    tokens = directory.live_tokens(slug.replace("\x00", "\ufffd"), now)  # PostgreSQL refuses a NUL
    stored = [token.digest for token in tokens] + [_NO_DIGEST] * (2 - len(tokens))
    shown = [digest_of(candidate) for candidate in _shown_tokens(request)]
    fits = [
        any([secrets.compare_digest(digest, candidate) for candidate in shown])  # noqa: C419
        for digest in stored
    ]
    used = next((token for token, fit in zip(tokens, fits, strict=False) if fit), None)
    if used is None:
        raise _unauthorized()
    if used.is_note_due:
        WebhookToken.objects.filter(pk=used.id).update(last_used_at=now)
    try:
        return directory.tenant_of(used)
    except Tenant.DoesNotExist:  # deleted in this very moment
        raise _unauthorized() from None


def _shown_tokens(request: Request) -> list[str]:
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    shown = [request.headers.get("X-Api-Key", "").strip()]
    if scheme.lower() == "bearer":
        shown.append(value.strip())
    elif scheme.lower() == "basic":
        shown.append(_basic_password(value.strip()))
    return [token for token in shown if token]


def _basic_password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _accept(request: Request, body: bytes, tenant: Tenant, now: datetime) -> None:
    """Raises Refusal unless this tenant may post this now, and keeps a record of the refusal."""
    if rates.is_over_limit(tenant, now):
        raise _over_limit(tenant)
    refusal = _refusal(request, body, tenant)
    if refusal:
        receive.record_refusal(tenant, refusal.content["error"], refusal.content["detail"], "", now)
        raise refusal


def _refusal(request: Request, body: bytes, tenant: Tenant) -> Refusal | None:
    if not tenant.enabled:
        return Refusal(403, "tenant_disabled", f"The tenant {tenant.slug} is switched off.")
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        return Refusal(
            415, "unsupported_media_type", "Send the event with Content-Type: application/json."
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return Refusal(415, "unsupported_media_type", "Send the event as it is, not compressed.")
    if max(_announced_length(request), len(body)) > events.MAX_BYTES:
        return _too_large()
    return None


def _announced_length(request: Request) -> int:
    try:
        return int(request.headers.get("Content-Length", ""))
    except ValueError:
        return 0


def _read(request: Request) -> bytes:
    """The body, also of a post that will be refused: what is left unread of it would cost the
    sender its connection, and with it the next event. Only what is far too large is left.

    Django reads as many bytes as Content-Length says; a body in chunks has none.
    """
    try:
        if 0 < _announced_length(request) <= READ_AT_MOST:
            return request.body
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            body: bytes = request.META["wsgi.input"].read(READ_AT_MOST)
            return body
    except (OSError, ParseException):
        raise _invalid(
            InvalidEvent("The body broke off, or its chunks are not well formed.")
        ) from None
    return b""


def _readable(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _invalid(exc: InvalidEvent) -> Refusal:
    return Refusal(400, "invalid_event", exc.detail, fields=exc.fields)


def _unauthorized() -> Refusal:
    return Refusal(
        401,
        "unauthorized",
        "No live token of this tenant was sent. Send it as Authorization: Bearer, as X-Api-Key, "
        "or as the password of HTTP Basic.",
        headers={"WWW-Authenticate": 'Bearer realm="events"'},
    )


def _too_large() -> Refusal:
    return Refusal(413, "too_large", f"The body is larger than {events.MAX_BYTES} bytes.")


def _over_limit(tenant: Tenant) -> Refusal:
    return Refusal(
        429,
        "too_many_events",
        f"More than {tenant.inbound_per_second} events in a second; try again.",
        headers={"Retry-After": "1"},
    )


def _unavailable() -> Refusal:
    return Refusal(
        503,
        "unavailable",
        "The event could not be stored now; nothing was lost on this side, send it again.",
        headers={"Retry-After": str(RETRY_AFTER_FAILURE)},
    )

"""`GET /api/v1/connections` and `/api/v1/connections/<id>`: the audit records that one may see."""

import logging
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from connector.api.pages import CURSOR, PAGE_SIZE, address_of, page_asked_for
from connector.api.shapes import AuditErrorSerializer, AuditPageSerializer, AuditRecordSerializer
from connector.api.sign_in import CountedBasic
from connector.audit.export import attempts_of, record
from connector.domain import Reason, State
from connector.find import ConnectionFilter
from connector.models import AgentConnection
from connector.scope import from_newest, seen_by, tenants_of

logger = logging.getLogger(__name__)

FILTERS = (
    "tenant",
    "state",
    "reason",
    "conversation",
    "agent",
    "queue",
    "since",
    "until",
    "waiting",
)
RETRY_AFTER = 5  # seconds
PERMISSION = "connector.view_agentconnection"
SIGN_IN: list[Any] = [{"basic": []}, {"session": []}]
ERRORS = {
    400: AuditErrorSerializer,
    401: OpenApiResponse(AuditErrorSerializer, "Not signed in, or wrong user name or password."),
    403: OpenApiResponse(AuditErrorSerializer, "The permission to see connections is missing."),
    429: OpenApiResponse(AuditErrorSerializer, "Too many wrong passwords; see Retry-After."),
    503: OpenApiResponse(AuditErrorSerializer, "The database is away; see Retry-After."),
}


class MaySeeConnections(BasePermission):
    """The same people who may see them in the admin."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))


class AuditView(APIView):
    """Answers in JSON whatever happens, errors too."""

    authentication_classes = (CountedBasic, SessionAuthentication)
    permission_classes = (MaySeeConnections,)

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        return super().perform_content_negotiation(request, force=True)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Http404):
            return Response({"error": "not_found", "detail": str(exc)}, 404)
        if isinstance(exc, OperationalError | InterfaceError):
            logger.error("The audit API cannot read: %s", exc)
            detail = _("The database cannot be read now; ask again in a moment.")
            content = {"error": "unavailable", "detail": detail}
            return Response(content, 503, headers={"Retry-After": str(RETRY_AFTER)})
        response = super().handle_exception(exc)
        if isinstance(exc, ValidationError):
            response.data = {
                "error": "invalid_filter",
                "detail": _("The filter cannot be used as it is."),
                "fields": {name: str(words) for name, words in dict(exc.detail).items()},  # type: ignore[arg-type]
            }
        elif isinstance(exc, APIException):
            response.data = {"error": exc.default_code, "detail": str(exc.detail)}
        return response

    def own(self, request: Request) -> QuerySet[AgentConnection]:
        return AgentConnection.objects.filter(seen_by(request._request)).select_related("tenant")

    def told(self, request: Request, rows: list[AgentConnection]) -> list[dict[str, Any]]:
        attempts = attempts_of(rows)
        hide = not request.user.has_perm("connector.view_external_id")
        return [record(row, attempts[row.pk], hide=hide) for row in rows]


class ConnectionsView(AuditView):
    @extend_schema(
        operation_id="list_connections",
        summary="Find audit records",
        description=(
            "The records of the agent connections that the signed-in person may see, newest "
            "first, a page at a time; `next` leads to those before. All filters narrow down; ids "
            "have to be whole. Sign in with HTTP Basic, or with the session of the admin."
        ),
        tags=["audit"],
        auth=SIGN_IN,
        parameters=[
            OpenApiParameter("tenant", description="The slug of a tenant."),
            OpenApiParameter("state", enum=State.values),
            OpenApiParameter("reason", enum=Reason.values),
            OpenApiParameter("conversation", description="A whole conversation id."),
            OpenApiParameter("agent", description="A whole agent id, or how the name begins."),
            OpenApiParameter("queue", description="A whole queue id, or its whole name."),
            OpenApiParameter(
                "since", description="Received then or later: ISO 8601; without a zone it is UTC."
            ),
            OpenApiParameter("until", description="Received before then."),
            OpenApiParameter("waiting", bool, description="Only those that need a person."),
            OpenApiParameter(PAGE_SIZE, int, description="100 unless you say so; at most 500."),
            OpenApiParameter(
                CURSOR,
                description=(
                    "From `next` or `previous`. A page begins right after the record with which "
                    "the one before it ended, by `received_at` and then `id`."
                ),
            ),
        ],
        responses={200: AuditPageSerializer, **ERRORS},
    )
    def get(self, request: Request) -> Response:
        rows = from_newest(request._request, _wanted(request).narrow(self.own(request)))
        page = page_asked_for(request, rows)
        return Response(
            {
                "next": address_of(request, page.older),
                "previous": address_of(request, page.newer),
                "results": self.told(request, page.rows),
            }
        )


class ConnectionView(AuditView):
    @extend_schema(
        operation_id="get_connection",
        summary="Read one audit record",
        tags=["audit"],
        auth=SIGN_IN,
        parameters=[OpenApiParameter("id", UUID, OpenApiParameter.PATH)],
        responses={200: AuditRecordSerializer, **ERRORS, 404: AuditErrorSerializer},
    )
    def get(self, request: Request, id: str) -> Response:
        try:
            row = self.own(request).get(pk=UUID(id))
        except (ValueError, AgentConnection.DoesNotExist):
            raise Http404(_("There is no such connection, or it is not yours to see.")) from None
        return Response(self.told(request, [row])[0])


def _wanted(request: Request) -> ConnectionFilter:
    """Raises ValidationError for what is not understood, since else more would be answered than
    was asked for."""
    params = request.query_params
    allowed = {*FILTERS, CURSOR, PAGE_SIZE}
    if unknown := [name for name in params if name not in allowed]:
        words = _("There is no such filter; there are: %(known)s.") % {"known": ", ".join(FILTERS)}
        raise ValidationError(dict.fromkeys(unknown, words))
    if repeated := [name for name, values in params.lists() if len(values) > 1]:
        raise ValidationError(dict.fromkeys(repeated, _("Name it only once.")))
    with timezone.override(UTC):
        wanted = ConnectionFilter(params, tenants_of(request._request))
        if not wanted.is_valid():
            raise ValidationError(wanted.mistakes)
    return wanted

"""The door: check the token, make a task, answer."""

import json
import time

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django_q.tasks import async_task


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, slug: str) -> JsonResponse:
    tenant = settings.TENANTS.get(slug)
    token = request.headers.get("X-Api-Key", "")
    if tenant is None or not constant_time_compare(token, tenant["webhook_tokens"][0]):
        return JsonResponse({"error": "unauthorized"}, status=401)
    try:
        event = json.loads(request.body)["detail"]["eventBody"]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"error": "invalid_event"}, status=400)
    async_task("tests.benchmarks.plain.tasks.connect", slug, event, time.time())
    return JsonResponse({"accepted": True}, status=202)

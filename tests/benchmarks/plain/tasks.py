"""One task per event: sleep and poll until the agent has answered, then tell Lynn."""

import time
from typing import Any

import requests
from django.conf import settings
from django.core.cache import cache
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TIMEOUT = 8.0  # seconds
ANSWERED = {"interact", "hold", "parked"}
NAME_KEPT = 3600  # seconds
session = requests.Session()
session.mount(
    "http://",
    HTTPAdapter(
        max_retries=Retry(
            total=8,
            backoff_factor=0.5,
            status_forcelist=(408, 425, 429, 500, 502, 503, 504),
            allowed_methods=None,
        )
    ),
)

Json = dict[str, Any]


def connect(slug: str, event: Json, received_at: float) -> None:
    tenant = settings.TENANTS[slug]
    modes = {each["id"]: each["answer_mode"] for each in tenant["queues"]}
    if modes.get(event["queueId"]) == "auto" or wait_for_answer(tenant, event, received_at):
        tell_lynn(tenant, event)


def wait_for_answer(tenant: Json, event: Json, received_at: float) -> bool:
    """False when the agent has not answered in time."""
    timing = tenant["timing"]
    time.sleep(max(0.0, received_at + timing["first_check_after"] - time.time()))
    while True:
        if has_answered(tenant, event):
            return True
        if time.time() > received_at + timing["give_up_after"]:
            return False
        time.sleep(timing["check_every"])


def has_answered(tenant: Json, event: Json) -> bool:
    status = ask_genesys(tenant, f"/api/v2/analytics/agents/{event['userId']}/status")
    remember_name(event["userId"], status["userName"])
    return any(
        each["sessionId"] == event["sessionId"] and each["segmentType"] in ANSWERED
        for each in status["sessions"]
    )


def tell_lynn(tenant: Json, event: Json) -> None:
    message = {
        "conversationId": event["conversationId"],
        "userId": event["userId"],
        "userName": name_of(tenant, event["userId"]),
        "type": "eventAgentConnect",
        "provider": event["provider"],
        "externalId": event["addressTo"],
    }
    url = f"{tenant['lynn']['base_url']}/PureCloud/OpenMessaging_OnEvent"
    session.post(url, json=message, timeout=TIMEOUT).raise_for_status()


def name_of(tenant: Json, user_id: str) -> str:
    name = cache.get(f"name-{user_id}")
    if name is None:
        name = ask_genesys(tenant, f"/api/v2/users/{user_id}")["name"]
        remember_name(user_id, name)
    return str(name)


def remember_name(user_id: str, name: str) -> None:
    cache.set(f"name-{user_id}", name, NAME_KEPT)


def ask_genesys(tenant: Json, path: str) -> Json:
    url = tenant["genesys"]["api_url"] + path
    headers = {"Authorization": f"Bearer {token_of(tenant)}"}
    answer = session.get(url, headers=headers, timeout=TIMEOUT)
    if answer.status_code == 401:
        cache.delete(f"token-{tenant['slug']}")
    answer.raise_for_status()
    return dict(answer.json())


def token_of(tenant: Json) -> str:
    token = cache.get(f"token-{tenant['slug']}")
    if token is None:
        genesys = tenant["genesys"]
        granted = session.post(
            f"{genesys['login_url']}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(genesys["client_id"], genesys["client_secret"]),
            timeout=TIMEOUT,
        )
        granted.raise_for_status()
        token = granted.json()["access_token"]
        cache.set(f"token-{tenant['slug']}", token, granted.json()["expires_in"] - 60)
    return str(token)

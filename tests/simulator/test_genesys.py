"""Genesys Cloud over HTTP: login, limits, permissions, status, users, queues."""

import pytest

from .conftest import ORG


@pytest.fixture
def people(simulator):
    return simulator.agents(ORG)


@pytest.fixture
def queue(simulator):
    return simulator.queues(ORG)[0]


def test_a_client_gets_a_token(client, simulator):
    simulator.configure(ORG, token_seconds=600)

    said = client.log_in()

    assert (said.status, said.body["token_type"], said.body["expires_in"]) == (200, "bearer", 600)


def test_a_wrong_secret_is_an_invalid_client(client):
    said = client.log_in(secret="wrong")

    words = "authentication failed"
    assert said.status == 400
    assert {
        "error": "invalid_client",
        "description": words,
        "error_description": words,
    } == said.body


def test_without_a_token_the_api_says_so(client):
    said = client.ask("GET", f"/genesys/{ORG}/api/v2/tokens/me")

    assert (said.status, said.body["code"]) == (401, "authentication.required")


def test_a_revoked_token_is_refused(client, simulator, people):
    simulator.revoke_tokens(ORG)

    said = client.status(people[0].id)

    assert (said.status, said.body["code"]) == (401, "bad.credentials")


def test_a_token_ends(client, simulator, people):
    simulator.configure(ORG, token_seconds=0)
    client.log_in()

    assert client.status(people[0].id).status == 401


def test_the_status_shows_the_live_sessions(client, simulator, people, queue):
    made = simulator.add_offer(ORG, people[0].id, queue.id, answer_after=0)

    said = client.status(people[0].id)

    assert said.status == 200
    assert people[0].name == said.body["userName"]
    (session,) = said.body["sessions"]
    assert ("interact", made.session_id, queue.id, "message") == (
        session["segmentType"],
        session["sessionId"],
        session["routedQueueId"],
        session["mediaType"],
    )


def test_normal_answers_carry_the_limit(client, people):
    headers = client.status(people[0].id).headers

    assert (headers["inin-ratelimit-count"], headers["inin-ratelimit-allowed"]) == ("1", "300")
    assert 0 < int(headers["inin-ratelimit-reset"]) <= 60
    assert headers["inin-correlation-id"]


def test_one_call_too_many_is_told_when_to_come_back(client, simulator, people):
    simulator.configure(ORG, limit=2)
    said = [client.status(people[0].id) for _ in range(3)][-1]

    wait = said.headers["retry-after"]
    assert (said.status, said.body["code"]) == (429, "too.many.requests.retry.after")
    assert f"[{wait}] seconds" in said.body["message"]


def test_the_limit_is_that_of_a_token_and_can_be_switched_off(client, simulator, people):
    simulator.configure(ORG, limit=1)
    client.status(people[0].id)
    client.log_in()
    assert client.status(people[0].id).status == 200

    simulator.configure(ORG, limit=None)
    assert "inin-ratelimit-count" not in client.status(people[0].id).headers


def test_the_limit_starts_afresh_after_its_window(client, simulator, people):
    simulator.configure(ORG, limit=1, window_seconds=0)

    assert [client.status(people[0].id).status for _ in range(2)] == [200, 200]


def test_the_query_skips_strangers_and_answers_by_name(client, people):
    said = client.query(people[0].id, "nobody", people[1].id)

    assert [each["userName"] for each in said.body["entities"]] == [
        "Diego Armando Paredes",
        "María Fernanda Quiroga",
    ]


def test_the_query_answers_fifty_agents_at_most(client, simulator):
    crowd = simulator.add_agents(ORG, count=60)

    assert len(client.query(*(each.id for each in crowd)).body["entities"]) == 50


@pytest.mark.parametrize(
    "wish",
    [
        {"userFilter": {"type": "or", "predicates": [{"dimension": "queueId", "value": "q"}]}},
        {"userFilter": {"type": "or", "predicates": ["?"]}},
        ["?"],
    ],
)
def test_a_query_that_is_not_understood_is_refused(client, wish):
    assert client.api("POST", "/analytics/agents/status/query", wish).status == 400


def test_a_single_stranger_is_not_found(client):
    said = client.status("nobody")

    assert (said.status, said.body["code"]) == (404, "not.found")


@pytest.mark.parametrize(
    ("permission", "path", "named"),
    [
        ("agent_state", "/analytics/agents/x/status", "analytics:agentState:view"),
        ("users", "/users/x", "directory:user:view"),
        ("queues", "/routing/queues", "routing:queue:view"),
        ("queues", "/routing/queues/x", "routing:queue:view"),
    ],
)
def test_a_missing_permission_is_named(client, simulator, permission, path, named):
    simulator.configure(ORG, **{permission: False})

    said = client.api("GET", path)

    assert (said.status, said.body["code"]) == (403, "missing.any.permissions")
    assert f"[{named}]" == said.body["messageParams"]["permissions"]


def test_without_the_names_permission_the_query_withholds_ids_too(client, simulator, people):
    simulator.configure(ORG, names=False)

    (entity,) = client.query(people[0].id).body["entities"]

    assert not {"userId", "userName"} & entity.keys()
    assert people[0].name == client.api("GET", f"/users/{people[0].id}").body["name"]


def test_the_view_may_lag(client, simulator, people, queue):
    simulator.configure(ORG, lag_ms=60_000)
    simulator.add_offer(ORG, people[0].id, queue.id)

    assert client.status(people[0].id).body["sessionCount"] == 0


def test_queues_come_in_pages(client):
    first = client.api("GET", "/routing/queues?pageSize=3").body
    last = client.api("GET", "/routing/queues?pageSize=3&pageNumber=2").body

    assert (
        len(first["entities"]),
        len(last["entities"]),
        first["total"],
        first["pageCount"],
    ) == (3, 1, 4, 2)
    assert "nextUri" in first
    assert "nextUri" not in last


def test_a_queue_says_whether_it_answers_by_itself(client, simulator):
    by_name = {each.name: each.id for each in simulator.queues(ORG)}

    sales = client.api("GET", f"/routing/queues/{by_name['Lynn - Ventas']}").body

    assert sales["mediaSettings"]["message"]["enableAutoAnswer"] is True
    assert client.api("GET", "/routing/queues/nothing").status == 404


def test_a_token_tells_whose_it_is(client, simulator):
    mine = client.api("GET", "/tokens/me").body
    organisation = client.api("GET", "/organizations/me").body

    assert organisation["id"] == mine["organization"]["id"]
    assert simulator.organisation(ORG).settings.client_id == mine["oAuthClient"]["id"]


def test_calls_are_counted_by_endpoint(client, simulator, people):
    client.query(people[0].id, people[1].id)
    client.status(people[0].id)
    client.api("GET", "/nothing")

    counts = simulator.calls(ORG)
    assert tuple(counts[each] for each in ("token", "query", "status", "other")) == (1, 1, 1, 1)
    assert (people[0].id, people[1].id) == simulator.call_log(ORG)[1].user_ids


def test_the_wrong_method_is_refused(client):
    assert client.api("POST", "/routing/queues", {}).status == 405


def test_organisations_do_not_know_each_others_tokens(client):
    said = client.ask(
        "GET", "/genesys/otro/api/v2/tokens/me", Authorization=f"Bearer {client.token}"
    )

    assert said.status == 401


@pytest.mark.parametrize("header", ["Bearer x", "Basic ?", "Basic /w=="])
def test_credentials_that_cannot_be_read_are_refused(client, header):
    said = client.ask("POST", f"/genesys/{ORG}/oauth/token", "x", Authorization=header)

    assert said.status == 400
    assert said.body["error"] == "invalid_client"


def test_pages_are_numbers(client):
    assert client.api("GET", "/routing/queues?pageSize=many").status == 400


def test_queues_can_be_found_by_a_part_of_their_name(client):
    found = client.api("GET", "/routing/queues?name=lynn*").body["entities"]

    assert len(found) == 2

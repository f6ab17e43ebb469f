"""Pause, preview, history, first set-up, timing in words, and secrets that stay at home."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from connector.admin.setting_changes import changes
from connector.admin.timing_words import span, timing_words
from connector.config.apply import apply
from connector.config.document import Source
from connector.domain import QueuePolicy, Reason, State
from connector.models import GenesysAccess, Probe, Tenant, Trouble, WebhookToken
from tests.admin.conftest import (
    CLIENT_SECRET,
    HEADER_SECRET,
    START,
    make_connection,
    make_event,
    make_tenant,
)
from tests.admin.test_tenants import filled, page, queues, save


@pytest.fixture
def client(browser):
    return browser("Tenant admins")


OTHER_QUEUE = "0e7b3c95-d16a-4f20-87b4-c2a9e5d8f601"


def at(tenant, name):
    return f"/admin/connector/tenant/{tenant.pk}/{name}/"


# Pause and resume


def test_pausing_says_what_becomes_of_the_events(client, tenant):
    asked = client.get(page(tenant)).text
    answer = client.post(at(tenant, "pause"), follow=True)

    tenant.refresh_from_db()
    assert "do not send a refused event again" in asked
    assert "is paused" in answer.text
    assert "Resume this tenant" in answer.text
    assert (False, 2) == (tenant.enabled, tenant.version)


def test_resuming_accepts_events_again(client, tenant):
    Tenant.objects.update(enabled=False)

    answer = client.post(at(tenant, "resume"), follow=True)

    tenant.refresh_from_db()
    assert "is on again" in answer.text
    assert (True, 2) == (tenant.enabled, tenant.version)


def test_pausing_twice_changes_nothing_more(client, tenant):
    for _ in range(2):
        client.post(at(tenant, "pause"))

    tenant.refresh_from_db()
    assert tenant.version == 2


def test_the_list_can_be_narrowed_to_what_is_on_or_paused(root, tenant, foreign):
    Tenant.objects.filter(pk=foreign.pk).update(enabled=False)

    shown = {word: root.get(f"/admin/connector/tenant/?on={word}").text for word in ("yes", "no")}

    assert ("Banco del Sur" in shown["yes"], "Clínica" in shown["yes"]) == (True, False)
    assert ("Banco del Sur" in shown["no"], "Clínica" in shown["no"]) == (False, True)


# Secrets stay at home


@pytest.mark.parametrize(
    "moved",
    [
        {"region": "mypurecloud.ie"},
        {"api_url": "https://api.example.com"},
        {"login_url": "https://login.example.com"},
        {"login_url": "http://login.mypurecloud.com"},
        {"api_url": "https://api.mypurecloud.com:8443"},
    ],
)
def test_another_host_of_genesys_wants_the_secret_again(client, tenant, moved):
    answer = save(client, tenant, **moved)

    assert "Enter the secret again" in answer.text
    assert tenant.version == 1

    save(client, tenant, **moved, client_secret="of-the-new-host")
    assert tenant.client_secret.reveal() == "of-the-new-host"


def test_another_host_of_lynn_wants_the_headers_again(client, tenant):
    moved = {"lynn_base_url": "https://other.example.com/eu"}

    answer = save(client, tenant, **moved)
    assert "from https://lynn.example.com to https://other.example.com" in answer.text
    assert tenant.lynn_base_url == "https://lynn.example.com/eu"

    save(client, tenant, **moved, lynn_headers="X-One: 1")
    assert tenant.extra_headers == {"X-One": "1"}


def test_stored_headers_may_be_removed_instead(client, tenant):
    save(client, tenant, lynn_base_url="https://other.example.com", remove_headers="on")

    assert (tenant.lynn_base_url, tenant.extra_headers) == ("https://other.example.com", {})


@pytest.mark.parametrize(
    "same",
    [
        {"lynn_base_url": "https://LYNN.example.com/another/path"},
        {"api_url": "https://api.mypurecloud.com"},
        {"login_url": "https://login.mypurecloud.com/"},
    ],
)
def test_the_same_host_keeps_the_secrets(client, tenant, same):
    save(client, tenant, **same)

    assert tenant.version == 2
    assert tenant.client_secret.reveal() == CLIENT_SECRET
    assert tenant.extra_headers == {"X-Lynn-Key": HEADER_SECRET}


def test_where_nothing_is_stored_nothing_is_asked_for(client, tenant):
    Tenant.objects.update(client_secret="", lynn_headers="")

    save(client, tenant, region="mypurecloud.ie", lynn_base_url="https://other.example.com")

    assert tenant.version == 2


# Preview


def preview(client, tenant, **changed):
    tenant.refresh_from_db()
    return client.post(at(tenant, "preview"), filled(tenant, **changed)).text


def conversations(tenant):
    tenant.queues.create(genesys_id="q-1", name="Soporte")
    ignored = {"state": State.IGNORED, "reason": Reason.QUEUE_NOT_LISTED, "answered_at": None}
    for number in range(3):
        make_connection(tenant, number, queue_id="Q-1", media_type="message")
    for number in range(3, 5):
        make_connection(tenant, number, queue_id=OTHER_QUEUE, media_type="message", **ignored)


def test_the_preview_counts_what_would_be_ignored(client, tenant):
    conversations(tenant)

    shown = preview(client, tenant, media_types=["chat"])

    assert "Would be ignored from now on: The media type is not used (3)" in shown
    assert "Ignored as before, for another reason: The media type is not used (2)" in shown
    assert "The last 5 conversations were looked at" in shown


def test_the_preview_counts_what_would_no_longer_be_ignored(client, tenant):
    conversations(tenant)

    shown = preview(client, tenant, **queues(tenant, OTHER_QUEUE))

    assert "Would no longer be ignored (2)" in shown
    assert ">c-3</a>" in shown
    assert "3 would have been treated as before" in shown


def test_the_preview_knows_queues_that_are_taken_away(client, tenant):
    conversations(tenant)

    shown = preview(client, tenant, **queues(tenant), **{"queues-0-DELETE": "on"})

    assert "Would be ignored from now on: The queue is not listed (3)" in shown


def test_the_preview_saves_nothing(client, tenant):
    conversations(tenant)
    preview(client, tenant, queue_policy="all", name="Other", **queues(tenant, OTHER_QUEUE))

    tenant.refresh_from_db()
    assert (1, "listed", "Banco del Sur", 1) == (
        tenant.version,
        tenant.queue_policy,
        tenant.name,
        tenant.queues.count(),
    )


def test_the_preview_says_when_there_is_nothing_to_compare(client, tenant):
    assert "no conversations yet" in preview(client, tenant)
    make_connection(tenant)
    assert "nothing to compare" in preview(client, tenant, media_types=[])
    assert "nothing to compare" in preview(
        client, tenant, **queues(tenant, OTHER_QUEUE, OTHER_QUEUE)
    )
    assert "treated as before" in preview(client, tenant, media_types=["message"])


def test_the_preview_shows_no_connections_to_whoever_may_not_see_any(client, tenant):
    conversations(tenant)
    group = Group.objects.get(name="Tenant admins")
    group.permissions.remove(*group.permissions.filter(codename__endswith="agentconnection"))
    group.permissions.remove(*group.permissions.filter(codename__endswith="_queue"))

    shown = preview(client, tenant, media_types=["chat"])

    assert "The media type is not used (3)" in shown
    assert "c-1" not in shown


# History


def told(tenant):
    return [
        (
            change.author,
            change.subject,
            change.verb,
            [(x.label, x.old, x.new) for x in change.lines],
        )
        for change in changes([tenant.pk], 50)
    ]


def test_the_history_says_who_changed_what(client, tenant):
    save(client, tenant, give_up_after=90, mode="shadow")

    [newest, *_older] = told(tenant)
    assert ("Tenant admins@example.com", "tenant “Banco del Sur”", "changed") == newest[:3]
    assert [
        ("Mode", "Live: Lynn is told", "Shadow: verify for real, tell nobody"),
        ("Give up after", "120", "90"),
    ] == newest[3]
    shown = client.get(at(tenant, "history")).text
    assert "120 → 90" in shown


def test_secrets_are_in_the_history_as_changed_only(client, tenant):
    save(client, tenant, client_secret="brand-new-secret", lynn_headers="X-One: also-new")

    shown = client.get(at(tenant, "history")).text
    assert "Client secret</strong>: changed" in shown
    assert "Extra headers</strong>: changed" in shown
    row = str(list(Tenant.history.values())) + shown
    for secret in ("brand-new-secret", "also-new", CLIENT_SECRET, HEADER_SECRET):
        assert secret not in row
    assert "client_secret" not in {field.name for field in Tenant.history.model._meta.fields}


def test_queues_and_tokens_are_in_the_history(client, tenant):
    save(client, tenant, **queues(tenant, OTHER_QUEUE))
    client.post(at(tenant, "tokens/make"))
    token = WebhookToken.objects.get()
    client.post(f"/admin/connector/tenant/{tenant.pk}/tokens/{token.pk}/end/")
    save(client, tenant, **queues(tenant), **{"queues-0-DELETE": "on"})

    assert [
        (f"queue “{OTHER_QUEUE}”", "deleted"),
        (f"webhook token {token}", "ended"),
        (f"webhook token {token}", "made"),
        (f"queue “{OTHER_QUEUE}”", "made"),
        ("tenant “Banco del Sur”", "changed"),
        ("tenant “Banco del Sur”", "made"),
    ] == [(subject, verb) for _, subject, verb, _ in told(tenant)]
    assert "digest" not in {field.name for field in WebhookToken.history.model._meta.fields}


def test_what_the_configuration_file_changed_has_the_file_as_its_author(tenant, tmp_path):
    file = """
version: 1
tenants:
  - slug: banco-sur
    name: Banco del Norte
    genesys: {client_secret: from-the-file}
    queues: [{id: a40c, name: Soporte}]
"""
    apply(Source(file, tmp_path), timezone.now())

    rows = told(tenant)
    assert {"configuration file"} == {row[0] for row in rows[:2]}
    assert ("queue “Soporte”", "made") in [row[1:3] for row in rows]
    changed = [row[3] for row in rows if row[2] == "changed"]
    assert [[("Name", "Banco del Sur", "Banco del Norte"), ("Client secret", "", "")]] == changed


def test_people_are_in_the_history_from_either_side(client, tenant, django_user_model):
    other = django_user_model.objects.create_user("other@example.com")

    other.tenants.add(tenant)

    assert (
        "People",
        "Tenant admins@example.com",
        "Tenant admins@example.com, other@example.com",
    ) in [line for row in told(tenant) for line in row[3]]


def test_people_whose_account_was_removed_are_not_named(client, tenant, django_user_model):
    other = django_user_model.objects.create_user("other@example.com")
    tenant.people.add(other)
    other.delete()

    shown = client.get(at(tenant, "history")).text

    assert "a removed account" in shown
    assert "other@example.com" not in shown


def test_lists_and_empty_values_are_readable_in_the_history(client, tenant):
    queue = tenant.queues.create(genesys_id="q-1", answer_mode="auto")
    queue.answer_mode = ""
    queue.save()
    save(client, tenant, media_types=["message", "chat"], api_url="https://api.mypurecloud.com")

    lines = [line for row in told(tenant) for line in row[3]]
    assert ("Media types", "message", "chat, message") in lines or (
        "Media types",
        "message",
        "message, chat",
    ) in lines
    assert ("API address", "—", "https://api.mypurecloud.com") in lines
    assert ("Answer mode", "Automatic: ringing is answering", "as the tenant says") in lines


def test_what_was_there_before_the_history_is_said_to_be_so(tenant):
    Tenant.history.all().delete()
    tenant.name = "Banco"
    tenant.save()

    assert [("tenant “Banco”", "as it was when this history began")] == [
        row[1:3] for row in told(tenant)
    ]


def test_saving_without_a_change_leaves_no_trace(client, tenant):
    before = Tenant.history.count()

    save(client, tenant)

    assert Tenant.history.count() == before


def test_pausing_is_in_the_history(client, tenant):
    client.post(at(tenant, "pause"))

    assert [("On", "yes", "no")] == told(tenant)[0][3]


def test_the_history_costs_the_same_however_long_it_is(tenant, django_assert_max_num_queries):
    for number in range(30):
        tenant.name = f"Banco {number}"
        tenant.save()

    with django_assert_max_num_queries(8):
        assert len(changes([tenant.pk], 50)) == 31


def test_the_history_of_foreign_tenants_is_out_of_reach(client, foreign):
    answer = client.get(at(foreign, "history"), follow=True)

    assert "Clínica" not in answer.text


@pytest.mark.parametrize("much", [0, 20])
def test_the_page_costs_the_same_however_much_there_is(
    client, tenant, much, django_assert_max_num_queries
):
    for number in range(much):
        tenant.queues.create(genesys_id=f"q-{number}")
        Probe.objects.create(
            tenant=tenant, kind="connection", at=START, outcome="good", result={"steps": []}
        )
        make_connection(tenant, number)
    client.get(page(tenant))

    with django_assert_max_num_queries(40):
        client.get(page(tenant))


# First set-up


def steps_done(client, tenant):
    shown = client.get(page(tenant)).text
    return shown.count('<li class="done">') if "First set-up" in shown else "complete"


def test_the_guide_follows_the_set_up_until_it_is_complete(client, tenant):
    Tenant.objects.update(client_secret="")
    done = [steps_done(client, tenant)]
    Tenant.objects.update(client_secret="s")
    done.append(steps_done(client, tenant))
    tenant.queues.create(genesys_id="q-1")
    done.append(steps_done(client, tenant))
    WebhookToken.make(tenant, timezone.now())
    make_event(tenant)
    done.append(steps_done(client, tenant))
    Probe.objects.create(
        tenant=tenant, kind="connection", at=START, outcome="bad", result={"steps": []}
    )
    done.append(steps_done(client, tenant))
    Probe.objects.create(
        tenant=tenant, kind="connection", at=START, outcome="warn", result={"steps": []}
    )
    done.append(steps_done(client, tenant))
    Probe.objects.create(
        tenant=tenant, kind="message", at=START, outcome="good", result={"steps": []}
    )
    done.append(steps_done(client, tenant))

    assert [1, 2, 3, 4, 4, 5, "complete"] == done


def test_every_queue_needs_no_list(client, tenant):
    Tenant.objects.update(queue_policy=QueuePolicy.ALL)

    assert steps_done(client, tenant) == 3


def test_without_tenants_the_guide_is_in_the_list_and_on_the_first_form(root):
    assert "First set-up" in root.get("/admin/connector/tenant/").text
    assert "First set-up" in root.get("/admin/connector/tenant/add/").text
    make_tenant("first")
    assert "First set-up" not in root.get("/admin/connector/tenant/").text


# Timing


def test_the_timing_is_said_in_words(tenant):
    words = " ".join(timing_words(tenant, None))

    assert "seen after about 1 s on average and 2 s at most" in words
    assert "the portal gives up" in words
    assert "2 minutes after the event" in words
    assert "within 10 minutes or not at all" in words
    assert "300 calls a minute, of which the portal uses at most 240" in words
    assert "up to 400 agents" in words


def test_the_timing_knows_what_genesys_allows_this_tenant(tenant):
    tenant.check_every = 0.5
    access = GenesysAccess(tenant=tenant, allowed_per_minute=60)

    assert "an agent is looked at every 2 s at best" in " ".join(timing_words(tenant, access))


def test_the_timing_knows_when_agents_are_asked_for_one_by_one(tenant):
    access = GenesysAccess(tenant=tenant, one_by_one_since=START)

    assert "looks at one agent only, so this holds for up to 8" in " ".join(
        timing_words(tenant, access)
    )


def test_the_timing_on_the_page_is_that_which_is_saved(client, tenant):
    save(client, tenant, check_every=5, first_check_after=1)

    assert "after about 2.5 s on average and 5 s at most" in client.get(page(tenant)).text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "0.5 s"),
        (0.25, "0.25 s"),
        (2, "2 s"),
        (60, "1 minute"),
        (90, "90 s"),
        (7200, "2 hours"),
    ],
)
def test_spans_are_said_as_people_say_them(seconds, words):
    assert words == span(seconds)


# Trouble


def test_trouble_now_and_lately_is_on_the_page(client, tenant):
    now = timezone.now()
    Trouble.objects.create(
        tenant=tenant, kind="lynn_unreachable", since=now, detail="lynn.example.com did not answer"
    )
    Trouble.objects.create(tenant=tenant, kind="lynn_unreachable", since=START, until=now)

    shown = client.get(page(tenant)).text

    assert "lynn.example.com did not answer" in shown
    assert "they follow by themselves as soon as Lynn answers" in shown
    assert "Trouble of the last 7 days that is over" in shown


# The token page


def test_the_snippets_hold_the_new_token_once(client, tenant):
    made = client.post(at(tenant, "tokens/make")).text
    later = client.get(page(tenant)).text

    assert made.count("PUT-THE-WEBHOOK-TOKEN-HERE") == 0
    assert "PUT-THE-WEBHOOK-TOKEN-HERE" in later
    assert "curl -i" in made
    assert "Authorization: Bearer ${credentials.token}" in made or "credentials.token" in made


def test_the_snippets_name_the_queues_in_use(client, tenant):
    tenant.queues.create(genesys_id="q-in-use")
    tenant.queues.create(genesys_id="q-switched-off", enabled=False)

    shown = client.get(page(tenant)).text
    snippets = shown[: shown.index('id="test"')]

    assert "q-in-use" in snippets
    assert "q-switched-off" not in snippets

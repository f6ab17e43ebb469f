"""The configuration file: what is refused, what is applied, what comes out again."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from django.db.models.signals import pre_save

from connector import config
from connector.errors import ConfigurationError
from connector.models import Queue, Secret, Tenant, WebhookToken
from connector.models.token import digest_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 12, 14, 3, 21, tzinfo=UTC)
TOKEN = "first-token-0123456789-abcdef"
OTHER_TOKEN = "second-token-0123456789-abcdef"
SUPPORT = "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a"
SALES = "b51d6f9c-0000-4000-8000-000000000001"

FULL = f"""
version: 1
tenants:
  - slug: banco-sur
    name: Banco del Sur
    enabled: true
    mode: live
    time_zone: America/Bogota
    genesys:
      region: mypurecloud.com
      client_id: 5b1e0c9a-0000-4000-8000-000000000000
      client_secret: hush-hush
      api_url: null
      login_url: null
    lynn:
      base_url: https://lynn.example.com/eu
      headers: {{X-Tenant: banco, Authorization: Basic abc}}
    webhook_tokens: [{TOKEN}]
    queue_policy: listed
    answer_mode: manual
    media_types: [message]
    queues:
      - {{id: {SUPPORT}, name: Soporte, answer_mode: auto, enabled: true}}
    timing:
      first_check_after: 2
      check_every: 2
      give_up_after: 120
      deliver_within: 600
    without_name: wait
    inbound_per_second: 50
"""


def minimal(**changes):
    tenant = {
        "slug": "banco-sur",
        "genesys": {"client_id": "abc", "client_secret": "hush-hush"},
        "lynn": {"base_url": "https://lynn.example.com"},
    }
    return {**tenant, **changes}


def written(*tenants):
    return yaml.safe_dump({"version": 1, "tenants": list(tenants)})


def apply(text, folder=None, now=NOW):
    return config.apply(config.Source(text, folder or Path()), now)


def plan(text, folder=None):
    return config.plan(config.Source(text, folder or Path()), NOW)


def mistakes(text, folder=None):
    with pytest.raises(ConfigurationError) as caught:
        apply(text, folder)
    assert not Tenant.objects.filter(slug="banco-sur").exists()
    return str(caught.value).splitlines()


def live_digests(slug="banco-sur"):
    live = WebhookToken.objects.filter(tenant__slug=slug, slot__isnull=False)
    return set(live.values_list("digest", flat=True))


# Applying


def test_a_whole_file_becomes_a_tenant_with_everything():
    apply(FULL)

    tenant = Tenant.objects.get()
    assert (
        tenant.slug,
        tenant.name,
        tenant.time_zone,
    ) == ("banco-sur", "Banco del Sur", "America/Bogota")
    assert tenant.client_secret.reveal() == "hush-hush"
    assert tenant.extra_headers == {"X-Tenant": "banco", "Authorization": "Basic abc"}
    assert (tenant.api_url, tenant.lynn_base_url) == ("", "https://lynn.example.com/eu")
    assert list(tenant.queues.values_list("genesys_id", "name", "answer_mode", "enabled")) == [
        (SUPPORT, "Soporte", "auto", True)
    ]
    assert live_digests() == {digest_of(TOKEN)}


def test_the_changes_are_told_in_lines():
    assert apply(FULL) == [
        "+ banco-sur: tenant Banco del Sur",
        f"+ banco-sur: queue {SUPPORT} Soporte (auto)",
        "+ banco-sur: webhook token …cdef",
    ]


def test_a_second_time_changes_nothing(django_assert_max_num_queries):
    apply(FULL)
    before = Tenant.objects.values().get()

    with django_assert_max_num_queries(12) as queries:
        assert apply(FULL, now=NOW + timedelta(hours=1)) == []

    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert Tenant.objects.values().get() == before


def test_json_is_yaml():
    apply('{"version": 1, "tenants": []}')

    assert not Tenant.objects.exists()


def test_what_a_new_tenant_leaves_out_gets_the_default():
    apply(written(minimal()))

    tenant = Tenant.objects.get()
    assert (
        tenant.name,
        tenant.region,
        tenant.give_up_after,
        tenant.media_types,
    ) == ("banco-sur", "mypurecloud.com", 120, ["message"])


def test_what_the_file_no_longer_says_goes_back_to_the_default():
    apply(written(minimal(timing={"check_every": 3}, answer_mode="auto")))

    changes = apply(written(minimal()))

    assert changes == [
        "~ banco-sur: answer_mode auto -> manual",
        "~ banco-sur: timing.check_every 3 -> 2",
    ]
    assert Tenant.objects.get().check_every == 2


def test_what_has_no_default_is_kept():
    apply(FULL)

    apply(written({"slug": "banco-sur", "enabled": False}))

    tenant = Tenant.objects.get()
    assert (
        tenant.name,
        tenant.lynn_base_url,
        tenant.enabled,
    ) == ("Banco del Sur", "https://lynn.example.com/eu", False)


def test_secrets_that_the_file_leaves_out_are_kept():
    apply(FULL)

    apply(written({"slug": "banco-sur"}))

    tenant = Tenant.objects.get()
    assert tenant.client_secret.reveal() == "hush-hush"
    assert tenant.extra_headers["X-Tenant"] == "banco"
    assert live_digests() == {digest_of(TOKEN)}


def test_tenants_that_the_file_does_not_name_stay_untouched():
    apply(FULL)
    before = Tenant.objects.values().get()

    apply(written(minimal(slug="otro")))

    assert Tenant.objects.values().get(slug="banco-sur") == before


def test_queues_that_the_file_does_not_list_are_removed():
    apply(written(minimal(queues=[{"id": SUPPORT, "name": "Soporte"}, {"id": SALES}])))

    changes = apply(written(minimal(queues=[{"id": SALES}])))

    assert changes == [f"- banco-sur: queue {SUPPORT} Soporte"]
    assert [queue.genesys_id for queue in Queue.objects.all()] == [SALES]


def test_a_queue_that_changed_stays_the_same_row():
    apply(written(minimal(queues=[{"id": SUPPORT, "name": "Soporte"}])))
    pk = Queue.objects.get().pk

    changes = apply(written(minimal(queues=[{"id": SUPPORT.upper(), "enabled": False}])))

    assert changes == [
        f'~ banco-sur: queue {SUPPORT} name Soporte -> ""',
        f"~ banco-sur: queue {SUPPORT} enabled true -> false",
    ]
    assert (pk, "", False) == Queue.objects.values_list("pk", "name", "enabled").get()


@pytest.mark.parametrize(
    "change",
    [{"mode": "shadow"}, {"queues": [{"id": SALES}]}, {"lynn": {"headers": {"X-A": "b"}}}],
    ids=["a setting", "a queue", "a secret"],
)
def test_a_change_makes_a_new_version(change):
    apply(written(minimal()))

    apply(written({"slug": "banco-sur", **change}))

    assert Tenant.objects.get().version == 2


def test_a_new_secret_is_told_but_not_shown():
    apply(FULL)

    changes = apply(FULL.replace("hush-hush", "new-secret"))

    assert changes == ["~ banco-sur: genesys.client_secret changed"]
    assert Tenant.objects.get().client_secret.reveal() == "new-secret"


def test_secrets_that_cannot_be_read_any_more_are_replaced():
    apply(FULL)
    Tenant.objects.update(client_secret=Secret("garbage"), lynn_headers=Secret("garbage"))

    changes = apply(FULL)

    assert changes == [
        "~ banco-sur: genesys.client_secret changed",
        "~ banco-sur: lynn.headers changed",
    ]
    assert Tenant.objects.get().extra_headers["X-Tenant"] == "banco"


def test_empty_headers_remove_those_that_are_stored():
    apply(FULL)

    apply(written(minimal(lynn={"base_url": "https://lynn.example.com", "headers": {}})))

    assert Tenant.objects.get().extra_headers == {}


def test_media_types_may_be_in_any_case():
    apply(written(minimal(media_types=["Message", "VOICE", "message"])))

    assert Tenant.objects.get().media_types == ["message", "voice"]


def test_a_plan_changes_nothing():
    assert plan(FULL)[0] == "+ banco-sur: tenant Banco del Sur"
    assert not Tenant.objects.exists()


def test_a_plan_says_what_applying_does():
    apply(FULL)
    text = FULL.replace("check_every: 2", "check_every: 2.5").replace("Soporte", "Mesa de ayuda")

    planned = plan(text)

    assert planned == apply(text)
    assert planned == [
        "~ banco-sur: timing.check_every 2 -> 2.5",
        f'~ banco-sur: queue {SUPPORT} name Soporte -> "Mesa de ayuda"',
    ]


# Webhook tokens


def test_exactly_the_tokens_of_the_file_are_live_afterwards():
    apply(FULL)

    changes = apply(FULL.replace(TOKEN, OTHER_TOKEN + "9"))

    assert changes == [
        "+ banco-sur: webhook token …def9",
        "- banco-sur: webhook token …cdef",
    ]
    assert live_digests() == {digest_of(OTHER_TOKEN + "9")}
    assert WebhookToken.objects.get(slot=None).ends_at == NOW


def test_both_tokens_can_be_replaced_at_once():
    apply(written(minimal(webhook_tokens=[TOKEN, OTHER_TOKEN])))

    apply(written(minimal(webhook_tokens=[TOKEN + "2", OTHER_TOKEN + "2"])))

    assert live_digests() == {digest_of(TOKEN + "2"), digest_of(OTHER_TOKEN + "2")}


def test_a_token_whose_time_is_over_is_made_anew():
    apply(FULL)
    WebhookToken.objects.update(ends_at=NOW - timedelta(minutes=1))

    apply(FULL)

    assert [token.slot for token in WebhookToken.objects.order_by("id")] == [None, 1]


def test_a_token_of_another_tenant_is_a_mistake():
    apply(written(minimal(slug="otro", webhook_tokens=[TOKEN])))

    assert mistakes(FULL) == [
        "tenants[0].webhook_tokens[0]: the tenant otro uses this token already."
    ]


def test_a_token_may_move_from_one_tenant_of_the_file_to_another():
    apply(written(minimal(slug="otro", webhook_tokens=[TOKEN])))

    apply(written(minimal(webhook_tokens=[TOKEN]), minimal(slug="otro", webhook_tokens=[])))

    assert (live_digests(), live_digests("otro")) == ({digest_of(TOKEN)}, set())


def test_the_same_token_twice_in_the_file_is_a_mistake():
    text = written(
        minimal(webhook_tokens=[TOKEN, TOKEN]), minimal(slug="otro", webhook_tokens=[TOKEN])
    )

    assert mistakes(text) == [
        "tenants[0].webhook_tokens[1]: this token stands in tenants[0].webhook_tokens[0] already.",
        "tenants[1].webhook_tokens[0]: this token stands in tenants[0].webhook_tokens[0] already.",
    ]


# Where secrets come from


def test_secrets_come_from_the_environment_and_from_files(tmp_path, monkeypatch):
    monkeypatch.setenv("BANCO_TOKEN", TOKEN)
    (tmp_path / "secret.txt").write_text("from-a-file\n")
    genesys = {"client_id": "abc", "client_secret": {"file": "secret.txt"}}

    apply(written(minimal(genesys=genesys, webhook_tokens=[{"env": "BANCO_TOKEN"}])), tmp_path)

    assert Tenant.objects.get().client_secret.reveal() == "from-a-file"
    assert live_digests() == {digest_of(TOKEN)}


def test_an_editor_that_marks_its_files_as_utf8_changes_no_secret(tmp_path):
    (tmp_path / "secret.txt").write_text("from-a-file\n", "utf-8-sig")
    genesys = {"client_id": "abc", "client_secret": {"file": "secret.txt"}}

    apply(written(minimal(genesys=genesys)), tmp_path)

    assert Tenant.objects.get().client_secret.reveal() == "from-a-file"


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ({"env": "NOT_THERE"}, "The environment has no variable NOT_THERE, or it is empty."),
        ({"file": "no/where"}, "The file no/where cannot be read, or it is empty."),
        ({"file": "nul\0"}, "The file nul\0 cannot be read, or it is empty."),
        ({"env": "A", "file": "b"}, "This has to be text, {env: NAME} or {file: PATH}."),
        (5, "This has to be text, {env: NAME} or {file: PATH}."),
        ("", "This field may not be blank."),
        (None, "This field may not be null."),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_mistake(secret, expected, tmp_path):
    genesys = {"client_id": "abc", "client_secret": secret}

    found = mistakes(written(minimal(genesys=genesys)), tmp_path)

    assert found == [f"tenants[0].genesys.client_secret: {expected}"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Bad Name": "x"}, "Bad Name: This is no legal name of an HTTP header."),
        ({"Idempotency-Key": "x"}, "Idempotency-Key: The portal sets this header itself."),
        ({"host": "x"}, "host: The portal sets this header itself."),
        (
            {"X-A": "a\r\nb"},
            "X-A: A header's value holds visible ASCII characters, with spaces only between them.",
        ),
        (
            {"X-A": " a"},
            "X-A: A header's value holds visible ASCII characters, with spaces only between them.",
        ),
    ],
)
def test_an_illegal_header_is_a_mistake(headers, expected):
    lynn = {"base_url": "https://lynn.example.com", "headers": headers}

    assert mistakes(written(minimal(lynn=lynn))) == [f"tenants[0].lynn.headers.{expected}"]


def test_one_header_in_two_spellings_is_a_mistake():
    lynn = {"base_url": "https://lynn.example.com", "headers": {"X-A": "1", "x-a": "2"}}

    assert len(mistakes(written(minimal(lynn=lynn)))) == 2


# Mistakes


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"slug": "Banco Sur"}, "slug: Use 1 to 63 lower-case letters, digits and hyphens; "),
        ({"slug": 5}, "slug: This has to be text; put it in quotes."),
        ({"name": None}, "name: This field may not be null."),
        ({"name": "x" * 201}, "name: Ensure this field has no more than 200 characters."),
        ({"enabled": "perhaps"}, "enabled: Must be a valid boolean."),
        ({"mode": "Loud"}, "mode: “Loud” is none of: live, shadow."),
        ({"time_zone": "Mars/North"}, "time_zone: “Mars/North” is not a time zone; "),
        ({"timing": {"check_every": 0.1}}, "timing.check_every: Ensure this value is greater "),
        ({"timing": {"check_every": True}}, "timing.check_every: This has to be a number of "),
        ({"timing": {"check_every": float("nan")}}, "timing.check_every: This has to be a "),
        ({"timing": {"first_check_after": 200}}, "timing.first_check_after: The first check "),
        ({"timing": 5}, "timing: This has to be a section with keys of its own."),
        ({"answer_mod": "auto"}, "answer_mod: unknown key; did you mean answer_mode?"),
        ({"zzz": 1}, "zzz: unknown key."),
        ({"queues": [{"id": "a", "answer_mod": "auto"}]}, "queues[0].answer_mod: unknown key; "),
        ({"queues": [{"name": "a"}]}, "queues[0].id: This field is required."),
        ({"queues": [{"id": "a"}, {"id": "A"}]}, "queues[1].id: “a” stands in tenants[0].queues"),
        ({"queues": {}}, "queues: Expected a list of items but got type "),
        (
            {"media_types": ["telepathy"]},
            "media_types: “telepathy” is not a media type; there are: ",
        ),
        ({"media_types": "message"}, "media_types: This has to be a list, such as [message]."),
        ({"media_types": []}, "media_types: Choose at least one media type."),
        ({"webhook_tokens": ["short"]}, "webhook_tokens[0]: Ensure this field has at least 24 "),
        ({"webhook_tokens": ["a b" * 9]}, "webhook_tokens[0]: A webhook token holds visible "),
        ({"webhook_tokens": [c * 24 for c in "abc"]}, "webhook_tokens: Ensure this field has no "),
        ({"inbound_per_second": 0}, "inbound_per_second: Ensure this value is greater than or "),
    ],
)
def test_a_mistake_is_told_with_its_place(change, expected):
    found = mistakes(written(minimal(**change)))

    assert len(found) == 1
    assert found[0].startswith(f"tenants[0].{expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The file is empty."),
        ("null", "the file: No data provided"),
        ("[]", "the file: This has to be a section with keys of its own."),
        ("tenants: []", "version: This field is required."),
        ("{version: 2, tenants: []}", "version: “2” is none of: 1."),
        ("version: 1", "tenants: This field is required."),
        ("{version: 1, tenants: {}}", "tenants: Expected a list of items but got type "),
        ("{version: 1, tenants: [x]}", "tenants[0]: This has to be a section with keys "),
        ("a: [", "The file is not YAML: line 1, column 5: "),
        ("a: \x07", "The file is not YAML: unacceptable character"),
        ("a: !!python/object:os.system x", "The file is not YAML: line 1, column 4: could not "),
        ("a: !!int x", "The file holds a value that YAML cannot read: "),
        ("[" * 5000, "The file is nested too deeply."),
        ("---\n---\n", "The file is not YAML: line 2, column 1: but found another document."),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(text, expected):
    found = mistakes(text)

    assert len(found) == 1
    assert found[0].startswith(expected)


def test_every_mistake_is_told_at_once():
    text = written(minimal(slug="otro", mode="x"), minimal(slug="otro", nme="y", genesys={}))

    assert [line.split(" ")[0] for line in mistakes(text)] == [
        "tenants[0].mode:",
        "tenants[1].nme:",
        "tenants[1].slug:",
        "tenants[1].genesys.client_id:",
        "tenants[1].genesys.client_secret:",
    ]


def test_a_mistake_in_one_tenant_keeps_the_others_from_being_changed():
    mistakes(written(minimal(), minimal(slug="otro", mode="x")))

    assert not Tenant.objects.exists()


def test_a_key_that_stands_twice_is_a_mistake():
    assert mistakes("version: 1\ntenants:\n  - slug: a\n    slug: b\nversion: 1\n") == [
        "tenants[0].slug: stands here twice (line 4).",
        "version: stands here twice (line 5).",
    ]


def test_dates_are_text():
    apply(written(minimal()).replace("slug:", "name: 2026-10-12\n  slug:"))

    assert Tenant.objects.get().name == "2026-10-12"


def test_somebody_who_was_faster_is_told_of():
    def be_faster(**signal):
        Tenant.objects.bulk_create([Tenant(slug="banco-sur")])

    with called_on(pre_save, be_faster), pytest.raises(ConfigurationError) as caught:
        apply(written(minimal()))

    assert "at this moment; apply the file again" in str(caught.value)


@contextmanager
def called_on(signal, receiver):
    signal.connect(receiver, sender=Tenant)
    try:
        yield
    finally:
        signal.disconnect(receiver, sender=Tenant)


# Writing


def test_what_was_written_changes_nothing_when_applied():
    apply(FULL)
    apply(written(minimal(slug="otro", timing={"check_every": 2.5}, queues=[{"id": SALES}])))

    assert apply(config.export()) == []


@pytest.mark.parametrize("name", ["Soporte ", " Soporte", "\tSoporte\n"])
def test_a_queue_whose_name_genesys_gave_spaces_is_no_difference(name):
    apply(written(minimal()))
    Tenant.objects.get().queues.create(genesys_id=SUPPORT, name=name)

    assert apply(config.export()) == []


def test_what_is_written_reads_like_the_contract():
    apply(FULL)

    text = config.export("banco-sur")

    expected = yaml.safe_load(FULL)
    tenant = expected["tenants"][0]
    del tenant["genesys"]["client_secret"], tenant["lynn"]["headers"], tenant["webhook_tokens"]
    assert yaml.safe_load(text) == expected
    assert text.startswith("# Secrets are left out")
    assert "check_every: 2\n" in text
    assert "hush" not in text


def test_one_tenant_can_be_written_alone():
    apply(written(minimal(), minimal(slug="otro")))

    assert [entry["slug"] for entry in yaml.safe_load(config.export("otro"))["tenants"]] == ["otro"]


def test_a_tenant_that_is_not_there_cannot_be_written():
    with pytest.raises(ConfigurationError, match="There is no tenant “nobody”"):
        config.export("nobody")

"""Tenants: what is saved, what is kept, what is refused."""

import re

import pytest
from django.contrib.auth.models import Permission

from connector.models import GenesysAccess, Queue, Secret, Tenant
from tests.admin.conftest import (
    CLIENT_SECRET,
    HEADER_SECRET,
    START,
    make_connection,
    make_event,
    make_tenant,
)

LIST = "/admin/connector/tenant/"
QUEUE = "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a"


def page(tenant):
    return f"{LIST}{tenant.pk}/change/"


def filled(tenant, **changes):
    """What the form of this tenant posts, with some fields changed."""
    names = [field.name for field in Tenant._meta.concrete_fields]
    for hidden in ("id", "client_secret", "lynn_headers", "enabled", "version"):
        names.remove(hidden)
    posted = {name: getattr(tenant, name) for name in names}
    people = list(tenant.people.values_list("pk", flat=True)) if tenant.pk else []
    seen = {"seen": f"{tenant.version} {START.timestamp()}"} if tenant.pk else {}
    return posted | {"enabled": "on", "people": people} | seen | queues(tenant) | changes


def queues(tenant, *new):
    known = list(tenant.queues.all()) if tenant.pk else []
    posted = {"queues-TOTAL_FORMS": len(known) + len(new), "queues-INITIAL_FORMS": len(known)}
    for number, queue in enumerate(known):
        posted[f"queues-{number}-id"] = queue.pk
        posted[f"queues-{number}-tenant"] = tenant.pk
        posted[f"queues-{number}-genesys_id"] = queue.genesys_id
        posted[f"queues-{number}-enabled"] = "on"
    for number, genesys_id in enumerate(new, len(known)):
        posted[f"queues-{number}-genesys_id"] = genesys_id
        posted[f"queues-{number}-enabled"] = "on"
    return posted


def save(client, tenant, **changes):
    answer = client.post(page(tenant), filled(tenant, **changes), follow=True)
    tenant.refresh_from_db()
    return answer


@pytest.fixture
def client(browser):
    return browser("Tenant admins")


@pytest.mark.parametrize("group", ["Tenant admins", "Auditors"])
def test_the_page_leads_to_each_of_its_sections(browser, tenant, group):
    shown = browser(group).get(page(tenant)).text

    nav = shown[shown.index('<nav class="on-page') :].partition("</nav>")[0]
    links = dict(re.findall(r'href="#([^"]+)">([^<]+)</a>', nav))
    below = shown[shown.index("</nav>", shown.index("on-page")) :]
    titles = dict(re.findall(r'<h2 id="([^"]+)"[^>]*>([^<]+)</h2>', below))
    titles.pop("guide", None)  # it stands above the rest
    assert titles == links


def test_an_empty_secret_keeps_the_stored_ones(client, tenant):
    save(client, tenant, name="Banco", client_secret="", lynn_headers="")

    assert tenant.name == "Banco"
    assert tenant.client_secret.reveal() == CLIENT_SECRET
    assert tenant.extra_headers == {"X-Lynn-Key": HEADER_SECRET}


def test_a_new_secret_replaces_the_stored_one(client, tenant):
    save(client, tenant, client_secret="another-one")

    assert tenant.client_secret.reveal() == "another-one"
    assert tenant.version == 2


def test_new_headers_replace_all_stored_ones(client, tenant):
    save(client, tenant, lynn_headers="X-One: 1\r\n\r\n  X-Two:two words ")

    assert tenant.extra_headers == {"X-One": "1", "X-Two": "two words"}


def test_headers_can_be_removed(client, tenant):
    save(client, tenant, remove_headers="on")

    assert tenant.extra_headers == {}
    assert tenant.version == 2


def test_headers_are_not_both_entered_and_removed(client, tenant):
    answer = save(client, tenant, remove_headers="on", lynn_headers="X-One: 1")

    assert "not both" in answer.text
    assert tenant.extra_headers == {"X-Lynn-Key": HEADER_SECRET}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("no colon zqx", "Write each header"),
        ("Bad Name: zqx", "Write each header"),
        ("X-Empty:", "Write each header"),
        ("X-Smile: zqx☺", "Write each header"),
        ("Content-Length: 5", "set by the portal itself"),
        ("X-One: zqx\nx-one: 2", "stands here twice"),
    ],
)
def test_wrong_headers_are_refused_and_not_repeated(client, tenant, lines, complaint):
    answer = save(client, tenant, lynn_headers=lines, client_secret="typed-zqx")

    assert complaint in answer.text
    assert "zqx" not in answer.text


def test_the_page_says_what_is_stored(client, tenant):
    shown = client.get(page(tenant)).text

    assert "A secret is stored" in shown
    assert "Stored: X-Lynn-Key." in shown


def test_the_page_says_when_nothing_is_stored(client, tenant):
    Tenant.objects.update(client_secret="", lynn_headers="")

    shown = client.get(page(tenant)).text

    assert "None is stored yet" in shown
    assert "None are stored" in shown


def test_the_page_says_when_the_stored_cannot_be_read(client, tenant):
    Tenant.objects.update(client_secret=Secret("broken"), lynn_headers=Secret("broken"))

    shown = client.get(page(tenant)).text

    assert "The stored secret cannot be read any more" in shown
    assert "The stored headers cannot be read any more" in shown


def test_people_who_may_only_look_see_settings_in_words(browser, tenant):
    shown = browser("Operators").get(page(tenant)).text

    assert "Message (WhatsApp" in shown
    assert "<input" not in re.sub(r"<input[^>]*(hidden|readonly|search)[^>]*>", "", shown)


def test_saving_without_a_change_keeps_the_version(client, tenant):
    save(client, tenant)

    assert tenant.version == 1


@pytest.mark.parametrize(
    "change",
    [{"name": "Banco"}, {"media_types": ["message", "chat"]}, {"check_every": 3}],
)
def test_saving_a_change_raises_the_version_by_one(client, tenant, change):
    save(client, tenant, **change)

    assert tenant.version == 2
    [(name, value)] = change.items()
    assert value == getattr(tenant, name)


def test_adding_and_removing_a_queue_raises_the_version(client, tenant):
    save(client, tenant, **queues(tenant, f" {QUEUE.upper()} "))
    assert (tenant.version, [queue.genesys_id for queue in tenant.queues.all()]) == (2, [QUEUE])

    save(client, tenant, **{"queues-0-DELETE": "on"})
    assert (tenant.version, tenant.queues.count()) == (3, 0)


def test_a_queue_stands_in_the_list_once(client, tenant):
    answer = save(client, tenant, **queues(tenant, QUEUE, QUEUE.upper()))

    assert "A queue stands in the list twice" in answer.text
    assert "genesys_id" not in re.sub(r'"[^"]*"', "", answer.text)
    assert tenant.version == 1


def test_what_another_person_changed_meanwhile_stays(client, root, tenant):
    posted = filled(tenant, name="Banco")
    save(root, tenant, give_up_after=60)

    answer = client.post(page(tenant), posted)

    tenant.refresh_from_db()
    assert ("Banco del Sur", 60, 2) == (tenant.name, tenant.give_up_after, tenant.version)
    assert "This was changed after you opened the page" in answer.text
    assert re.search(r"root@example.com, <time.*tenant “Banco del Sur” changed", answer.text)
    assert "(Give up after)" in answer.text
    assert 'value="Banco"' in answer.text


def test_a_tenant_of_very_many_queues_can_be_saved(client, tenant):
    for number in range(300):
        tenant.queues.create(genesys_id=f"{QUEUE[:-4]}{number:04}", name=f"Cola {number}")

    save(client, tenant, name="Banco")

    assert tenant.name == "Banco"


def test_what_was_typed_can_be_saved_on_the_page_opened_anew(client, root, tenant):
    stale = filled(tenant, name="Banco")
    save(root, tenant, give_up_after=60)
    client.post(page(tenant), stale)

    save(client, tenant, name="Banco")

    assert ("Banco", 60) == (tenant.name, tenant.give_up_after)


@pytest.mark.parametrize("meanwhile", ["pause", "queue", "people"])
def test_queues_people_and_a_pause_are_not_undone_unseen_either(client, root, tenant, meanwhile):
    posted = filled(tenant, name="Banco")
    if meanwhile == "pause":
        root.post(f"{LIST}{tenant.pk}/pause/")
    elif meanwhile == "queue":
        save(root, tenant, **queues(tenant, QUEUE))
    else:
        save(root, tenant, people=[])
        tenant.people.set(posted["people"])  # or this person could not see it any more

    assert "This was changed after you opened the page" in client.post(page(tenant), posted).text
    tenant.refresh_from_db()
    assert tenant.name == "Banco del Sur"


@pytest.mark.parametrize("seen", ["", "1", "2 nonsense", "2 1e999", "nonsense 0"])
def test_a_page_that_does_not_say_what_it_showed_is_refused(client, tenant, seen):
    tenant.version += 1
    tenant.save()

    answer = client.post(page(tenant), filled(tenant, name="Banco", seen=seen))

    is_told = "This was changed after you opened the page" in answer.text
    assert is_told != seen.startswith("2 ")


def test_regions_are_suggested_and_any_other_may_be_typed(client, tenant):
    shown = client.get(page(tenant)).text
    save(client, tenant, region="API.New-Region.Pure.Cloud", client_secret="of-that-region")

    assert '<option value="mypurecloud.ie"' in shown
    assert tenant.region == "api.new-region.pure.cloud"


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("https://apps.mypurecloud.de/directory/#/admin", "mypurecloud.de"),
        ("apps.usw2.pure.cloud", "usw2.pure.cloud"),
        ("https://login.mypurecloud.com.au", "mypurecloud.com.au"),
        ("mypurecloud.ie", "mypurecloud.ie"),
    ],
)
def test_the_region_is_found_in_the_address_of_genesys(client, tenant, typed, region):
    save(client, tenant, region=typed, client_secret="of-that-region")

    assert region == tenant.region


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("bogota", "America/Bogota"),
        ("buenos aires", "America/Buenos_Aires"),
        ("America/Lima", "America/Lima"),
        ("UTC", "UTC"),
    ],
)
def test_the_time_zone_is_found_by_its_city(client, tenant, typed, zone):
    save(client, tenant, time_zone=typed)

    assert zone == tenant.time_zone


def test_a_new_tenant_is_offered_the_readers_time_zone(client):
    client.cookies["time_zone"] = "America/Lima"

    assert 'name="time_zone" value="America/Lima"' in client.get(f"{LIST}add/").text


def test_the_id_of_a_queue_is_taken_out_of_the_address_of_its_page(client, tenant):
    address = f"https://apps.mypurecloud.com/directory/#/admin/queues/{QUEUE}?tab=general"

    save(client, tenant, **queues(tenant, address))

    assert QUEUE == tenant.queues.get().genesys_id


def test_the_name_of_a_queue_is_not_taken_for_its_id(client, tenant):
    answer = save(client, tenant, **queues(tenant, "Soporte"))

    assert "This is not the id of a queue" in answer.text
    assert not tenant.queues.exists()


def test_a_queue_stored_with_another_id_does_not_keep_the_rest_from_being_saved(client, tenant):
    tenant.queues.create(genesys_id="q-1")

    save(client, tenant, name="Banco")

    assert "Banco" == tenant.name


def test_the_path_that_the_portal_adds_is_not_taken_into_lynns_address(client, tenant):
    whole = "https://lynn.example.com/eu/PureCloud/OpenMessaging_OnEvent"

    answer = save(client, tenant, lynn_base_url=whole)

    assert "the portal adds it by itself" in answer.text
    assert whole != tenant.lynn_base_url


@pytest.mark.parametrize("sign", ["?", "#", "\\x", "/eu?", "/eu#"])
def test_signs_that_would_swallow_the_path_are_no_part_of_an_address(client, tenant, sign):
    answer = save(client, tenant, lynn_base_url=f"https://lynn.example.com{sign}")

    assert "Leave user, password, ? and # out" in answer.text
    assert tenant.lynn_base_url == "https://lynn.example.com/eu"


def test_an_empty_user_is_no_part_of_an_address(client, tenant):
    save(client, tenant, lynn_base_url="https://@lynn.example.com")

    assert tenant.lynn_base_url == "https://lynn.example.com/eu"


def test_a_slug_that_is_taken_is_refused_in_words(client, tenant):
    answer = client.post(f"{LIST}add/", filled(tenant))

    assert "Another tenant has this slug already" in answer.text


def test_saving_leads_back_to_the_tenant_and_to_a_new_test_where_it_is_needed(client, tenant):
    renamed = save(client, tenant, name="Banco")
    assert f"{page(tenant)}#content-start" == renamed.redirect_chain[-1][0]
    assert "was changed: test the connection" not in renamed.text

    assert "was changed: test the connection" in save(client, tenant, client_secret="x").text


def test_headers_are_removed_only_where_some_are_stored(client, tenant):
    assert "Remove the stored headers" in client.get(page(tenant)).text
    assert "Remove the stored headers" not in client.get(f"{LIST}add/").text


def test_without_a_queue_one_click_fetches_them(client, tenant):
    assert f'{LIST}{tenant.pk}/queues/fetch/"' in client.get(page(tenant)).text
    tenant.queues.create(genesys_id=QUEUE)
    assert f'{LIST}{tenant.pk}/queues/fetch/"' not in client.get(page(tenant)).text


def test_readers_are_not_told_to_do_what_they_may_not(client, browser, tenant):
    ways_out = ("Make one and enter it in Genesys", "Fetch the queues from Genesys and adopt")

    for_admins, for_readers = (
        client.get(page(tenant)).text,
        browser("Auditors").get(page(tenant)).text,
    )
    assert [True, True] == [each in for_admins for each in ways_out]
    assert [False, False] == [each in for_readers for each in ways_out]


def test_the_first_tenant_is_asked_for_without_search_and_filter(root):
    first = root.get(LIST).text
    make_tenant("first")

    assert ("Add a tenant" in first, 'id="searchbar"' in first) == (True, False)
    assert 'id="searchbar"' in root.get(LIST).text


def test_a_new_tenant_belongs_to_who_made_it(client):
    tenant = make_tenant("scratch")
    posted = filled(tenant, slug="nuevo", name="Nuevo", client_secret="s", **queues(tenant, QUEUE))

    answer = client.post(f"{LIST}add/", posted, follow=True)

    new = Tenant.objects.get(slug="nuevo")
    assert "Next: test the connection" in answer.text
    assert (new.version, new.people.count(), new.client_secret.reveal()) == (1, 1, "s")
    assert Queue.objects.get().tenant == new


def test_a_superuser_is_not_listed_on_the_tenants_he_makes(root):
    tenant = make_tenant("scratch")
    root.post(f"{LIST}add/", filled(tenant, slug="nuevo"))

    assert Tenant.objects.get(slug="nuevo").people.count() == 0


def test_the_form_for_a_new_tenant_opens(client):
    assert "shown once the tenant is saved" in client.get(f"{LIST}add/").text


@pytest.fixture
def three(client, tenant, foreign, django_user_model):
    """A colleague on another tenant of the client's, somebody of a foreign one, and nobody's."""
    other = make_tenant("otro")
    other.people.set([*tenant.people.all()])
    people = [django_user_model.objects.create_user(n) for n in ("colega", "ajeno", "nuevo")]
    for one, person in zip((other, foreign), people, strict=False):
        one.people.add(person)
    return people


def test_people_of_others_are_neither_shown_nor_added(client, tenant, three):
    before = list(tenant.people.all())
    shown = client.get(page(tenant)).text

    refused = save(client, tenant, people=[person.pk for person in (*before, *three)])
    new = client.get(f"{LIST}add/").text

    assert ["colega"] == [name for name in ("colega", "ajeno", "nuevo") if name in shown]
    assert "ajeno" not in new
    assert "ask whoever looks after the accounts" in shown
    assert "is not one of the available choices" in refused.text
    assert before == list(tenant.people.all())


def test_colleagues_can_be_added(client, tenant, three):
    mine = tenant.people.first()

    save(client, tenant, people=[mine.pk, three[0].pk])

    assert {mine, three[0]} == set(tenant.people.all())


def test_who_may_look_at_accounts_can_add_anybody(client, tenant, three):
    mine = tenant.people.first()
    mine.user_permissions.add(Permission.objects.get(codename="view_user"))

    save(client, tenant, people=[mine.pk, three[2].pk])

    assert {mine, three[2]} == set(tenant.people.all())


@pytest.mark.parametrize("role", ["Operators", "Auditors"])
def test_saving_needs_its_permission(browser, tenant, role):
    answer = save(browser(role), tenant, name="Other")

    assert (answer.status_code, tenant.name) == (403, "Banco del Sur")


def test_a_tenant_with_connections_cannot_be_deleted(client, tenant, connection):
    answer = client.post(f"{LIST}{tenant.pk}/delete/", {"post": "yes"}, follow=True)

    assert "has connections and cannot be deleted" in answer.text
    assert "cannot be deleted. If it is not needed" in answer.text
    assert Tenant.objects.filter(pk=tenant.pk).exists()


def test_a_tenant_that_gets_a_connection_while_being_deleted_stays(client, tenant, monkeypatch):
    monkeypatch.setattr("connector.admin.tenants.has_connections", lambda tenant: False)
    make_connection(tenant)

    answer = client.post(f"{LIST}{tenant.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 302
    assert Tenant.objects.filter(pk=tenant.pk).exists()


def test_a_tenant_without_connections_can_be_deleted(client, tenant):
    make_event(tenant)

    asked = client.get(f"{LIST}{tenant.pk}/delete/")
    client.post(f"{LIST}{tenant.pk}/delete/", {"post": "yes"})

    words = re.sub(r"\s+", " ", asked.text)
    assert ("Events: 1" in words, "Queues: 0" in words) == (True, False)
    assert not Tenant.objects.filter(pk=tenant.pk).exists()


def test_foreign_tenants_cannot_be_deleted(client, foreign):
    client.post(f"{LIST}{foreign.pk}/delete/", {"post": "yes"})

    assert Tenant.objects.filter(pk=foreign.pk).exists()


def test_missing_permissions_in_genesys_are_explained(client, tenant):
    GenesysAccess.objects.create(
        tenant=tenant,
        names_missing_since=START,
        trouble="genesys_permission_missing",
        trouble_detail="Missing the following permission(s): [analytics:agentState:view]",
        trouble_since=START,
    )

    shown = client.get(page(tenant)).text

    assert "Analytics &gt; Agent State &gt; View" in shown
    assert "Analytics &gt; Agent State Names &gt; View" in shown
    assert "analytics:agentState:view" in shown
    assert "A Genesys permission is missing" in client.get(LIST).text


@pytest.mark.parametrize("others", [0, 20])
def test_the_list_costs_the_same_however_long_it_is(root, others, django_assert_num_queries):
    for number in range(others + 1):
        GenesysAccess.objects.create(tenant=make_tenant(f"t{number}"))

    with django_assert_num_queries(5):
        root.get(LIST)

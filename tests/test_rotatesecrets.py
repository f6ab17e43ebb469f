"""Every stored secret comes under the first key, and nothing is lost on the way."""

import io
import threading

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import connections
from django.utils import timezone

from connector import access, rotation
from connector.audit import chain, seal
from connector.models import AuditHead, GenesysAccess, Secret, Tenant
from connector.rotation import Rotated, columns, rotate

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
HEADERS = {"X-Api-Key": "of-lynn"}


@pytest.fixture
def keyring(settings):
    """Sets PORTAL_FIELD_KEYS."""

    def use(*keys):
        settings.FIELD_KEYS = list(keys)

    use(OLD)
    return use


def new_tenant(slug):
    tenant = Tenant(
        slug=slug, name=slug, client_secret=f"of {slug}", lynn_base_url="https://lynn.example.com"
    )
    tenant.extra_headers = HEADERS
    tenant.save()
    GenesysAccess.objects.create(tenant=tenant, token=f"token of {slug}")
    return tenant


@pytest.fixture
def tenant(db, keyring):
    return new_tenant("banco-sur")


def rotated(out=None):
    out = out or io.StringIO()
    call_command("rotatesecrets", stdout=out)
    return out.getvalue()


def opened(slug):
    """All secrets of a tenant."""
    tenant = Tenant.objects.get(slug=slug)
    token = tenant.genesys.token
    return tenant.client_secret.reveal(), tenant.extra_headers, token.reveal()


def test_all_columns_with_secrets_are_known():
    assert {"Tenant.client_secret", "Tenant.lynn_headers", "GenesysAccess.token"} == {
        f"{column.model.__name__}.{column.name}" for column in columns()
    }


def test_afterwards_the_first_key_alone_opens_everything(tenant, keyring):
    keyring(NEW, OLD)

    assert rotated() == (
        "Done: 3 secrets encrypted anew, 0 were under the first key already. Run it again to be "
        "sure that none was stored with an old key meanwhile.\n"
    )

    keyring(NEW)
    assert opened("banco-sur") == ("of banco-sur", HEADERS, "token of banco-sur")


def test_a_second_time_changes_nothing(tenant, keyring):
    keyring(NEW, OLD)
    rotated()
    before = list(Tenant.objects.values()), list(GenesysAccess.objects.values())

    assert rotated() == "Nothing was left to do: 3 secrets are under the first key already.\n"

    assert (list(Tenant.objects.values()), list(GenesysAccess.objects.values())) == before


def test_nothing_else_about_a_tenant_changes(tenant, keyring):
    def apart_from_secrets():
        (row,) = Tenant.objects.values()
        return {name: value for name, value in row.items() if not isinstance(value, Secret)}

    before, past = apart_from_secrets(), tenant.history.count()
    keyring(NEW, OLD)

    rotated()

    assert apart_from_secrets() == before
    assert tenant.history.count() == past


def test_an_empty_secret_stays_empty(db, keyring):
    Tenant.objects.create(slug="banco-sur", name="Banco", lynn_base_url="https://lynn.example.com")
    keyring(NEW, OLD)

    assert rotated() == "Nothing was left to do: no secret is stored.\n"

    assert not Tenant.objects.get().client_secret


def test_what_no_key_opens_is_named_and_all_others_are_done(tenant, keyring):
    keyring(LOST)
    Tenant.objects.update(client_secret=Secret.hide("lost"))
    keyring(OLD)
    new_tenant("banco-norte")
    keyring(NEW, OLD)

    out = io.StringIO()
    with pytest.raises(CommandError) as told:
        rotated(out)

    assert out.getvalue() == (
        "Not all is done: 5 secrets encrypted anew, 0 were under the first key already.\n"
    )
    first, name, remedy = str(told.value).splitlines()
    assert first == "None of PORTAL_FIELD_KEYS decrypts these, which stay as they are:"
    assert name == "  banco-sur: client secret"
    assert remedy.startswith("Put the key that they were stored with back into the list")
    assert LOST not in str(told.value)
    keyring(NEW)
    assert opened("banco-norte") == ("of banco-norte", HEADERS, "token of banco-norte")
    keyring(LOST)
    assert Tenant.objects.get(slug="banco-sur").client_secret.reveal() == "lost"


def test_nobody_is_told_that_nothing_was_left_while_a_key_is_missing(tenant, keyring):
    keyring(LOST)
    out = io.StringIO()

    with pytest.raises(CommandError):
        rotated(out)

    assert out.getvalue() == (
        "Not all is done: 0 secrets encrypted anew, 0 were under the first key already.\n"
    )


def test_a_lost_token_of_genesys_is_named_by_its_tenant(tenant, keyring):
    keyring(LOST)
    GenesysAccess.objects.update(token=Secret.hide("lost"))
    keyring(NEW, OLD)

    with pytest.raises(CommandError, match="banco-sur: token"):
        rotated()


def test_stopped_in_the_middle_it_goes_on_where_it_was(tenant, keyring, monkeypatch):
    for number in range(5):
        new_tenant(f"banco-{number}")
    monkeypatch.setattr(rotation, "BATCH", 2)
    keyring(NEW, OLD)

    steps = rotate()
    early = next(steps) + next(steps)
    steps.close()
    late = sum(rotate(), Rotated())

    assert (4, 0) == (early.changed, early.unchanged)
    assert (14, 4) == (late.changed, late.unchanged)
    keyring(NEW)
    assert opened("banco-4") == ("of banco-4", HEADERS, "token of banco-4")


def test_ctrl_c_is_one_sentence(tenant, keyring, monkeypatch):
    def stop(column, keys):
        raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "_rotate", stop)

    with pytest.raises(CommandError, match=r"Stopped\. Start it again to do the rest"):
        rotated()


def test_somebody_who_looks_on_sees_how_far_it_is(tenant, keyring):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    keyring(NEW, OLD)
    call_command("rotatesecrets", stdout=out)

    assert "\r\x1b[K3 encrypted anew ..." in out.getvalue()


def test_the_token_of_genesys_is_fetched_anew_since_it_belongs_to_the_stored_secret(
    tenant, keyring
):
    before = access.fingerprint(tenant)
    keyring(NEW, OLD)
    rotated()

    assert access.fingerprint(Tenant.objects.get()) != before


def test_chains_are_signed_with_the_first_key(tenant, keyring):
    seal.append_retention(tenant, now=timezone.now())
    keyring(NEW, OLD)
    rotated()

    keyring(NEW)
    assert chain.is_genuine(AuditHead.objects.get())


def test_a_chain_that_none_of_our_keys_signed_is_named(tenant, keyring):
    keyring(LOST)
    seal.append_retention(tenant, now=timezone.now())
    keyring(NEW, OLD)

    with pytest.raises(CommandError, match="audit chain of “banco-sur”"):
        rotated()

    keyring(NEW)
    assert opened("banco-sur")[0] == "of banco-sur"


@pytest.mark.django_db(transaction=True)
def test_a_secret_that_is_entered_at_this_moment_is_not_overwritten(keyring, monkeypatch):
    """Somebody saves between our list of rows and our look at this one."""
    tenant = new_tenant("banco-sur")
    keyring(NEW, OLD)
    rotate_rows = rotation._rotate

    def enter():
        try:
            Tenant.objects.filter(pk=tenant.pk).update(client_secret=Secret.hide("the new one"))
        finally:
            connections.close_all()

    def rotate_late(column, keys):
        if column.name == "client_secret" and not database.in_atomic_block:
            person = threading.Thread(target=enter)
            person.start()
            person.join()
        return rotate_rows(column, keys)

    monkeypatch.setattr(rotation, "_rotate", rotate_late)
    rotated()

    keyring(NEW)
    assert Tenant.objects.get().client_secret.reveal() == "the new one"

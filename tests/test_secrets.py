"""Secrets at rest: opened on purpose, with the keys we have, and never otherwise."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import SecretUnreadable
from connector.models import Secret, Tenant

FIRST, SECOND, OTHER = (Fernet.generate_key().decode() for _ in range(3))
PLAIN = "Contraseña-of-Genesys"


@pytest.fixture
def keyring(settings):
    """Sets PORTAL_FIELD_KEYS."""

    def use(*keys):
        settings.FIELD_KEYS = list(keys)

    use(FIRST)
    return use


def stored(tenant):
    """What the column holds."""
    secret = Tenant.objects.values_list("client_secret", flat=True).get(pk=tenant.pk)
    return secret.ciphertext


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_hidden_is_revealed(plain):
    assert Secret.hide(plain).reveal() == plain


def test_the_first_key_encrypts_and_all_decrypt(keyring):
    old = Secret.hide(PLAIN)
    keyring(SECOND, FIRST)
    new = Secret.hide(PLAIN)

    assert old.reveal() == new.reveal() == PLAIN
    keyring(SECOND)
    assert new.reveal() == PLAIN
    with pytest.raises(SecretUnreadable):
        old.reveal()


def test_a_secret_without_its_key_is_unreadable_and_says_what_to_do(keyring):
    secret = Secret.hide(PLAIN)
    keyring(OTHER)

    with pytest.raises(SecretUnreadable, match="put the key that it was stored with back") as told:
        secret.reveal()

    assert secret.ciphertext not in str(told.value)
    assert told.value.__cause__ is None


@given(st.text(min_size=1))
def test_what_is_no_ciphertext_is_never_returned(text):
    with pytest.raises(SecretUnreadable):
        Secret(text).reveal()


def test_a_ciphertext_that_was_changed_is_unreadable(keyring):
    ciphertext = Secret.hide(PLAIN).ciphertext
    changed = ciphertext[:-4] + ("AAA=" if ciphertext[-4:] != "AAA=" else "BBB=")

    with pytest.raises(SecretUnreadable):
        Secret(changed).reveal()


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__, "{0!r}".format])
def test_printing_a_secret_shows_nothing(keyring, show):
    secret = Secret.hide(PLAIN)

    assert show(secret) == "••••••••"
    assert show(Secret()) == ""


def test_the_empty_secret_is_none(keyring):
    empty = Secret.hide("")

    assert not empty
    assert (empty.ciphertext, empty.reveal()) == ("", "")
    assert Secret.hide(PLAIN)


def test_the_same_plain_text_is_hidden_differently_each_time(keyring):
    one, other = Secret.hide(PLAIN), Secret.hide(PLAIN)

    assert one != other
    assert one == Secret(one.ciphertext)
    assert hash(one) == hash(Secret(one.ciphertext))
    assert one != one.ciphertext


def test_a_plain_text_is_encrypted_when_it_is_saved(keyring, tenant):
    tenant.client_secret = PLAIN

    tenant.save()

    assert PLAIN not in stored(tenant)
    assert isinstance(tenant.client_secret, Secret)
    tenant.refresh_from_db()
    assert tenant.client_secret.reveal() == PLAIN


def test_a_plain_text_is_encrypted_by_an_update(keyring, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(client_secret=PLAIN)

    assert PLAIN not in stored(tenant)
    assert Tenant.objects.get().client_secret.reveal() == PLAIN


def test_saving_again_changes_nothing(keyring, tenant):
    tenant.client_secret = PLAIN
    tenant.save()
    before = stored(tenant)

    Tenant.objects.get().save()

    assert stored(tenant) == before


def test_a_secret_that_cannot_be_read_survives_a_save(keyring, tenant):
    tenant.client_secret = PLAIN
    tenant.save()
    keyring(OTHER)

    unreadable = Tenant.objects.get()
    unreadable.save()

    keyring(FIRST)
    assert Tenant.objects.get().client_secret.reveal() == PLAIN


def test_extra_headers_are_kept_as_a_secret(keyring, tenant):
    tenant.extra_headers = {"X-Key": PLAIN}
    tenant.save()

    again = Tenant.objects.get()
    assert again.extra_headers == {"X-Key": PLAIN}
    assert PLAIN not in again.lynn_headers.ciphertext
    again.extra_headers = {}
    assert not again.lynn_headers


@pytest.mark.parametrize("show", [repr, str, lambda tenant: str(vars(tenant))])
def test_a_tenant_shows_no_secret(keyring, tenant, show):
    tenant.client_secret = Secret.hide(PLAIN)

    assert PLAIN not in show(tenant)
    assert tenant.client_secret.ciphertext not in show(tenant)

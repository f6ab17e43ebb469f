"""How long a tenant keeps what, in the admin's form and in the configuration file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from django.core.exceptions import ValidationError

from connector import config
from connector.errors import ConfigurationError
from connector.models import Tenant

NOW = datetime(2026, 10, 12, 14, 3, 21, tzinfo=UTC)
AGES = ("keep_bodies_days", "keep_events_days", "keep_connections_days")


def apply(retention=None):
    entry = {
        "slug": "banco-sur",
        "genesys": {"client_id": "abc", "client_secret": "hush-hush"},
        "lynn": {"base_url": "https://lynn.example.com"},
    }
    if retention is not None:
        entry["retention"] = retention
    text = yaml.safe_dump({"version": 1, "tenants": [entry]})
    return config.apply(config.Source(text, Path()), NOW)


def exported():
    (entry,) = yaml.safe_load(config.export())["tenants"]
    return entry


def ages():
    return Tenant.objects.values_list(*AGES).get()


@pytest.mark.parametrize(
    ("days", "wrong"),
    [
        ({"keep_connections_days": 29, "keep_events_days": 29}, ["keep_bodies_days"]),
        ({"keep_connections_days": 89}, ["keep_events_days"]),
        ({"keep_connections_days": 7}, ["keep_bodies_days", "keep_events_days"]),
        ({"keep_bodies_days": 400, "keep_events_days": 400}, []),
    ],
)
def test_nothing_is_kept_longer_than_its_connection(days, wrong):
    found = []
    try:
        Tenant(slug="banco-sur", **days).clean()
    except ValidationError as exc:
        found = sorted(exc.message_dict)

    assert wrong == found


@pytest.mark.parametrize("days", [0, -1, 3651])
@pytest.mark.parametrize("column", ["keep_bodies_days", "keep_events_days"])
def test_ages_have_bounds(column, days):
    with pytest.raises(ValidationError) as told:
        Tenant(slug="banco-sur", **{column: days}).clean_fields()

    assert column in told.value.message_dict


@pytest.mark.django_db
def test_the_configuration_file_sets_them_and_gives_them_back():
    wanted = {"bodies": 7, "events": 60, "connections": 800}
    apply(wanted)

    assert ages() == (7, 60, 800)
    assert exported()["retention"] == wanted


@pytest.mark.django_db
def test_without_them_the_file_means_the_defaults_and_does_not_hold_them():
    apply({"bodies": 7})

    assert apply() == ["~ banco-sur: retention.bodies 7 -> 30"]

    assert ages() == (30, 90, 400)
    assert "retention" not in exported()
    assert apply() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("retention", "mistake"),
    [
        ({"connections": 20, "events": 10}, "retention.bodies: Bodies go with their connections"),
        ({"events": 500}, "retention.events: Events go with their connections"),
        ({"bodies": 0}, "retention.bodies: Ensure this value is greater than or equal to 1."),
        ({"bodies": "long"}, "retention.bodies: A valid integer is required."),
        ({"connection": 1}, "retention.connection: unknown key; did you mean connections?"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_key(retention, mistake):
    with pytest.raises(ConfigurationError) as told:
        apply(retention)

    assert f"tenants[0].{mistake}" in str(told.value)
    assert not Tenant.objects.exists()

"""Groups: made by migrate, topped up, never cut down."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db.migrations.state import StateApps

from connector.permissions import GROUPS, make_groups
from tests.admin.conftest import permission_called


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_has_exactly_its_permissions(name):
    codenames = Group.objects.get(name=name).permissions.values_list("codename", flat=True)

    assert sorted(GROUPS[name]) == sorted(codenames)


def test_what_an_administrator_added_stays():
    auditors = Group.objects.get(name="Auditors")
    auditors.permissions.add(permission_called("view_bodies"))

    make_groups(using="default", apps=apps)

    assert auditors.permissions.filter(codename="view_bodies").exists()


def test_a_database_without_groups_is_left_alone():
    make_groups(using="default", apps=StateApps([], {}))


def test_auditors_see_no_bodies_and_act_on_nothing():
    assert not {"view_bodies", "deliver_again", "check_again"} & set(GROUPS["Auditors"])

"""Who may do what: the groups that `migrate` makes."""

from typing import Any

from django.apps import apps as global_apps
from django.utils.translation import gettext_noop

# Group -> permissions of this app, by codename.
GROUPS: dict[str, tuple[str, ...]] = {
    gettext_noop("Tenant admins"): (
        "add_tenant",
        "change_tenant",
        "delete_tenant",
        "view_tenant",
        "add_queue",
        "change_queue",
        "delete_queue",
        "view_queue",
        "add_webhooktoken",
        "change_webhooktoken",
        "test_connection",
        "send_test",
        "pause_tenant",
        "view_agentconnection",
        "view_event",
        "view_replay",
    ),
    gettext_noop("Operators"): (
        "view_tenant",
        "view_queue",
        "view_agentconnection",
        "view_event",
        "view_replay",
        "acknowledge",
        "deliver_again",
        "check_again",
        "cancel_connection",
        "view_bodies",
    ),
    gettext_noop("Auditors"): (
        "view_tenant",
        "view_queue",
        "view_agentconnection",
        "view_event",
        "view_attempt",
        "view_replay",
        "export_audit",
    ),
}


def make_groups(using: str, apps: Any = global_apps, **kwargs: object) -> None:
    """Give each group its permissions; what an administrator added to it stays.

    Listens to post_migrate, after Django's own listener has made the permissions. Sent by `flush`
    it comes without `apps`.
    """
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # migrated back to before there were groups
        return
    ours = permission_model.objects.using(using).filter(content_type__app_label="connector")
    for name, codenames in GROUPS.items():
        group, _ = group_model.objects.using(using).get_or_create(name=name)
        group.permissions.add(*ours.filter(codename__in=codenames))

"""Who changed which setting: every saved change of tenants, queues and tokens, secrets left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.dispatch import receiver
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

CONFIGURATION_FILE = "configuration file"
_author: ContextVar[str] = ContextVar("author", default="")


@contextmanager
def written_by(author: str) -> Iterator[None]:
    """Who stands as the author of changes that no signed-in person makes."""
    token = _author.set(author)
    try:
        yield
    finally:
        _author.reset(token)


class Change(models.Model):
    """What every row of history holds besides the settings as they were after the change.

    `author` outlives the person's account. `secrets_changed` names secrets that were entered or
    removed; what they are or were is in no row.
    """

    author = models.CharField(max_length=150, blank=True)
    secrets_changed = models.JSONField(default=list, blank=True)

    class Meta:
        abstract = True


class SettingsHistory(HistoricalRecords):  # type: ignore[misc]
    """History without permissions of its own, since it is shown with what it is about."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bases=(Change,), **kwargs)

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        return {**super().get_meta_options(model), "default_permissions": ()}

    def get_meta_options_m2m(self, through_model: type[models.Model]) -> dict[str, Any]:
        return {**super().get_meta_options_m2m(through_model), "default_permissions": ()}

    def m2m_changed(
        self,
        instance: models.Model,
        action: str,
        attr: object = None,
        pk_set: set[Any] | None = None,
        reverse: bool = False,
        model: Any = None,
        **others: Any,
    ) -> None:
        """Also from the other side, where `instance` is the person who was added to tenants."""
        if not reverse:
            super().m2m_changed(instance, action, attr, pk_set, reverse)
        elif action in ("post_add", "post_remove"):
            for each in model._default_manager.filter(pk__in=pk_set or ()):
                self.create_historical_record(each, "~")


@receiver(pre_create_historical_record, dispatch_uid="connector.history")
def _complete(instance: Any, history_instance: Any, history_user: Any, **others: Any) -> None:
    if isinstance(history_instance, Change):
        author = history_user.get_username() if history_user else _author.get()
        history_instance.author = author[:150]
        history_instance.secrets_changed = sorted(getattr(instance, "saved_secrets", ()))

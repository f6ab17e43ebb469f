"""Two people edit the same thing: who saves later is told so, and does not undo unseen what the
other did."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.forms.models import model_to_dict
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.translation import gettext as _

from connector.admin.display import moment

SEEN = "seen"
MOST_TOLD = 5


class SeenField(forms.CharField):
    """In what state the page showed the thing, and when. Nothing that a person changes."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class AsShownForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saves only what is as its page showed it. Its page needs `with_seen`."""

    seen = SeenField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            del self.fields[SEEN]
        else:
            self.initial[SEEN] = f"{self.state_of(self.instance)} {timezone.now().timestamp()}"

    def state_of(self, instance: Any) -> str:
        """Something else whenever what the page shows is something else."""
        shown = {name: _plain(value) for name, value in self.shown_of(instance).items()}
        return salted_hmac(__name__, repr(sorted(shown.items()))).hexdigest()

    def shown_of(self, instance: Any) -> dict[str, Any]:
        return model_to_dict(instance)

    def deeds_since(self, opened_at: datetime) -> Iterator[tuple[str, datetime, str]]:
        """Who changed it since, when, and what; the newest first."""
        log = LogEntry.objects.filter(
            object_id=str(self.instance.pk),
            content_type=ContentType.objects.get_for_model(self.instance),
            action_time__gt=opened_at,
        )
        for entry in log.select_related("user").order_by("-action_time"):
            yield entry.user.get_username(), entry.action_time, entry.get_change_message()

    def clean(self) -> dict[str, Any] | None:
        if SEEN in self.fields:
            self._refuse_what_was_changed()
        return super().clean()

    def _refuse_what_was_changed(self) -> None:
        state, _space, opened_at = self.cleaned_data.get(SEEN, "").partition(" ")
        manager = type(self.instance)._default_manager
        with transaction.atomic():  # held until what is saved is committed
            stored = manager.select_for_update().filter(pk=self.instance.pk).first()
            if stored is not None and self.state_of(stored) == state:
                return
        words = _(
            "This was changed after you opened the page, so nothing of yours was saved. "
            '<a href="{}">Open it anew</a> to see how it is now, and enter your changes there.'
        )
        deeds = list(self.deeds_since(_opened(opened_at)))[:MOST_TOLD]
        raise forms.ValidationError([format_html(words, ""), *map(_told, deeds)])


def with_seen(fieldsets: Any) -> list[tuple[Any, dict[str, Any]]]:
    """A page's boxes, with what only the browser sees in the last of them."""
    *others, (title, options) = fieldsets
    return [*others, (title, {**options, "fields": [*options["fields"], SEEN]})]


def _told(deed: Sequence[Any]) -> str:
    who, at, what = deed
    return format_html("{}, {}: {}", who, moment(at), what)


def _opened(timestamp: str) -> datetime:
    """When the page was; whatever is no time near now counts as an hour ago."""
    now = timezone.now()
    try:
        at = datetime.fromtimestamp(float(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        at = now - timedelta(hours=1)
    return min(max(at, now - timedelta(days=1)), now)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(each.pk if isinstance(each, models.Model) else each for each in value)
    return value

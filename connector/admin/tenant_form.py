"""The form of a tenant: secrets go in and never come out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.forms.formsets import DELETION_FIELD_NAME
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from connector.admin.meanwhile import AsShownForm
from connector.admin.setting_changes import Change, changes
from connector.admin.tenant_fields import (
    UUID,
    ZONES,
    HeadersField,
    QueueIdField,
    RegionField,
    SecondsField,
    Suggestions,
    TimeZoneField,
    WriteOnlyField,
)
from connector.clients.lynn import PATH
from connector.domain import MEDIA_TYPES, AnswerMode
from connector.errors import SecretUnreadable
from connector.models import REGIONS, Queue, Secret, Tenant
from connector.models.tenant import default_media_types, validate_domain, validate_time_zone

MEDIA_TYPE_LABELS = {
    "voice": _("Voice"),
    "chat": _("Chat"),
    "email": _("E-mail"),
    "callback": _("Callback"),
    "cobrowse": _("Co-browse"),
    "video": _("Video"),
    "screenshare": _("Screen share"),
    "message": _("Message (WhatsApp, web messaging, open messaging ...)"),
    "internalmessage": _("Internal message"),
    "screenmonitoring": _("Screen monitoring"),
}
ANSWER_MODES = (
    ("", _("As the tenant says")),
    (AnswerMode.MANUAL, _("Manual")),
    (AnswerMode.AUTO, _("Automatic")),
)
MOST_CHANGES = 20
TIMES = ("first_check_after", "check_every", "give_up_after", "deliver_within")


class TenantForm(AsShownForm):
    region = RegionField(
        label=_("Region"),
        initial="mypurecloud.com",
        max_length=253,
        validators=[validate_domain],
        widget=Suggestions(REGIONS),
        help_text=_(
            "The domain of the address at which you sign in to Genesys Cloud: mypurecloud.ie, if "
            "that is https://apps.mypurecloud.ie. Choose one or type another."
        ),
    )
    time_zone = TimeZoneField(
        label=_("Time zone"),
        initial=timezone.get_current_timezone_name,
        max_length=64,
        validators=[validate_time_zone],
        widget=Suggestions(tuple((zone, "") for zone in sorted(ZONES) if "/" in zone)),
        help_text=_(
            "Of the times in mails about trouble. Start typing the name of the city, for example "
            "Bogota."
        ),
    )
    client_secret = WriteOnlyField(
        label=_("Client secret"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
    )
    lynn_headers = HeadersField(
        label=_("Extra headers"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(
            attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false", "class": "headers"}
        ),
    )
    remove_headers = forms.BooleanField(
        label=_("Remove the stored headers"),
        required=False,
        help_text=_("Lynn is then called without extra headers."),
    )
    media_types = forms.MultipleChoiceField(
        label=_("Media types"),
        initial=default_media_types,
        choices=[(name, MEDIA_TYPE_LABELS[name]) for name in MEDIA_TYPES],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Conversations of other kinds are ignored. Lynn's are messages."),
    )

    class Meta:
        model = Tenant
        fields = "__all__"  # the admin's fieldsets choose
        labels = {"enabled": _("On")}
        field_classes = dict.fromkeys(
            ("first_check_after", "check_every", "give_up_after", "deliver_within"), SecondsField
        )
        help_texts = {
            "name": _("What people call this customer."),
            "enabled": _(
                "Without the tick the tenant is paused: new events are refused, and those already "
                "accepted are finished."
            ),
            "mode": _(
                "Shadow is for trying out: all is checked and recorded, but Lynn is not told."
            ),
            "client_id": _(
                "Of an OAuth client with the grant type “Client Credentials” (Genesys: Admin > "
                "Integrations > OAuth)."
            ),
            "api_url": _("Only if it is not https://api. with the region after it."),
            "login_url": _("Only if it is not https://login. with the region after it."),
            "queue_policy": _("The list of queues is at the end of this page."),
            "people": _(
                "Who may see this tenant without the right to see all tenants. Accounts are made "
                "under “Users”."
            ),
        }
        error_messages = {
            "slug": {"unique": _("Another tenant has this slug already. Choose a different one.")}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client_secret"].help_text = secret_note(self.instance)
        self.fields["lynn_headers"].help_text = headers_note(self.instance)

    def state_of(self, instance: Tenant) -> str:
        """Its version, which queues, people and the switch raise, too."""
        return str(instance.version)

    def deeds_since(self, opened_at: datetime) -> Iterator[tuple[str, datetime, str]]:
        for change in changes([self.instance.pk], MOST_CHANGES):
            if change.at > opened_at:
                yield change.author, change.at, _what(change)

    def clean_lynn_base_url(self) -> str:
        url = str(self.cleaned_data["lynn_base_url"])
        if PATH.lower() in url.lower():
            words = gettext("Leave %(path)s out: the portal adds it by itself.")
            raise forms.ValidationError(words % {"path": PATH})
        return url

    def clean_client_secret(self) -> Secret:
        typed: str = self.cleaned_data["client_secret"]
        return Secret.hide(typed) if typed else _as_secret(self.instance.client_secret)

    def clean_lynn_headers(self) -> Secret:
        typed: dict[str, str] = self.cleaned_data["lynn_headers"]
        if not typed:
            return _as_secret(self.instance.lynn_headers)
        scratch = Tenant()
        scratch.extra_headers = typed
        return _as_secret(scratch.lynn_headers)

    def clean(self) -> dict[str, Any] | None:
        self._keep_secrets_at_home()
        if self.cleaned_data.get("remove_headers"):
            if "lynn_headers" in self.changed_data:
                self.add_error(
                    "remove_headers", gettext("Either enter headers or remove them, not both.")
                )
            self.cleaned_data["lynn_headers"] = Secret()
        return super().clean()

    def _keep_secrets_at_home(self) -> None:
        """A stored secret goes to the host that it was entered for. Whoever names another host has
        to know the secret, or could have it sent to a host of his own."""
        old, new = self.initial, self.cleaned_data
        moved = [name for name in _GENESYS if _address(old, name) != _address(new, name)]
        if self.instance.client_secret and moved and "client_secret" not in self.changed_data:
            words = gettext(
                "The address of Genesys changes from %(old)s to %(new)s. Enter the secret again: "
                "the stored one is sent only to the host that it was entered for."
            )
            self.add_error("client_secret", words % _both(moved[0], old, new))
        moved = [name for name in ("lynn_base_url",) if _address(old, name) != _address(new, name)]
        kept = "lynn_headers" not in self.changed_data and not new.get("remove_headers")
        if self.instance.lynn_headers and moved and kept:
            words = gettext(
                "The address of Lynn changes from %(old)s to %(new)s. Enter the headers again, or "
                "remove them: the stored ones are sent only to the host that they were entered for."
            )
            self.add_error("lynn_headers", words % _both("lynn_base_url", old, new))


_GENESYS = ("api", "login")


def _address(values: Mapping[str, Any], name: str) -> str:
    """Scheme, host and port; "" where a value is missing, which has its own message then."""
    if name == "lynn_base_url":
        url = values.get(name) or ""
    else:
        region = values.get("region")
        url = values.get(f"{name}_url") or (f"https://{name}.{region}" if region else "")
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if url else ""


def _both(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    return {"old": _address(old, name), "new": _address(new, name)}


class QueueFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    def add_fields(self, form: "forms.ModelForm[Any]", index: int | None) -> None:
        """Each box has a name of its own for people who do not see the header of its column."""
        super().add_fields(form, index)
        for name in (*QueueForm.Meta.fields, DELETION_FIELD_NAME):
            if name in form.fields:
                field = form.fields[name]
                field.widget.attrs["aria-label"] = capfirst(str(field.label or name))

    def get_unique_error_message(self, unique_check: Any) -> str:
        return gettext("A queue stands in the list twice. Remove one of the two rows.")

    def get_form_error(self) -> str:
        return gettext("This queue stands in the list already.")


class QueueForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        field_classes = {"genesys_id": QueueIdField}
        model = Queue
        fields = ("genesys_id", "name", "answer_mode", "enabled")
        labels = {"genesys_id": _("Queue id in Genesys"), "enabled": _("In use")}
        help_texts = {
            "genesys_id": _("The last part of the address of the queue's page in Genesys."),
            "name": _("For people only; any name will do."),
            "answer_mode": _("Automatic, if Genesys connects the agent without asking."),
            "enabled": _("Switched off, its conversations are ignored."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The words of a choice are short here, so that names have room."""
        super().__init__(*args, **kwargs)
        answer_mode = self.fields.get("answer_mode")
        if isinstance(answer_mode, forms.ChoiceField):
            answer_mode.choices = ANSWER_MODES

    def clean_genesys_id(self) -> str:
        """Another id than those of Genesys would match no conversation, and nobody would know."""
        typed = str(self.cleaned_data["genesys_id"])
        if "genesys_id" in self.changed_data and not UUID.fullmatch(typed):
            raise forms.ValidationError(
                gettext(
                    "This is not the id of a queue. It looks like %(example)s and stands at the "
                    "end of the address of the queue's page in Genesys; the whole address will "
                    "do, too."
                )
                % {"example": "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a"}
            )
        return typed


def _what(change: Change) -> str:
    lines = ", ".join(line.label for line in change.lines)
    words = f"{change.subject} {change.verb}"
    return f"{words} ({lines})" if lines else words


def secret_note(tenant: Tenant) -> str:
    secret = _as_secret(tenant.client_secret)
    if not secret:
        return gettext("None is stored yet. It is kept encrypted and never shown again.")
    try:
        secret.reveal()
    except SecretUnreadable:
        return gettext("The stored secret cannot be read any more; please enter it again.")
    return gettext("A secret is stored. Leave this empty to keep it.")


def headers_note(tenant: Tenant) -> str:
    how = gettext(
        "Only if Lynn asks for them, such as “X-Api-Key: ...”: one a line. What you enter replaces "
        "all stored ones and is never shown again."
    )
    return f"{headers_stored(tenant)} {how}"


def headers_stored(tenant: Tenant) -> str:
    """Which headers are stored, by name: their values may be secrets."""
    try:
        names = ", ".join(tenant.extra_headers) if _as_secret(tenant.lynn_headers) else ""
    except SecretUnreadable:
        return gettext("The stored headers cannot be read any more; please enter them again.")
    if not names:
        return gettext("None are stored.")
    return gettext("Stored: %(names)s.") % {"names": names}


def _as_secret(value: Any) -> Secret:
    """A tenant that was never saved holds the empty default."""
    return value if isinstance(value, Secret) else Secret.hide(value)

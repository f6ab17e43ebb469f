"""What the configuration file may hold: its sections as serializers over the models' own fields."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from connector.config import fields
from connector.models import Queue, Tenant
from connector.models.tenant import validate_slug
from connector.models.token import MAX_LIVE_TOKENS, MIN_TOKEN_LENGTH


class Strict(serializers.Serializer[Any]):
    """A section in which an unknown key is a mistake like any other."""

    default_error_messages = {"invalid": "This has to be a section with keys of its own."}

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown_keys(data) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except ValidationError as exc:
            raise ValidationError({**exc.detail, **unknown}) from exc  # type: ignore[dict-item]
        if unknown:
            raise ValidationError(unknown)
        return values

    def _unknown_keys(self, data: Mapping[Any, Any]) -> dict[str, list[str]]:
        return {str(key): [self._hint(str(key))] for key in data if key not in self.fields}

    def _hint(self, key: str) -> str:
        close = get_close_matches(key, self.fields, n=1)
        return f"unknown key; did you mean {close[0]}?" if close else "unknown key."


class Section(Strict, serializers.ModelSerializer[Any]):
    serializer_choice_field = fields.Choice
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: fields.Text,
        models.FloatField: fields.Seconds,
        models.JSONField: fields.MediaTypes,
    }


class Genesys(Section):
    client_secret = fields.SecretText(required=False, write_only=True)

    class Meta:
        model = Tenant
        fields = ["region", "client_id", "client_secret", "api_url", "login_url"]
        extra_kwargs = {"client_id": {"required": False}}

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        return (fields.Address if model_field.blank else field_class), kwargs


class Lynn(Section):
    headers = serializers.DictField(
        source="lynn_headers",
        child=fields.SecretText(validators=[fields.legal_header_value]),
        validators=[fields.legal_header_names],
        required=False,
        write_only=True,
    )

    class Meta:
        model = Tenant
        fields = ["base_url", "headers"]
        extra_kwargs = {"base_url": {"source": "lynn_base_url", "required": False}}


class Timing(Section):
    class Meta:
        model = Tenant
        fields = ["first_check_after", "check_every", "give_up_after", "deliver_within"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        Tenant(**attrs).clean()
        return attrs


class Retention(Section):
    """In days."""

    class Meta:
        model = Tenant
        fields = ["bodies", "events", "connections"]
        extra_kwargs = {key: {"source": f"keep_{key}_days"} for key in fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            Tenant(**attrs).clean()
        except DjangoValidationError as exc:
            keys = {str(field.source): key for key, field in self.fields.items()}
            said = exc.message_dict.items()
            raise ValidationError({keys[name]: messages for name, messages in said}) from exc
        return attrs


class QueueEntry(Section):
    class Meta:
        model = Queue
        fields = ["id", "name", "answer_mode", "enabled"]
        extra_kwargs = {"id": {"source": "genesys_id"}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        queue = Queue(**attrs)
        queue.clean()
        return {**attrs, "genesys_id": queue.genesys_id}


class TenantEntry(Section):
    """Read, it is flat: columns of Tenant, and `queues` and `webhook_tokens`."""

    genesys = Genesys(source="*", required=False)
    lynn = Lynn(source="*", required=False)
    webhook_tokens = serializers.ListField(
        child=fields.SecretText(min_length=MIN_TOKEN_LENGTH, validators=[fields.sendable_token]),
        max_length=MAX_LIVE_TOKENS,
        required=False,
        write_only=True,
    )
    queues = serializers.ListField(child=QueueEntry(), required=False, write_only=True)
    timing = Timing(source="*", required=False)
    retention = Retention(source="*", required=False)

    class Meta:
        model = Tenant
        fields = [
            "slug",
            "name",
            "enabled",
            "mode",
            "time_zone",
            "genesys",
            "lynn",
            "webhook_tokens",
            "queue_policy",
            "answer_mode",
            "media_types",
            "queues",
            "timing",
            "without_name",
            "inbound_per_second",
            "retention",
        ]
        # The list may name tenants that exist, so the slug need not be new.
        extra_kwargs = {"slug": {"validators": [validate_slug]}, "name": {"required": False}}


class Configuration(Strict):
    version = fields.Choice([1])
    tenants = serializers.ListField(child=TenantEntry())


def columns(section: Section) -> Iterator[str]:
    """The columns of Tenant that the file decides, secrets apart."""
    for field in section.fields.values():
        if isinstance(field, Section):
            yield from columns(field)
        elif not field.write_only:
            yield str(field.source)

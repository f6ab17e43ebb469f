"""How the audit API describes what it answers; the records themselves are made in audit.export."""

from typing import Any

from rest_framework import serializers

from connector.domain import AnswerMode, Kind, Outcome, Reason, State, Trigger


class AuditAttemptSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Kind.values)
    trigger = serializers.ChoiceField(choices=Trigger.values)
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField(allow_null=True)
    method = serializers.CharField()
    url = serializers.CharField()
    status_code = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(choices=Outcome.values)
    detail = serializers.CharField()
    call_id = serializers.UUIDField(help_text="The same under all connections that it served.")
    count = serializers.IntegerField(help_text="Calls that said the same, told as one.")
    last_at = serializers.DateTimeField()


class AuditRecordSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tenant = serializers.CharField()
    conversation_id = serializers.CharField()
    session_id = serializers.CharField()
    participant_id = serializers.CharField()
    user_id = serializers.CharField()
    user_name = serializers.CharField()
    queue_id = serializers.CharField()
    provider = serializers.CharField()
    external_id = serializers.CharField(help_text="Masked for whoever may not see it.")
    media_type = serializers.CharField()
    event_time = serializers.DateTimeField(allow_null=True)
    received_at = serializers.DateTimeField()
    answer_mode = serializers.ChoiceField(choices=AnswerMode.values)
    state = serializers.ChoiceField(choices=State.values)
    reason = serializers.ChoiceField(choices=["", *Reason.values])
    explanation = serializers.CharField(help_text="One sentence, in the language asked for.")
    answered_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    duplicates = serializers.IntegerField()
    attempts = AuditAttemptSerializer(many=True)


class AuditPageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = AuditRecordSerializer(many=True)


class AuditErrorSerializer(serializers.Serializer[Any]):
    error = serializers.CharField()
    detail = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), required=False
    )

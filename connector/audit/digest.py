"""What of a connection is sealed, and its digests. Pure.

Facts that events may bring after the end are left out until they are known, and then stay as they
are; counts of duplicates and what only the engine uses are never part of it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FORM = 1  # of the rules below; digests that were made by others cannot be compared

FACTS = (
    "id",
    "tenant_id",
    "tenant_version",
    "conversation_id",
    "user_id",
    "user_name",
    "queue_name",
    "answer_mode",
    "received_at",
    "give_up_at",
    "deliver_by",
    "state",
    "reason",
    "evidence",
    "evidence_detail",
    "answered_at",
    "delivered_at",
    "final_at",
    "trouble",
    "trouble_detail",
    "trigger",
    "checks",
    "tries",
)
# Each of these has a bit of its own in `covered`, so a new one comes last.
LATE_FACTS = (
    "session_id",
    "participant_id",
    "queue_id",
    "provider",
    "media_type",
    "event_time",
    "offered_at",
    "offer_key",
    "ended_at",
    "interacted",
    "superseded_at",
    "external_id",
)
ATTEMPT_FACTS = (
    "id",
    "kind",
    "trigger",
    "number",
    "count",
    "call_id",
    "started_at",
    "last_at",
    "reopened_at",
    "duration_ms",
    "timing",
    "method",
    "url",
    "request_headers",
    "status_code",
    "response_headers",
    "response_length",
    "response_sha256",
    "outcome",
    "detail",
)
BODIES = ("request_body", "response_body")

CONNECTION_COLUMNS = (*FACTS, *LATE_FACTS)
ATTEMPT_COLUMNS = ("connection_id", *ATTEMPT_FACTS, *BODIES)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Digests:
    connection: bytes
    attempts: bytes
    bodies: bytes


def digests(row: Row, attempts: Sequence[Row], covered: int) -> Digests:
    """Of a connection with its attempts, in whatever order they are given."""
    ordered = sorted(attempts, key=lambda attempt: attempt["id"].int)
    return Digests(_of_connection(row, covered), _of_attempts(ordered), _of_bodies(ordered))


def covered(row: Row) -> int:
    """The late facts that are known, and so can no longer change: one bit each."""
    return sum(1 << place for place, name in enumerate(LATE_FACTS) if _is_settled(row, name))


def _is_settled(row: Row, name: str) -> bool:
    """An offer's key names its session once that is known. One that an acd.end opened gets its
    times from the user.start that joins it."""
    if name == "offer_key":
        return bool(row[name].startswith("s:"))
    if name in ("offered_at", "event_time") and row["offer_key"].startswith("acd:"):
        return False
    return row[name] not in (None, "")


def are_bodies_gone(attempts: Iterable[Row]) -> bool:
    return not any(attempt[name] for attempt in attempts for name in BODIES)


def digest_of(values: object) -> bytes:
    """Of anything that the database gives, the same whichever database it is."""
    text = json.dumps(values, separators=(",", ":"), sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)


def _of_connection(row: Row, covered: int) -> bytes:
    late = [name for place, name in enumerate(LATE_FACTS) if covered >> place & 1]
    return digest_of([row[name] for name in (*FACTS, *late)])


def _of_attempts(attempts: Iterable[Row]) -> bytes:
    return digest_of([[attempt[name] for name in ATTEMPT_FACTS] for attempt in attempts])


def _of_bodies(attempts: Iterable[Row]) -> bytes:
    digest = hashlib.sha256()
    for attempt in attempts:
        for name in BODIES:
            body = attempt[name].encode()
            digest.update(f"{attempt['id']}:{len(body)}:".encode() + body)
    return digest.digest()

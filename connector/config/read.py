"""From the file to the tenants that it wants, or to every mistake in it, each with its place."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.config.document import Source, parse
from connector.config.shape import Configuration, TenantEntry, columns
from connector.errors import ConfigurationError
from connector.models import Queue, Tenant

NEEDED = (("genesys", "client_id"), ("genesys", "client_secret"), ("lynn", "base_url"))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One tenant as the file wants it; None means that the file says nothing about it."""

    place: str
    slug: str
    columns: dict[str, Any]
    client_secret: str | None
    headers: dict[str, str] | None
    tokens: list[str] | None
    queues: dict[str, Queue]


def read(source: Source, stored: Collection[str]) -> list[Wanted]:
    """`stored` are the slugs of existing tenants, which need not say again what has no default."""
    document = parse(source.text)
    shape = Configuration(data=document, context={"folder": source.folder})
    mistakes = [] if shape.is_valid() else list(_flat(shape.errors, ""))
    mistakes += [*_repeated(document), *_lacking(document, stored)]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    entries = shape.validated_data["tenants"]
    return [_wanted(entry, f"tenants[{index}]") for index, entry in enumerate(entries)]


def _flat(detail: Any, path: str) -> Iterator[str]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            yield from _flat(value, _below(path, key))
    else:
        yield from (f"{path or 'the file'}: {message}" for message in detail)


def _below(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")


def _repeated(document: Any) -> Iterator[str]:
    tenants = list(_entries(document, "tenants"))
    yield from _twice((f"{place}.slug", entry.get("slug")) for place, entry in tenants)
    for place, tenant in tenants:
        queues = _entries(tenant, "queues")
        yield from _twice((f"{place}.{below}.id", queue.get("id")) for below, queue in queues)


def _entries(section: Any, key: str) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    entries = section.get(key) if isinstance(section, Mapping) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, Mapping):
            yield f"{key}[{index}]", entry


def _twice(placed: Iterator[tuple[str, Any]]) -> Iterator[str]:
    first: dict[str, str] = {}
    for place, value in placed:
        name = str(value).strip().lower()
        if isinstance(value, str) and first.setdefault(name, place) != place:
            yield f"{place}: “{name}” stands in {first[name]} already."


def _lacking(document: Any, stored: Collection[str]) -> Iterator[str]:
    for place, tenant in _entries(document, "tenants"):
        slug = tenant.get("slug")
        if isinstance(slug, str) and slug.strip() not in stored:
            for section, key in NEEDED:
                held = tenant.get(section)
                if not (isinstance(held, Mapping) and key in held):
                    yield f"{place}.{section}.{key}: a new tenant needs this."


def _wanted(entry: dict[str, Any], place: str) -> Wanted:
    return Wanted(
        place=place,
        slug=entry["slug"],
        columns=_with_defaults(entry),
        client_secret=entry.get("client_secret"),
        headers=entry.get("lynn_headers"),
        tokens=entry.get("webhook_tokens"),
        queues={queue["genesys_id"]: Queue(**queue) for queue in entry.get("queues", [])},
    )


def _with_defaults(entry: dict[str, Any]) -> dict[str, Any]:
    """Columns without a default that the file does not name are left out, and so kept."""
    decided, values = set(columns(TenantEntry())), {}
    for field in Tenant._meta.concrete_fields:
        if field.name in entry and field.name in decided:
            values[field.name] = entry[field.name]
        elif field.name in decided and (field.has_default() or field.blank):
            values[field.name] = field.get_default()
    return values

"""Reads the environment: every mistake is reported at once, by the variable's name."""

import ipaddress
import os
import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, quote, urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvValidationError, ValidationError

from portal import keys

SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "PORTAL_SECRET_KEY",
    "PORTAL_FIELD_KEYS",
    "PORTAL_METRICS_TOKEN",
)
KEYS = {"secret_key": "PORTAL_SECRET_KEY", "field_keys": "PORTAL_FIELD_KEYS"}
LONGEST_NAME = 63  # of a PostgreSQL database
IN_MEMORY = (":memory:", "mode=memory")  # as Django recognises it
HOST = re.compile(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
DEVELOPMENT_HOSTS = ["localhost", "127.0.0.1", "[::1]"]


def read(base_dir: Path) -> dict[str, Any]:
    """All settings that the environment decides, by lower-case name.

    Raises ImproperlyConfigured with one line for each variable that is wrong.
    """
    problems = _read_secret_files()
    env = Env(eager=False)
    values = _portal(env) | _services(env, base_dir / "var")
    _complain(_wrong(env) | _unusable(values), problems)
    values |= _keys(values, base_dir / "var")
    return values


def _portal(env: Env) -> dict[str, Any]:
    return {
        "secret_key": env.str("PORTAL_SECRET_KEY", "", validate=_long_enough),
        "field_keys": env.list("PORTAL_FIELD_KEYS", [], validate=_fernet_keys),
        "allowed_hosts": _stripped(
            env.list("PORTAL_ALLOWED_HOSTS", DEVELOPMENT_HOSTS, validate=_hosts)
        )
        or DEVELOPMENT_HOSTS,
        "base_url": env.str("PORTAL_BASE_URL", "http://127.0.0.1:8000", validate=_address),
        "allowed_upstreams": env.list("PORTAL_ALLOWED_UPSTREAMS", [], validate=_networks),
        "trusted_proxies": _stripped(
            env.list("FORWARDED_ALLOW_IPS", ["127.0.0.1", "::1"], validate=_proxies)
        ),
        "web_processes": env.int("PORTAL_WEB_PROCESSES", None, validate=_from_1_to(64)),
        "web_threads": env.int("PORTAL_WEB_THREADS", 8, validate=_from_1_to(256)),
        "worker_processes": env.int("PORTAL_WORKER_PROCESSES", 4, validate=_from_1_to(64)),
        "metrics_token": env.str("PORTAL_METRICS_TOKEN", "", validate=_sendable),
        "log_format": env.str("PORTAL_LOG_FORMAT", "plain", validate=_one_of("plain", "json")),
        "language": env.str("PORTAL_LANGUAGE", "en", validate=_one_of("en", "es")),
        "time_zone": env.str("PORTAL_TIME_ZONE", "UTC", validate=_time_zone),
        "debug": env.bool("PORTAL_DEBUG", False),
    }


def _services(env: Env, var: Path) -> dict[str, Any]:
    return {
        "database": env.dj_db_url(
            "DATABASE_URL", f"sqlite:///{quote(str(var / 'portal.sqlite3'))}"
        ),
        "redis_url": env.str("REDIS_URL", "", validate=_redis),
        "email": env.dj_email_url("EMAIL_URL", "console:"),
    }


def _wrong(env: Env) -> dict[str, str]:
    try:
        env.seal()
    except EnvValidationError as exc:
        wrong = cast(Mapping[str, list[str]], exc.error_messages)
        return {name: " ".join(messages) for name, messages in wrong.items()}
    return {}


def _unusable(values: dict[str, Any]) -> dict[str, str]:
    """What each variable alone does not show, or its parser lets pass."""
    database = values["database"] or {}
    engine, problems = database.get("ENGINE", ""), {}
    if engine and not engine.endswith(("sqlite3", "postgresql")):
        problems["DATABASE_URL"] = "must start with postgres:// or sqlite://."
    elif engine.endswith("postgresql"):
        absent = [name for key, name in KEYS.items() if values[key] in ("", [])]
        problems = dict.fromkeys(absent, "required with this database.")
        if not 1 <= len(database["NAME"]) <= LONGEST_NAME:
            example = "postgres://user:password@host:5432/name"
            problems["DATABASE_URL"] = f"names no database; an example is {example}."
    elif engine and (wrong := _wrong_file(database)):
        problems["DATABASE_URL"] = f"{wrong}; an example is sqlite:////var/lib/portal.sqlite3."
    if values["email"] is not None and "EMAIL_BACKEND" not in values["email"]:
        problems["EMAIL_URL"] = "is not an address such as smtp://user:password@host:587."
    return problems


def _wrong_file(database: dict[str, Any]) -> str:
    """What is wrong with where SQLite is to keep its file, if anything."""
    if any(mark in database["NAME"] for mark in IN_MEMORY):
        return "a database in memory ends with its process, so nobody else sees it"
    if database.get("HOST"):
        return "two slashes are followed by a host, which SQLite has none of"
    if options := database.get("OPTIONS"):
        return f"SQLite takes no options ({', '.join(options)})"
    return ""


def reserve(path: Path) -> None:
    """Make the file of an SQLite database that is not there yet."""
    try:
        keys.reserve(path)
    except OSError as exc:
        _complain({"DATABASE_URL": f"{path} cannot be made ({exc})."}, [])


def _complain(wrong: Mapping[str, str], problems: list[str]) -> None:
    problems = problems + [f"{name}: {what}" for name, what in wrong.items()]
    if problems:
        raise ImproperlyConfigured("The environment is wrong.\n" + "\n".join(problems))


def _read_secret_files() -> list[str]:
    """Read NAME_FILE where NAME is absent; returns what could not be read."""
    problems = []
    for name in SECRETS:
        path = os.environ.get(f"{name}_FILE")
        if path and not os.environ.get(name):
            try:
                os.environ[name] = Path(path).read_text("utf-8-sig").strip()
            except (OSError, ValueError) as exc:
                problems.append(f"{name}_FILE: {path} cannot be read ({exc}).")
            else:
                if not os.environ[name]:
                    problems.append(f"{name}_FILE: {path} is empty.")
    return problems


def _keys(values: dict[str, Any], var: Path) -> dict[str, Any]:
    """Make the keys that are absent on SQLite; elsewhere every machine is given the same."""
    made = {name: _key(var / name) for name in KEYS if not values[name]}
    try:
        _fernet_keys(values["field_keys"] or [made["field_keys"]])
    except ValidationError as exc:
        raise ImproperlyConfigured(f"{var / 'field_keys'}: {exc}") from None
    return {
        "secret_key": values["secret_key"] or made["secret_key"],
        "field_keys": values["field_keys"] or [made["field_keys"]],
    }


def _key(path: Path) -> str:
    try:
        return keys.read_or_make(path)
    except (OSError, UnicodeDecodeError) as exc:
        raise ImproperlyConfigured(f"The key {path} can be neither read nor made ({exc}).") from exc


def _stripped(values: list[str] | None) -> list[str]:
    return [value.strip() for value in values or [] if value.strip()]


def _sendable(value: str) -> None:
    if not re.fullmatch(r"[\x21-\x7e]*", value):
        raise ValidationError(
            "may hold visible ASCII characters alone, without spaces: it is sent in a header."
        )


def _long_enough(value: str) -> None:
    if value and len(value) < 32:
        raise ValidationError("needs at least 32 characters.")


def _fernet_keys(values: list[str]) -> None:
    for number, key in enumerate(values, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ValidationError(
                f"key {number} is not 32 bytes in URL-safe base64; make one with "
                'python3 -c "import base64, os; '
                'print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            ) from None


def _address(value: str) -> None:
    parts = _parts(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError(f"“{value}” is not an address such as https://portal.example.com.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValidationError("leave user, password, ? and # out of the address.")


def origin(address: str) -> str:
    """Scheme, host and port of an address, as browsers name where a page is from."""
    parts = urlsplit(address.lower())
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"


def _parts(value: str) -> SplitResult | None:
    """None for what is no address at all."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  (raises for a port that is no number)
    except ValueError:
        return None
    return None if re.search(r"[\s\x00-\x1f]", value) else parts


def _hosts(values: list[str]) -> None:
    """As Django compares them: without scheme, port and path; ".name" stands for all below it."""
    for value in _stripped(values):
        if not HOST.fullmatch(value):
            raise ValidationError(f"“{value}” is no host name such as portal.example.com.")


def _networks(values: list[str]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value.strip())
        except ValueError as exc:
            raise ValidationError(f"{exc}; an example is 10.20.0.0/16.") from None


def _proxies(values: list[str]) -> None:
    """As gunicorn reads them: addresses, networks, or "*" for everybody."""
    _networks([value for value in values if value.strip() not in ("", "*")])


def _redis(value: str) -> None:
    parts = _parts(value)
    if value and (parts is None or parts.scheme not in ("redis", "rediss", "unix")):
        raise ValidationError("must start with redis://, rediss:// or unix://.")
    if parts and parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValidationError("names no database by its number; an example is redis://host:6379/0.")


def _time_zone(value: str) -> None:
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValidationError(f"“{value}” is no time zone; an example is America/Bogota.") from None


def _one_of(*allowed: str) -> Any:
    def validate(value: str) -> None:
        if value not in allowed:
            raise ValidationError(f"“{value}” is none of {', '.join(allowed)}.")

    return validate


def _from_1_to(most: int) -> Any:
    def validate(value: int | None) -> None:
        if value is not None and not 1 <= value <= most:
            raise ValidationError(f"must be between 1 and {most}.")

    return validate

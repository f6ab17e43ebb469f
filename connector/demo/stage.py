"""What the demo needs in its database: two tenants that use the simulator, and an admin."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import User

from connector.domain import AnswerMode
from connector.models import Queue, Tenant, WebhookToken
from connector.simulator.server import Simulator

USER = "admin"

# name in the address and in the simulator, name, (automatic queue, manual queue), time zone
BANCO, CLINICA = "banco-del-sur", "clinica-andina"
TENANTS = (
    (BANCO, "Banco del Sur", ("Ventas", "Soporte"), "America/Argentina/Buenos_Aires"),
    (CLINICA, "Clínica Andina", ("Citas", "Urgencias"), "America/Bogota"),
)
TIMING = {
    "first_check_after": 1.0,
    "check_every": 1.0,
    "give_up_after": 60.0,
    "deliver_within": 120.0,
}


@dataclass(frozen=True)
class House:
    """A demo tenant: what is needed to post for it and to speak of it. Queues are Genesys ids."""

    slug: str
    name: str
    token: str
    automatic: Queue
    manual: Queue

    def queue(self, *, automatic: bool) -> Queue:
        return self.automatic if automatic else self.manual

    def label(self, *, automatic: bool) -> str:
        kind = "automatic" if automatic else "manual"
        return f"{self.name} · {self.queue(automatic=automatic).name} ({kind})"


@dataclass(frozen=True)
class Stage:
    """Where stories play: the simulator, the portal's address, and the tenants by slug."""

    simulator: Simulator
    portal_url: str
    houses: dict[str, House]


def write_down(stage: Stage, path: Path) -> None:
    """What the admin's simulator page needs; with tokens in it, so for this user's eyes alone."""
    houses = {
        house.slug: {
            "token": house.token,
            "automatic": house.automatic.genesys_id,
            "manual": house.manual.genesys_id,
        }
        for house in stage.houses.values()
    }
    content = {"simulator": stage.simulator.url, "portal": stage.portal_url, "houses": houses}
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), "utf-8")


def set_up(simulator: Simulator, portal_url: str, now: datetime) -> Stage:
    """Makes the tenants on both sides."""
    houses = {
        slug: _house(simulator, slug, name, queues, zone, now)
        for slug, name, queues, zone in TENANTS
    }
    return Stage(simulator, portal_url, houses)


def _house(
    simulator: Simulator,
    slug: str,
    name: str,
    queues: tuple[str, str],
    zone: str,
    now: datetime,
) -> House:
    tenant = _tenant(simulator, slug, name, zone)
    automatic = _queue(simulator, tenant, queues[0], AnswerMode.AUTO)
    manual = _queue(simulator, tenant, queues[1], AnswerMode.MANUAL)
    _, token = WebhookToken.make(tenant, now)
    return House(slug, name, token, automatic, manual)


def _tenant(simulator: Simulator, slug: str, name: str, zone: str) -> Tenant:
    client = simulator.organisation(slug).settings
    tenant = Tenant(
        slug=slug,
        name=name,
        time_zone=zone,
        client_id=client.client_id,
        client_secret=client.client_secret,
        api_url=simulator.genesys_url(slug),
        login_url=simulator.genesys_url(slug),
        lynn_base_url=simulator.lynn_url(slug),
        **TIMING,
    )
    tenant.full_clean()
    tenant.save()
    return tenant


def _queue(simulator: Simulator, tenant: Tenant, name: str, mode: AnswerMode) -> Queue:
    genesys_id = simulator.add_queue(tenant.slug, name, auto_answer=mode == AnswerMode.AUTO).id
    return Queue.objects.create(tenant=tenant, genesys_id=genesys_id, name=name, answer_mode=mode)


def make_admin() -> str:
    """Makes the superuser; returns the password."""
    password = readable_password()
    User.objects.create_superuser(USER, password=password)
    return password


def readable_password() -> str:
    """Such as `kavo-tumi-rela-482`: easy to copy by eye, random enough for a portal on loopback."""
    words = [_syllable() + _syllable() for _ in range(3)]
    return "-".join([*words, str(secrets.randbelow(900) + 100)])


def _syllable() -> str:
    return secrets.choice("bdfgkmnprstvz") + secrets.choice("aeiou")

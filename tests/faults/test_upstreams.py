"""Genesys and Lynn misbehave in every way we know, each at tenants of its own, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, count, query, wait_until_final
from tests.faults.offers import DELIVERED, Case, End, automatic, manual
from tests.faults.proxy import Proxy, proxy
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, free_port, wait_until

WAIT = full_or_short(120, 8)  # seconds that a 429 asks for
SHORT = 20  # seconds until a lasting fault has had its effect
LONG = WAIT + 300  # seconds; longer than a passing one lasts
MOST_MEMORY = 160 * 2**20  # bytes of a process that reads 50 MB or a bomb of 1000 MB

TELL_LATE: End = ("expired", "too_late")
REFUSED: End = ("failed", "lynn_refused")
BLIND: End = ("failed", "genesys_unavailable")
NO_CREDENTIALS: End = ("failed", "genesys_credentials_refused")
NO_PERMISSION: End = ("failed", "genesys_permission_missing")
OFTEN = (0, 30)  # not at all where the time was over before its turn came


@dataclass(frozen=True)
class Fault:
    """What goes wrong, how a connection ends if that lasts, and how often Lynn has then acted.

    `times`: after how many calls it passes; None for one that is final at the first call, or that
    would only take up workers' time.
    """

    act: str
    end: End
    settings: dict[str, Any] = field(default_factory=dict)
    told: tuple[int, int] | None = None
    times: int | None = 2


def status(code: int, end: End, **more: Any) -> Fault:
    times = more.pop("times", 2)
    return Fault("status", end, {"status": code, **more}, times=times)


LYNN = {
    "reset": Fault("reset", TELL_LATE),
    "reset-in-mid-body": Fault("reset_body", DELIVERED),
    "hangs": Fault("hang", TELL_LATE),
    "hangs-after-the-work": Fault("hang_after", TELL_LATE, told=OFTEN),
    "head-byte-by-byte": Fault("drip_headers", TELL_LATE, told=OFTEN, times=None),
    "body-byte-by-byte": Fault("drip_body", DELIVERED, times=None),
    "50-mb": Fault("huge", DELIVERED),
    "gzip-bomb": Fault("gzip_bomb", DELIVERED),
    "html": Fault("html", DELIVERED, told=(0, 0)),  # from something in front of Lynn
    "html-502": Fault("html", TELL_LATE, {"status": 502}),
    "invalid-utf8": Fault("invalid_utf8", DELIVERED),
    "redirect-302": status(302, REFUSED, times=None),
    "redirect-307": status(307, REFUSED, times=None),
    "status-400": status(400, REFUSED, times=None),
    "status-401": status(401, REFUSED, times=None),
    "status-408": status(408, TELL_LATE),
    "status-425": status(425, TELL_LATE),
    "status-429": status(429, TELL_LATE, retry_after=WAIT, times=1),
    "status-500": status(500, TELL_LATE),
    "status-503": status(503, TELL_LATE),
}
GENESYS = {
    "reset": Fault("reset", BLIND),
    "reset-in-mid-body": Fault("reset_body", BLIND),
    "hangs": Fault("hang", BLIND),
    "head-byte-by-byte": Fault("drip_headers", BLIND, times=None),
    "body-byte-by-byte": Fault("drip_body", BLIND, times=None),
    "50-mb": Fault("huge", BLIND),
    "gzip-bomb": Fault("gzip_bomb", BLIND),
    "html": Fault("html", BLIND),
    "html-502": Fault("html", BLIND, {"status": 502}),
    "invalid-utf8": Fault("invalid_utf8", BLIND),
    "redirect-302": status(302, BLIND),
    "status-401": status(401, NO_CREDENTIALS, times=1),
    "status-403": status(403, NO_PERMISSION),
    "status-429": status(429, BLIND, retry_after=WAIT, times=1),
    "status-500": status(500, BLIND),
    "status-503": status(503, BLIND),
}
TOKEN = {
    "hangs": Fault("hang", BLIND, times=1),
    "50-mb": Fault("huge", BLIND, times=1),
    "gzip-bomb": Fault("gzip_bomb", BLIND, times=1),
    "html": Fault("html", BLIND, times=1),
    "redirect-302": status(302, BLIND, times=1),
    "status-400": status(400, NO_CREDENTIALS, times=1),
    "status-429": status(429, BLIND, retry_after=WAIT, times=1),
    "status-503": status(503, BLIND, times=1),
}
SIDES = {"lynn": LYNN, "genesys": GENESYS, "token": TOKEN}


@dataclass(frozen=True)
class Tenant:
    """One tenant whose upstream misbehaves, once until it is over and once for good."""

    side: str
    name: str
    fault: Fault
    lasting: bool

    @property
    def slug(self) -> str:
        return f"{self.side}-{self.name}-{'lasting' if self.lasting else 'passing'}"

    @property
    def waits(self) -> bool:
        """Whether it ends when its time is over, and not before."""
        return self.lasting and self.fault.end not in (DELIVERED, REFUSED)

    def play(self, simulator: Simulator) -> None:
        passing = {} if self.lasting else {"times": self.fault.times}
        settings = self.fault.settings | passing
        if self.side == "lynn":
            simulator.lynn_misbehaves(self.slug, self.fault.act, **settings)
            return
        kind = "status" if self.side == "genesys" else "token"
        simulator.misbehave(self.slug, kind, self.fault.act, **settings)

    def case(self, simulator: Simulator) -> Case:
        if self.lasting or self.fault.end == DELIVERED:
            return manual(simulator, self.slug, ends=(self.fault.end,), told=self.fault.told)
        return manual(simulator, self.slug, told=self.fault.told)


def tenants() -> Iterator[Tenant]:
    for side, faults in SIDES.items():
        for name, fault in faults.items():
            yield Tenant(side, name, fault, lasting=True)
            if fault.times:
                yield Tenant(side, name, fault, lasting=False)


def test_whatever_upstreams_do_every_connection_ends_as_it_must(
    make_portal: Make, simulator: Simulator
) -> None:
    portal, everybody = make_portal("postgres"), list(tenants())
    portal.environment["PORTAL_WORKER_PROCESSES"] = "16"  # as many tenants hang at a time
    for each in everybody:
        each.play(simulator)
    with proxy("127.0.0.1", int(simulator.url.rpartition(":")[2])) as door:
        refusing = list(refusing_tenants(simulator, door))
        portal.configure(
            *(tenant_of(simulator, each.slug, timing=timing(each.waits)) for each in everybody),
            *(settings for settings, _ in refusing),
            tenant_of(simulator, "healthy"),
        )
        portal.serve()
        books = Books(portal)

        books.post_all([each.case(simulator) for each in everybody])
        books.post_all([case for _, case in refusing])
        with books.pouring(lambda number: automatic(simulator, "healthy", number), per_second=5):
            wait_until(
                lambda: refused(portal) >= {"genesys-refuses-passing", "lynn-refuses-passing"},
                180,
                "those that will be let in later have been tried",
                every=0.5,
            )
            door.open()
            wait_until_final_but(portal, "healthy", LONG)
        wait_until_final(portal, 90)

    assert_memory_is_bounded(portal)
    assert [] == simulator.lynn_calls("elsewhere"), "a redirect was followed"
    assert_waits_are_obeyed(simulator)
    Ledger(portal, simulator, books).balance()


def timing(waits: bool) -> dict[str, int]:
    seconds = SHORT if waits else LONG
    return {"give_up_after": seconds, "deliver_within": seconds}


def refusing_tenants(simulator: Simulator, door: Proxy) -> Iterator[tuple[dict[str, Any], Case]]:
    """Nothing listens where Genesys or Lynn should be; for good, or until the door is opened."""
    door.refuse()
    for side, end in (("genesys", BLIND), ("lynn", TELL_LATE)):
        for lasting, port in ((True, free_port()), (False, door.port)):
            slug = f"{side}-refuses-{'lasting' if lasting else 'passing'}"
            settings = tenant_of(simulator, slug, timing=timing(lasting))
            if side == "lynn":
                settings["lynn"] = {"base_url": f"http://127.0.0.1:{port}/lynn/{slug}"}
            else:
                settings["genesys"]["api_url"] = f"http://127.0.0.1:{port}/genesys/{slug}"
            yield settings, manual(simulator, slug, ends=(end if lasting else DELIVERED,))


def refused(portal: Portal) -> set[str]:
    """The tenants whose upstream was tried although nothing listens there."""
    sql = (
        "SELECT DISTINCT t.slug FROM connector_tenant t"
        " JOIN connector_agentconnection c ON c.tenant_id = t.id"
        " JOIN connector_attempt a ON a.connection_id = c.id"
        " WHERE t.slug LIKE '%-refuses-%' AND a.outcome = 'unavailable' AND a.status_code IS NULL"
    )
    return {slug for (slug,) in query(portal, sql)}


def wait_until_final_but(portal: Portal, slug: str, seconds: float) -> None:
    others = f"tenant_id NOT IN (SELECT id FROM connector_tenant WHERE slug = '{slug}')"  # noqa: S608
    wait_until(
        lambda: count(portal, "agentconnection", f"due_at IS NOT NULL AND {others}") == 0,
        seconds,
        "every connection is final",
        every=0.5,
    )


def assert_memory_is_bounded(portal: Portal) -> None:
    peaks = [_peak(pid) for pid in portal.pids()]

    print(f"at most {max(peaks) / 2**20:.0f} MiB in one of {len(peaks)} processes")
    assert max(peaks) < MOST_MEMORY


def _peak(pid: int) -> int:
    """The most memory that the process has ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def assert_waits_are_obeyed(simulator: Simulator) -> None:
    """Who was told to wait by Genesys asks nothing of it meanwhile."""
    for slug in ("genesys-status-429-passing", "token-status-429-passing"):
        calls = simulator.call_log(slug)
        refused = next(call.at for call in calls if call.status == 429)
        later = [call.at - refused for call in calls if call.at > refused]
        assert later, slug
        assert min(later) >= WAIT, f"{slug} was called {min(later):.1f} s after its 429"

"""What the processes of a contender cost: CPU and memory, as the kernel counts them."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
LISTENS = "0A"  # how /proc/net/tcp writes it


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that have ended."""
    return sum(_ticks(pid) for pid in pids) / TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])


def memory_mb(pids: Iterable[int]) -> float:
    """Proportional set size: what processes share is counted once."""
    return sum(_pss_kb(pid) for pid in pids) / 1024


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def workers(pids: Iterable[int], port: int) -> list[int]:
    """Those of the processes that do not have the web server's port open."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return [pid for pid in pids if not sockets & _open_files(pid)]


def named(command: str) -> list[int]:
    """Every process of the machine that runs this program."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if _name(pid) == command]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _listening(port: int) -> list[str]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == LISTENS and row[1].endswith(f":{port:04X}")]


def _open_files(pid: int) -> set[str]:
    folder, files = f"/proc/{pid}/fd", set()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                files.add(os.readlink(f"{folder}/{name}"))
    return files

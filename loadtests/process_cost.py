"""What a tree of processes costs: CPU time and memory, read from /proc (Linux only)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""Resolution of CPU times: 10 ms on common kernels, so measure for seconds."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessTime:
    """One process at one moment."""

    name: str
    """The kernel's name of the program, at most 15 characters."""
    parent: int
    cpu: float
    """Seconds of CPU since it started, user and system."""


def read_process(pid: int) -> ProcessTime | None:
    """None when there is no such process (any more)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name_end = text.rindex(")")
    rest = text[name_end + 2 :].split()
    ticks = int(rest[11]) + int(rest[12])
    return ProcessTime(text[text.index("(") + 1 : name_end], int(rest[1]), ticks * TICK_S)


def tree(root: int) -> dict[int, ProcessTime]:
    """The process and all its descendants that live now."""
    everyone = {
        int(entry.name): process
        for entry in _PROC.iterdir()
        if entry.name.isdigit() and (process := read_process(int(entry.name))) is not None
    }
    chosen = {root} & everyone.keys()
    while more := {pid for pid, process in everyone.items() if process.parent in chosen} - chosen:
        chosen |= more
    return {pid: everyone[pid] for pid in chosen}


def is_server_beside(name: str) -> bool:
    """Whether a child is a server that the gateway keeps (database, ledger), not the gateway itself."""
    return name.startswith(("postgres", "valkey", "redis", "initdb", "pg_"))


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds of CPU: the gateway's own processes, and the servers embedded beside them."""

    own: float = 0.0
    beside: float = 0.0

    def since(self, before: CpuTime) -> CpuTime:
        """What was spent between two readings."""
        return CpuTime(self.own - before.own, self.beside - before.beside)


def cpu_time(root: int) -> CpuTime:
    """CPU spent so far by the tree under `root`."""
    own = beside = 0.0
    for process in tree(root).values():
        if is_server_beside(process.name):
            beside += process.cpu
        else:
            own += process.cpu
    return CpuTime(own, beside)


def core_busy(core: int) -> float:
    """Seconds that anyone, stolen time included, has kept this core busy since boot."""
    with Path("/proc/stat").open() as lines:
        for line in lines:
            label, *ticks = line.split()
            if label == f"cpu{core}":
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
                return (user + nice + system + irq + softirq + steal) * TICK_S
    return 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process in RAM."""

    rss: int = 0
    pss: int = 0
    """As `rss`, shared pages counted in proportion to their sharers."""


def memory(pid: int) -> Memory:
    """Zero when the process is gone or not ours to read."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return Memory()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return Memory(kilobytes["Rss"] * 1024, kilobytes["Pss"] * 1024)


def largest_own(root: int) -> Memory:
    """Memory of the gateway's largest own process: the worker, whatever stands beside or above it."""
    own = [memory(pid) for pid, process in tree(root).items() if not is_server_beside(process.name)]
    return max(own, key=lambda one: one.rss, default=Memory())

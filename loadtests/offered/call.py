"""One request as its caller saw it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

OVERLOAD_CODES = frozenset(
    {"queue_full", "queue_timeout", "deadline_unreachable", "overloaded", "no_eligible_key"}
)
"""Codes by which the gateway itself refuses for want of room (`reference/wire.md` §1.4)."""


@dataclass(slots=True)
class Call:
    """Times are seconds since the load began. Status 0 with an error: there was no answer; without: it waits."""

    tenant: str
    priority: str
    model: str
    streaming: bool
    due: float
    sent: float
    done: float | None = None
    status: int = 0
    code: str = ""
    """The error's, as the body says."""
    error: str = ""
    """What was wrong with an answer, or why there is none."""
    queue_ms: float | None = None
    attempts: int = 0
    provider: str = ""
    key: str = ""
    overflow: str = ""
    frames: int = 0

    @property
    def served(self) -> bool:
        """Answered, rightly."""
        return self.status == 200 and not self.error

    @property
    def unfinished(self) -> bool:
        """Still under way when the load ended."""
        return self.done is None

    @property
    def refused(self) -> bool:
        """Turned away by the gateway for want of room, in its own words; in a stream, before anything else."""
        return self.status in (200, 429, 503) and self.code in OVERLOAD_CODES

    @property
    def failed(self) -> bool:
        """Neither served nor refused: what no caller should ever get. A provider's 429 relayed is one."""
        return not self.unfinished and not self.served and not self.refused

    @property
    def dispatched(self) -> float | None:
        """When it went upstream; None when it never did, or nobody said."""
        if not self.served or self.queue_ms is None:
            return None
        return self.sent + self.queue_ms / 1000


def write_calls(file: Path, calls: Iterable[Call]) -> None:
    """A line a call."""
    with file.open("w") as lines:
        lines.writelines(json.dumps(asdict(call)) + "\n" for call in calls)


def read_calls(file: Path) -> list[Call]:
    """As written."""
    with file.open() as lines:
        return [Call(**json.loads(line)) for line in lines]

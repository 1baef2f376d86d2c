"""What a scenario of the overhead benchmark is given and what it gives back."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from loadtests.figures import Figure
from loadtests.measure import Bench
from loadtests.peers import Peer

CONCURRENCIES = (1, 16, 64, 256)


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, all up, and how long and how often to measure."""

    bench: Bench
    upstream: Peer
    bulk: Peer
    """A second upstream, for bodies so large that they would delay the first one's other callers."""
    static: Peer
    gateway: Peer
    admin_port: int
    admin_key: str
    rounds: int
    seconds: float
    quick: bool
    limits: str | None = None
    """The ledger in which every dimension of provider key and tenant key is limited: governance has targets of its
    own."""
    database: bool = False
    """With a budget, prices and usage records, which have targets of their own, too."""
    translated: bool = False
    """Before a provider that speaks another dialect than the callers."""


@dataclass(slots=True)
class Outcome:
    """A scenario's tables for people, its judged figures, and all its data."""

    title: str
    tables: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


def progress(text: str) -> None:
    """Say on stderr what is going on; stdout is for results."""
    print(f"  {text}", file=sys.stderr, flush=True)

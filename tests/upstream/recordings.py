"""Replies as providers have sent them: `recorded/*.json`, each with where it was seen."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from gateway.settings.snapshot import Origin, Provider
from gateway.upstream.adapter import Adapter, adapter_of
from gateway.upstream.observed import Observed
from gateway.upstream.verdict import Verdict

FOLDER = Path(__file__).with_name("recorded")
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
#: The moment in which every recording is read.
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def provider(dialect: str, flavour: str = "generic") -> Provider:
    return Provider("p", dialect, flavour, Origin("http", "127.0.0.1", 9), "", frozenset({"chat"}))


class Recording(NamedTuple):
    adapter: Adapter
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def verdict(self) -> Verdict:
        return self.adapter.verdict(self.status, self.headers, self.body, NOW)

    def observed(self) -> tuple[Observed, ...]:
        return self.adapter.observe(self.headers, NOW)


def recording(name: str) -> Recording:
    told = json.loads((FOLDER / f"{name}.json").read_text())
    headers = [(key.encode(), value.encode()) for key, value in told["headers"].items()]
    adapter = adapter_of(provider(told["dialect"], told["flavour"]))
    return Recording(adapter, told["status"], headers, told["body"].encode())

"""What the generator process is told, as a file: keys are not for command lines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.offered.stream import Stream


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """A load from its beginning to its end."""

    url: str
    seconds: float
    streams: list[Stream]
    keys: dict[str, str]
    """The key that each tenant presents."""
    seed: int = 1

    def write(self, file: Path) -> None:
        """For the generator."""
        file.write_text(json.dumps(asdict(self)))
        file.chmod(0o600)

    @staticmethod
    def read(file: Path) -> LoadPlan:
        """As written."""
        made = json.loads(file.read_text())
        streams = [
            Stream(**{**one, "steps": tuple((at, rate) for at, rate in one["steps"])})
            for one in made["streams"]
        ]
        return LoadPlan(made["url"], made["seconds"], streams, made["keys"], made["seed"])

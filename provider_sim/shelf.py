"""What the provider keeps between requests: stored responses, files, batches, uploads; bounded.

A credential sees only its own things, as at real providers, so a gateway that loses affinity gets a 404.
"""

from collections import OrderedDict
from typing import Any

from provider_sim.errors import Refusal
from provider_sim.message import JsonObject

KEPT_MAX = 10_000


class Shelf:
    """Objects by (credential, id); the oldest are forgotten beyond `KEPT_MAX`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._count = 0

    def number(self) -> int:
        """A running number, for ids that must never repeat."""
        self._count += 1
        return self._count

    def put(self, credential: str, id_: str, thing: Any) -> None:
        self._kept[credential, id_] = thing
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def get(self, credential: str, id_: str) -> Any:
        return self._kept.get((credential, id_))

    def find(self, credential: str, id_: str, what: str) -> JsonObject:
        """The object, or the dialect's 404."""
        thing: JsonObject | None = self._kept.get((credential, id_))
        if thing is None:
            raise Refusal("not_found", f"No such {what}: {id_}", param="id")
        return thing

    def drop(self, credential: str, id_: str) -> bool:
        return self._kept.pop((credential, id_), None) is not None

    def of_kind(self, credential: str, kind: str) -> list[JsonObject]:
        """The credential's objects whose `object` is `kind`, newest first."""
        return [
            thing
            for (owner, _), thing in reversed(self._kept.items())
            if owner == credential and isinstance(thing, dict) and thing.get("object") == kind
        ]

    def clear(self) -> None:
        self._kept.clear()

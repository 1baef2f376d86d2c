"""A price of the operator's, in place of the price list's. Depends on nothing."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, NamedTuple

from budgets.price import Price
from budgets.price_spec import read_price

_DIGEST_CHARS = 8


class Override(NamedTuple):
    """Of several that fit, the most particular holds, then the latest."""

    id: str
    price: Price
    model: str = "*"  # a pattern
    provider: str = "*"
    tenant: str = "*"
    effective_from: float = 0.0  # seconds since 1970
    origin: str = ""  # where it was said, for people

    def fits(self, provider: str, model: str, tenant: str) -> bool:
        return (
            self.provider in ("*", provider)
            and self.tenant in ("*", tenant)
            and fnmatchcase(model, self.model)
        )

    @property
    def rank(self) -> tuple[bool, bool, bool, int, float]:
        """What is said of a tenant goes before what is said of a provider, and that before the model's name."""
        exact = not any(sign in self.model for sign in "*?[")
        return self.tenant != "*", self.provider != "*", exact, len(self.model), self.effective_from


def own_price(id_: str, spec: Mapping[str, Any]) -> Price:
    """What `read_price` makes of it; its version says which one of that name it was. ValueError as there."""
    text = repr(sorted((name, _canonical(value)) for name, value in spec.items()))
    return read_price(spec, f"own {id_} {sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]}")


def _canonical(value: Any) -> object:
    if isinstance(value, Mapping):
        return sorted((str(name), _canonical(inner)) for name, inner in value.items())
    return str(value)

"""What a translation could not carry over, in the caller's words: warnings, or refusals where they asked for that.

The line is `dropped=logit_bias,seed; clamped=temperature`, ASCII, at most 1 KiB (wire reference, verdict D).
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from gateway.errors import UNSUPPORTED_PARAMETER, GatewayError

_LINE_MAX = 1024
_NAME_MAX = 128
#: Of fields inside others, each with its path.
_NAMED_MAX = 8


class Losses:
    """Collected for one attempt. With `strict` the first one is raised instead; `lenient`: what could only go on
    with another meaning does so."""

    __slots__ = ("_by_kind", "_lenient", "_strict")

    def __init__(self, strict: bool = False, lenient: bool = False) -> None:
        self._strict = strict
        self._lenient = lenient and not strict
        self._by_kind: dict[str, dict[str, None]] = {}

    def dropped(self, name: str) -> None:
        """The model never hears of the caller's field. Raises GatewayError when nothing may be lost."""
        self._lost("dropped", name)

    def dropped_several(self, names: Iterator[str]) -> None:
        """The same of fields of which there may be any number: the first ones, and how many more there are."""
        for name in islice(names, _NAMED_MAX):
            self.dropped(name)
        more = sum(1 for _ in names)
        if more:
            self.dropped(f"and-{more}-more")

    def has_dropped(self, name: str) -> bool:
        return name in self._by_kind.get("dropped", ())

    def clamped(self, name: str) -> None:
        """It goes on with the nearest value that the target takes. Raises GatewayError likewise."""
        self._lost("clamped", name)

    def changed(self, name: str) -> None:
        """It goes on as something that means nearly the same. Raises GatewayError likewise."""
        self._lost("changed", name)

    def bent(self, name: str) -> bool:
        """Whether it goes on as something that means another thing; else it is to be refused."""
        if self._lenient:
            self.changed(name)
        return self._lenient

    def estimated(self, name: str) -> None:
        """A number of the answer is ours, as the provider does not tell it: nothing of the request was lost."""
        self._by_kind.setdefault("estimated", {})[name] = None

    def unchecked(self, name: str) -> None:
        """Whether the answer is as this field wants it is not known: nothing of the request was lost."""
        self._by_kind.setdefault("unchecked", {})[name] = None

    def unread(self, names: Iterable[str]) -> None:
        """Of the answer these words of its provider's have no counterpart: nothing of the request was lost."""
        for name in names:
            self._by_kind.setdefault("unread", {})[name] = None

    def scarce(self, name: str) -> None:
        """So little is allowed by this field that thinking may use it up: nothing is lost yet."""
        self._by_kind.setdefault("scarce", {})[name] = None

    def missing(self, names: Iterable[str]) -> None:
        """What was said before is not known any more. Nobody is refused for it: they could not bring it."""
        self._by_kind.setdefault("missing", {}).update(dict.fromkeys(names))

    def copy(self) -> "Losses":
        """Another one, that begins with these."""
        other = Losses(self._strict, self._lenient)
        other._by_kind = {kind: dict(names) for kind, names in self._by_kind.items()}
        return other

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(kind, field) of each."""
        return tuple((kind, name) for kind, names in self._by_kind.items() for name in names)

    def line(self) -> bytes:
        """The value of `x-gateway-warnings`, with as many names as fit; empty when nothing was lost."""
        parts = (f"{kind}={','.join(map(_ascii, names))}" for kind, names in self._by_kind.items())
        line = "; ".join(parts).encode()
        if len(line) <= _LINE_MAX:
            return line
        return line[: max(line.rfind(end, 0, _LINE_MAX + 1) for end in (b",", b";"))]

    def _lost(self, kind: str, name: str) -> None:
        if self._strict:
            raise GatewayError(
                UNSUPPORTED_PARAMETER,
                f"`{name}` would have to be {kind} for the model that serves this.",
                param=name,
            )
        self._by_kind.setdefault(kind, {})[name] = None


def _ascii(name: str) -> str:
    return "".join(
        one if (one.isalnum() and one.isascii()) or one in "_-.[]" else "?" for one in name[:_NAME_MAX]
    )

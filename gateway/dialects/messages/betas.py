"""Values of `anthropic-beta`: previews that a caller switches on, which mean something to Anthropic alone.

They go there as they were sent, in their order, but for those that a provider has refused before; anywhere else
none of them goes (wire reference §2.2, §3.1).
"""

import re
from collections.abc import Container, Iterable

#: Faster output, for a request with `speed` (some models want it).
FAST_MODE = "fast-mode-2026-02-01"
_DIALECT = "anthropic"
#: "Unexpected value(s) `a`, `b` for the `anthropic-beta` header."
_REFUSED = re.compile(r"Unexpected value\(s\) (.{1,400}?) for the [`'\"]?anthropic-beta\b")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VALUES_MAX = 32


def beta_values(lines: Iterable[str]) -> tuple[str, ...]:
    """Of the header, which may be there several times, with several values each; what is no value is left out."""
    values = (value.strip() for line in lines for value in line.split(","))
    return tuple(dict.fromkeys(value for value in values if _VALUE.fullmatch(value)))[:_VALUES_MAX]


def beta_line(values: Iterable[str], dialect: str, refused: Container[str] = ()) -> bytes:
    """The header for a provider of `dialect`, as a line; empty where it gets none."""
    kept = [value for value in values if value not in refused] if dialect == _DIALECT else []
    return b"anthropic-beta: %b\r\n" % ",".join(kept).encode() if kept else b""


def refused_betas(message: str) -> tuple[str, ...]:
    """The values that an error message of Anthropic's says it does not know."""
    said = _REFUSED.search(message)
    return tuple(_VALUE.findall(said[1])) if said is not None else ()

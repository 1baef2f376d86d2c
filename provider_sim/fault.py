"""What shall go wrong (or be shaped) in one exchange: the words shared by magic, `/sim/faults` and scripts.

Every field is off by default. Sizes are bytes, times milliseconds. Where a field is said to be a position, it
counts bytes of the reply's body as the caller's HTTP parser would see them (chunk framing not counted).
"""

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One table of everything that can be asked for; the package docstring explains it for people."""

    # The answer itself.
    frames: int | None = None
    """The text has exactly this many tokens, and its stream this many content frames."""
    calls: int | None = None
    """This many parallel tool calls; 0 = text although tools are offered."""
    thinking: int | None = None
    """Tokens of thinking, whether asked for or not."""
    refusal: bool = False
    filtered: bool = False
    """Stopped by the content filter after half the text."""
    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    no_usage: bool = False
    bad_usage: str | None = None
    """`negative`, `zero`, `absurd` (2^60) or `text` (a string where a number belongs)."""

    # Refusals.
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: str | None = None
    """Sent as it is: seconds, a date, nonsense. Empty = no header."""
    retry_after_ms: str | None = None
    quota: bool = False
    """The dialect's 429 for a spent quota: no Retry-After, not to be retried."""
    slow_down: bool = False
    context: bool = False
    """400, the prompt is too long, in the dialect's words."""
    redirect: str | None = None
    """307 to this URL (another status with `status=`)."""
    html: bool = False
    """An HTML page instead of JSON (200 unless `status=`)."""

    # Time.
    delay_ms: float | None = None
    """Before the first byte of the reply."""
    gap_ms: float | None = None
    """Between frames (or between drips)."""
    think_ms: float | None = None
    """Between the reply's head and its first frame."""

    # Body and stream, still valid HTTP.
    empty: bool = False
    truncate: int | None = None
    """The body ends at this position, properly framed."""
    stop_after: int | None = None
    """The stream ends properly after this many frames: no finish, no usage, no terminal marker."""
    error_after: int | None = None
    """After this many frames an error inside the 200 stream, then a proper end."""
    wrong_shape: bool = False
    """Valid JSON that is not an answer."""
    content_type: str | None = None
    json_for_stream: bool = False
    stream_for_json: bool = False
    big_line: int | None = None
    """One line of this many bytes before the answer (a comment-free `data:` frame in streams)."""
    comments: int | None = None
    """This many keep-alive comments (Anthropic: pings) before the first frame."""
    crlf: bool = False
    bom: bool = False
    odd_events: bool = False
    """`retry:`, `id:`, an event without data and an unknown event before the answer."""
    no_done: bool = False
    done_twice: bool = False
    after_done: bool = False
    """Another content frame after the terminal marker."""
    drip: int | None = None
    """The body in pieces of this many bytes, `gap_ms` apart."""
    one_packet: bool = False
    """All of the stream in one write, whatever the pacing."""
    endless: bool = False
    """Content frames for ever."""
    gzip_bomb: int | None = None
    """`content-encoding: gzip` whose content unpacks to this many zero bytes."""
    gzip_lie: bool = False
    """`content-encoding: gzip` over a body that is not."""
    header_bytes: int | None = None
    """One response header this long."""
    echo: bool = False
    """The credential is repeated in a header and, where there is one, in the error message."""
    continues: int | None = None
    """This many `100 Continue` heads first."""
    trailers: bool = False
    close: bool = False
    """`connection: close`."""

    # Below HTTP.
    garbage: bool = False
    content_length: int | None = None
    """Added to the true length (so -5 is short, 5 never completes); replaces chunking."""
    two_lengths: bool = False
    cut: int | None = None
    """The connection is closed (FIN) at this position."""
    reset: int | None = None
    """The connection is reset (RST) at this position; 0 = before any byte."""
    hang: int | None = None
    """Nothing more is sent from this position on; -1 = not even a head."""

    def merged(self, other: "Fault") -> "Fault":
        """This fault with whatever `other` sets laid over it; `NONE` stays `NONE`, which means the fast path."""
        if other is NONE or self is NONE:
            return self if other is NONE else other
        return replace(self, **{name: getattr(other, name) for name in other.changed()})

    def changed(self) -> list[str]:
        return [name for name, default in DEFAULTS.items() if getattr(self, name) != default]


TYPES: dict[str, str] = {
    item.name: str(getattr(item.type, "__name__", item.type)).split(" ")[0] for item in fields(Fault)
}
"""bool, int, float or str: the part of the annotation before `| None`."""
DEFAULTS: dict[str, Any] = {item.name: item.default for item in fields(Fault)}
BARE = {
    "reset": 0, "cut": 0, "hang": -1, "big_line": 10_000_000, "stop_after": 1, "error_after": 1, "drip": 1,
    "gzip_bomb": 100_000_000, "header_bytes": 1_000_000, "continues": 100, "comments": 20, "truncate": 10,
    "thinking": 8,
}  # fmt: skip
"""What a word means without a value, e.g. `[[sim:reset]]`."""

NONE = Fault()


def fault_from(values: dict[str, Any]) -> Fault:
    """A fault from words and values (strings or JSON). Raises ValueError naming the word that is wrong."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        kind = TYPES.get(name)
        if kind is None:
            raise ValueError(f"unknown fault {name!r}")
        try:
            made[name] = _converted(name, kind, value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"fault {name}: {value!r} is not a {kind}") from error
    return Fault(**made)


def _converted(name: str, kind: str, value: Any) -> Any:
    if kind == "bool":
        return str(value).lower() not in {"false", "0", "no"}
    if value is True:
        value = BARE[name] if name in BARE else _no_value(name)
    if kind == "str":
        return str(value)
    return float(value) if kind == "float" else int(value)


def _no_value(name: str) -> Any:
    raise ValueError(f"{name} needs a value")

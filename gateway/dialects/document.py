"""A JSON request body that is looked at once and edited by splicing bytes.

The body is validated as a whole (syntax, UTF-8, and in light ones numbers a double can hold) and the spans of its
top-level values are taken from a pass that builds no objects (`msgspec.Raw` views). An edit replaces one
value's bytes, so key order, spacing, number formatting, big integers and unknown fields reach the provider
exactly as the caller wrote them (wire reference §3.1).
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator, Set
from contextlib import suppress
from typing import Any

import msgspec
import orjson

from gateway.dialects.structure import SMALL, check_structure, is_light
from gateway.errors import INVALID_JSON, INVALID_TYPE, MISSING_PARAMETER, GatewayError
from gateway.settings.snapshot import Target

_values = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(msgspec.Raw)
_items = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBER = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
#: Up to here copying a piece of a body is cheaper than a view of it.
_COPY_MAX = 16 * 1024
_NOWHERE = 0, 0
_NONE: frozenset[str] = frozenset()
_SHORT = 4096
_DECODED = 1024 * 1024
_STAND_INS: dict[bytes, Any] = {b"[": [None], b"{": {"": None}, b'"': "…"}
_AFTER = re.compile(rb"[ \t\n\r]*([,}])")


class Document:
    """A validated JSON object: `fields` parsed, `raw` as sent.

    Of a heavy text (`structure.is_light` says no) only the small fields are parsed; a large one has an odd
    stand-in of its type, `[None]`, `{"": None}` or `"…"`, since nothing that looks at fields looks into those.

    Raises GatewayError (`invalid_json`) for anything that is not one well-formed JSON object of at most
    `depth_max` nested levels without duplicate top-level keys.
    """

    __slots__ = ("_spans", "fields", "raw")

    def __init__(self, raw: bytes, depth_max: int = 128) -> None:
        size = len(raw)
        if size > SMALL and not is_light(raw):
            for _ in self._read_heavy(raw, depth_max):
                pass
            return
        self.raw = raw
        self.fields = _parsed(raw)
        # A short body shows by its brackets that it is not deep. Before the spans: their decoder recurses.
        if size > _SHORT or raw.count(b"[") + raw.count(b"{") > depth_max:
            _check_depth(self.fields, depth_max)
        self._spans = _spans(raw)

    @classmethod
    def in_steps(cls, raw: bytes, depth_max: int) -> Iterator["Document | None"]:
        """The same of a heavy text, with pauses that let others have their turn. The last is the document."""
        document = cls.__new__(cls)
        for _ in document._read_heavy(raw, depth_max):
            yield None
        yield document

    def edited(self, raw: bytes) -> "Document":
        """The document of `raw`, which is this one's with some values replaced, and needs no new checks."""
        document = Document.__new__(Document)
        document.raw = raw
        return document  # what is read of it is read when it is asked for

    def let_go(self) -> None:
        """Keep the text alone, for who has to wait: what was read of it is read again if it is asked for.

        But for the spans of a long one, which every attempt needs.
        """
        with suppress(AttributeError):  # it had to wait before
            del self.fields
            if len(self.raw) <= _COPY_MAX:
                del self._spans

    def __getattr__(self, name: str) -> Any:
        """Of what `let_go` took away, or `edited` left for later; what is there is never looked for here."""
        if name == "_spans":
            self._spans = _spans(self.raw)
            return self._spans
        if name == "fields":
            self.fields = self._fields()
            return self.fields
        raise AttributeError(name)

    def _fields(self) -> dict[str, Any]:
        return _parsed(self.raw) if is_light(self.raw) else _small_fields(self.raw, self._spans)

    def _read_heavy(self, raw: bytes, depth_max: int) -> Iterator[None]:
        self.raw = raw
        yield from check_structure(raw, depth_max)
        yield from _check_utf8(raw)
        self._spans = _spans(raw)
        yield
        self.fields = _small_fields(raw, self._spans)

    def text(self, name: str) -> str | None:
        """The string in `name`; None when absent. Raises `invalid_type` for any other type."""
        value = self.fields.get(name)
        if value is not None and type(value) is not str:
            raise GatewayError(INVALID_TYPE, f"`{name}` must be a string.", param=name)
        return value

    def required_text(self, name: str) -> str:
        """The non-empty string in `name`."""
        value = self.fields.get(name)
        if type(value) is str and value:
            return value
        if not self.text(name):
            raise GatewayError(MISSING_PARAMETER, f"Missing required parameter: '{name}'.", param=name)
        raise AssertionError("a text that is there was returned")

    def flag(self, name: str) -> bool:
        """The boolean in `name`; absent and null are false."""
        value = self.fields.get(name)
        if value is not None and type(value) is not bool:
            raise GatewayError(INVALID_TYPE, f"`{name}` must be a boolean.", param=name)
        return bool(value)

    def span(self, name: str) -> tuple[int, int]:
        """Where the value of the top-level member `name` stands in `raw`; (0, 0) when there is none."""
        return self._spans.get(name, _NOWHERE)

    def count(self, name: str, kinds: bytes) -> int:
        """How many items the array in `name` has, however long its text is; 0 when there is none, or its first item
        begins with another byte than these.
        """
        start, end = self.span(name)
        if self.raw[start : start + 1] != b"[":
            return 0
        items = _items.decode(self.raw[start:end])
        return len(items) if items and bytes(items[0])[0] in kinds else 0

    def with_model(self, target: Target | None) -> bytes:
        """The body with the provider's name of the model; as it is for no target."""
        if target is None or "model" not in self._spans:
            return self.raw
        start, end = self._spans["model"]
        raw = self.raw if len(self.raw) <= _COPY_MAX else memoryview(self.raw)
        return b"".join((raw[:start], target.quoted, raw[end:]))

    def renamed(self, model: str) -> bytes:
        """The body with another model named in it, or with one where it named none."""
        return self.spliced({"model": orjson.dumps(model)})

    def spliced(self, edits: dict[str, bytes], left_out: Set[str] = _NONE) -> bytes:
        """The body with the values of the named top-level members replaced (or added first) by JSON text.

        Without those that are `left_out`.
        """
        if not left_out.isdisjoint(self._spans):
            short = Document.edited(self, _without(self.raw, self._spans, left_out))
            return short.spliced(edits) if edits else short.raw
        pieces: list[bytes] = []
        raw, position = self.raw, 0
        for name, (start, end) in self._spans.items():
            replacement = edits.get(name)
            if replacement is not None:
                pieces.append(raw[position:start])
                pieces.append(replacement)
                position = end
        pieces.append(raw[position:])
        added = [orjson.dumps(name) + b":" + text for name, text in edits.items() if name not in self._spans]
        if added:
            brace = raw.index(b"{") + 1
            pieces[0] = raw[:brace] + b",".join(added) + (b"," if self._spans else b"") + pieces[0][brace:]
        return b"".join(pieces)


def without_members(raw: bytes, names: Set[str]) -> bytes:
    """`raw`, a JSON object that is known to be well-formed, without its members of these names: those at the top,
    and `a.b`, those of objects in it.
    """
    inside: dict[str, set[str]] = {}
    for outer, dot, inner in (name.partition(".") for name in names):
        if dot:
            inside.setdefault(outer, set()).add(inner)
    for outer, inners in inside.items():
        start, end = _spans(raw).get(outer, _NOWHERE)
        if end and raw[start : start + 1] == b"{":
            raw = raw[:start] + without_members(raw[start:end], inners) + raw[end:]
    return _without(raw, _spans(raw), names)


def member(raw: bytes, name: str) -> bytes | None:
    """The text of a member's value, at the top or (`a.b`) in an object there; None where a well-formed JSON object
    has none of that name.
    """
    outer, dot, inner = name.partition(".")
    span = _spans(raw).get(outer)
    if span is None:
        return None
    value = raw[slice(*span)]
    if not dot:
        return value
    return member(value, inner) if value[:1] == b"{" else None


def _without(raw: bytes, spans: dict[str, tuple[int, int]], names: Set[str]) -> bytes:
    first = position = raw.index(b"{") + 1
    kept: list[bytes] = []
    for name, (start, end) in spans.items():
        if name not in names:
            lead = raw[position:start]  # its key, and before that a comma where it is not the first
            kept.append((lead if position == first else lead.partition(b",")[2]) + raw[start:end])
        position = end
    return raw[:first] + b",".join(kept) + raw[position:]


def _check_utf8(raw: bytes) -> Iterator[None]:
    """What the decoder of spans does not check."""
    if raw.isascii():
        return
    decoder = getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(raw), _DECODED):
            decoder.decode(raw[start : start + _DECODED], start + _DECODED >= len(raw))
            yield
    except UnicodeDecodeError:
        raise GatewayError(INVALID_JSON, "The request body is not valid JSON: it is not UTF-8.") from None


def _small_fields(raw: bytes, spans: dict[str, tuple[int, int]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, (start, end) in spans.items():
        if end - start > _COPY_MAX:
            fields[name] = _STAND_INS.get(raw[start : start + 1])
            continue
        try:
            fields[name] = orjson.loads(raw[start:end])
        except orjson.JSONDecodeError as error:
            raise GatewayError(INVALID_JSON, f"`{name[:64]}` is not valid JSON: {error}") from None
    return fields


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise GatewayError(INVALID_JSON, f"The request body is not valid JSON: {error}") from None
    if type(fields) is not dict:
        raise GatewayError(INVALID_JSON, "The request body must be a JSON object.")
    return fields


def _spans(raw: bytes) -> dict[str, tuple[int, int]]:
    """By key the start and end of each top-level value, in the order of the text; `raw` is known to be valid JSON.

    In the text that SDKs send (no space between members, plain keys) the offsets follow from the lengths alone.
    Every deviation (space, an escaped key, a duplicate) makes the text longer than that sum, so equality proves
    that there is none.
    """
    try:
        values = _values.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise GatewayError(INVALID_JSON, f"The request body is not valid JSON: {error}") from None
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for key, value in values.items():
        start = end + 4 + len(key)  # a brace or comma, two quotes and the colon
        end = start + len(value)
        spans[key] = start, end
    if end + 1 == len(raw) and spans:
        return spans
    return _walked_spans(raw, {key: len(value) for key, value in values.items()})


def _walked_spans(raw: bytes, lengths: dict[str, int]) -> dict[str, tuple[int, int]]:
    """The same by walking the text, for bodies with space between members or unusual keys.

    The decoder kept the last of two equal keys, so the first one's length may be another value's. A span is
    therefore believed only if it is itself one whole JSON value, which fixes its end; so no duplicate is missed.
    """
    members: dict[str, tuple[int, int]] = {}
    opening = _MEMBER.match(raw, raw.index(b"{") + 1)
    while opening is not None:
        key = orjson.loads(opening[1])
        start = opening.end()
        end = start + lengths[key]
        if key in members or not _is_one_value(raw[start:end]) or (after := _AFTER.match(raw, end)) is None:
            raise GatewayError(
                INVALID_JSON, f"The request body has the key '{key[:64]}' twice.", param=key[:64]
            )
        members[key] = start, end
        opening = _MEMBER.match(raw, after.end()) if after[1] == b"," else None
    return members


def _is_one_value(text: bytes) -> bool:
    try:
        _value.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _check_depth(fields: dict[str, Any], depth_max: int) -> None:
    """Refuse containers nested deeper than `depth_max`, looking level by level so that depth costs no stack."""
    level: list[Any] = [fields]
    for _ in range(depth_max):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise GatewayError(INVALID_JSON, f"The request body is nested deeper than {depth_max} levels.")

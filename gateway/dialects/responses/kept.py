"""A response that is kept here, as it is put away, gone on from, and shown again."""

from collections.abc import Iterable

from gateway.chat import Json, JsonObject
from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes, read_json

_EMPTY = b"[]"
_ONE_MESSAGE = b'[{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}]'


def input_items(document: Document) -> bytes:
    """The request's own input as a JSON array of items."""
    start, end = document.span("input")
    given = document.raw[start:end]
    if given.startswith(b'"'):
        return _ONE_MESSAGE % given
    return given if given.startswith(b"[") else _EMPTY


def joined(arrays: Iterable[bytes]) -> bytes:
    """JSON arrays as one."""
    return b"[" + b",".join(inner for array in arrays if (inner := array.strip()[1:-1].strip())) + b"]"


def parts(response: JsonObject) -> tuple[bytes, bytes]:
    """(the output, the rest) of a response."""
    rest = {name: value for name, value in response.items() if name != "output"}
    return json_bytes(response["output"]), json_bytes(rest)


def shown(output: bytes, rest: bytes) -> bytes:
    """The response as it was answered, but for the order of its fields."""
    return b'{"output":' + output + b"," + rest[1:]


def shown_items(
    arrays: Iterable[bytes], response_id: str, limit: int, after: str, ascending: bool
) -> bytes | None:
    """A page of input items, newest first unless `ascending`; None when there is no item `after`."""
    items = read_json(joined(arrays))
    assert isinstance(items, list), "what was joined"
    named = [_named(item, f"item_{response_id}_{place}") for place, item in enumerate(items)]
    if not ascending:
        named.reverse()
    if after:
        place = next((place for place, item in enumerate(named) if item.get("id") == after), None)
        if place is None:
            return None
        named = named[place + 1 :]
    page = named[:limit]
    return json_bytes(
        {
            "object": "list",
            "data": list[Json](page),
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(named) > limit,
        }
    )


def _named(item: Json, id_: str) -> JsonObject:
    """Every item has an id and a type, which callers may leave out."""
    stated = item if isinstance(item, dict) else {}
    return {"id": id_, "type": "message", **stated}

"""Where a request to Anthropic is marked for its cache: at most four times, longest first.

Anthropic reads tools, then the system prompt, then messages. Of too many marks the last ones are worth most: each
covers all that stands before it. A mark for hours cannot stand behind one for minutes.
"""

from gateway.chat import CacheTtl, Json, JsonObject
from gateway.dialects.losses import Losses

FIELD = "cache_control"
_MARKS_MAX = 4
_SHORT: JsonObject = {"type": "ephemeral"}
_LONG: JsonObject = {"type": "ephemeral", "ttl": "1h"}


def mark(ttl: CacheTtl) -> JsonObject:
    """The value of `cache_control`."""
    return dict(_LONG if ttl == "long" else _SHORT)


def settle_marks(body: JsonObject, losses: Losses, name: str) -> None:
    """Take away or shorten what is too much in `body`; `name` is the caller's for a mark."""
    marked = [
        block
        for place in ("tools", "system", "messages")
        for block in _blocks(body.get(place))
        if FIELD in block
    ]
    most = _MARKS_MAX - (FIELD in body)  # the provider's own is one of them
    for block in marked[:-most]:
        del block[FIELD]
        losses.dropped(name)
    seen_short = False
    for block in marked[-most:]:
        if block[FIELD] == _SHORT:
            seen_short = True
        elif seen_short:
            block[FIELD] = dict(_SHORT)
            losses.clamped(name)


def _blocks(part: Json) -> list[JsonObject]:
    """Tools and blocks as they are read: of messages and results of tools what is inside them, too."""
    found: list[JsonObject] = []
    for one in part if isinstance(part, list) else ():
        if isinstance(one, dict):
            found += _blocks(one.get("content"))
            found.append(one)
    return found

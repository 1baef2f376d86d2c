"""The frames of a completion's stream: what all chunks of one share, its usage, its end."""

from gateway.chat import JsonObject
from gateway.dialects.chat.usage_out import write_usage
from gateway.dialects.json_text import json_bytes
from gateway.exchange import Usage

DONE = b"data: [DONE]\n\n"


class Chunks:
    """`tail` ends each chunk that has choices: with `usage` as null, where the last one tells it."""

    __slots__ = ("_before", "_head", "shows_usage", "tail")

    def __init__(self, id_: str, kind: str, created: int, model: str, shows_usage: bool) -> None:
        shared: JsonObject = {"id": id_, "object": kind, "created": created, "model": model}
        self._head = b"data: " + json_bytes(shared)[:-1]
        self._before = self._head + b',"choices":[{"index":'
        self.shows_usage = shows_usage
        self.tail = b'}],"usage":null}\n\n' if shows_usage else b"}]}\n\n"

    def choice(self, index: int, rest: bytes) -> bytes:
        """`rest` is JSON, from the comma after the index to before the brace that ends the choice."""
        return b"%b%d%b%b" % (self._before, index, rest, self.tail)

    def end(self, usage: Usage, tier: str) -> bytes:
        """What follows the last choice."""
        if not self.shows_usage or usage.source == "none":
            return DONE
        rest: JsonObject = {"choices": [], "usage": write_usage(usage)}
        if tier:
            rest["service_tier"] = tier
        return b"%b,%b\n\n%b" % (self._head, json_bytes(rest)[1:], DONE)

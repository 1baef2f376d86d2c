"""What a Responses request asks to be kept of its reply, and what it goes on from itself."""

import re

from gateway.chat import Json, JsonObject
from gateway.dialects.json_text import read_json
from gateway.dialects.responses.kept import parts
from gateway.pipeline.response_store import ResponseStore
from gateway.record import Record
from storage.stored_responses import Stored

_ITEM = re.compile(r"input\[(\d+)\]")


class Keeping(Record, frozen=True):
    """`input` are the request's own items, without those of `previous`."""

    store: ResponseStore
    tenant: str
    input: bytes
    previous: str | None
    keeps: bool = True

    @property
    def echoed(self) -> JsonObject:
        """What the answer says of it."""
        return {"previous_response_id": self.previous}

    def own_path(self, param: str | None, items: Json) -> str | None:
        """The caller's path of what is at fault in `items`, the whole conversation; theirs are the last of them."""
        found = _ITEM.match(param or "")
        if param is None or found is None or self.previous is None or not isinstance(items, list):
            return param
        mine = read_json(self.input)
        assert isinstance(mine, list), "what was put away"
        place = int(found[1]) - (len(items) - len(mine))
        return f"input[{place}]{param[found.end() :]}" if place >= 0 else "previous_response_id"

    def keep(self, response: JsonObject) -> None:
        """The whole reply, once it is; one that failed is none."""
        id_ = response.get("id")
        if self.keeps and isinstance(id_, str) and response.get("status") != "failed":
            output, rest = parts(response)
            self.store.keep(Stored(self.tenant, id_, self.previous, self.input, output, rest))

"""What a Responses request asks to be kept of its reply, and what it goes on from itself."""

from gateway.chat import JsonObject
from gateway.dialects.responses.kept import parts
from gateway.pipeline.response_store import ResponseStore
from gateway.record import Record
from storage.stored_responses import Stored


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

    def keep(self, response: JsonObject) -> None:
        """The whole reply, once it is; one that failed is none."""
        id_ = response.get("id")
        if self.keeps and isinstance(id_, str) and response.get("status") != "failed":
            output, rest = parts(response)
            self.store.keep(Stored(self.tenant, id_, self.previous, self.input, output, rest))

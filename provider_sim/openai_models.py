"""Model lists: one body that OpenAI's and Anthropic's SDKs both accept (`reference/wire.md` §1.1)."""

import orjson

from provider_sim.call import Call
from provider_sim.message import JsonObject, Reply
from provider_sim.openai_read import known_model

MODELS = ("chat", "embed")


def _model(name: str) -> JsonObject:
    return {
        "id": name,
        "object": "model",
        "created": 1_730_000_000,
        "owned_by": "sim",
        "type": "model",
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def listing(call: Call) -> Reply:  # noqa: ARG001
    models = [_model(name) for name in MODELS]
    page = {"object": "list", "data": models, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
    return Reply(body=orjson.dumps(page))


def retrieve(call: Call) -> Reply:
    """Any model exists, except those named `unknown…`."""
    known_model(call.parameters[0])
    return Reply(body=orjson.dumps(_model(call.parameters[0])))


def delete(call: Call) -> Reply:
    known_model(call.parameters[0])
    body = {"id": call.parameters[0], "object": "model", "deleted": True}
    return Reply(body=orjson.dumps(body))

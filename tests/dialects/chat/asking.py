"""Short ways to the two sides of the dialect."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway.capabilities import USUAL, Capabilities
from gateway.chat import ChatRequest, Tool
from gateway.chat_events import Event
from gateway.dialects.chat.dialect import CHAT_IN, chat_out
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked, Sent
from tests.dialects.conversations import later

FRAMES = Path(__file__).parents[1] / "frames"
FRAME_MAX = 1_000_000
NO_REQUEST = ChatRequest(())
SENT = Sent("/chat/completions", {}, request=NO_REQUEST)


def frames(name: str) -> bytes:
    return (FRAMES / f"{name}.sse").read_bytes()


def read(losses: Losses | None = None, **fields: Any) -> ChatRequest:
    """A caller's request, through the JSON that it would be."""
    stated = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return CHAT_IN.request(json.loads(json.dumps(stated)), losses or Losses())


def write(
    request: ChatRequest,
    flavour: str = "generic",
    model: str = "m",
    can: Capabilities = USUAL,
    losses: Losses | None = None,
) -> dict[str, Any]:
    """The body that a provider gets."""
    sent = chat_out(flavour).request(request, model, can, losses or Losses())
    body: dict[str, Any] = json.loads(json.dumps(sent.body))
    return body


def asked(request: ChatRequest = NO_REQUEST, **fields: Any) -> Asked:
    return Asked(request, "shown", "01ABC", 1_700_000_000, later, fields=fields)


def events(
    data: bytes, cuts: list[int] | None = None, sent: Sent = SENT, flavour: str = "generic"
) -> list[Event]:
    """All of a provider's stream."""
    reader = chat_out(flavour).stream(sent, FRAME_MAX)
    bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts or ()), len(data)]
    found: list[Event] = []
    for start, end in pairwise(bounds):
        found += reader.read(data[start:end])
    return found + reader.finish()


def sent_with(*tools: Tool, answer_tool: str = "", names: dict[str, str] | None = None) -> Sent:
    return Sent(
        "/chat/completions",
        {},
        names=names or {},
        answer_tool=answer_tool,
        request=ChatRequest((), tools=tools),
    )


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choices = (
        [] if delta is None else [{"index": fields.pop("index", 0), "delta": delta, "finish_reason": finish}]
    )
    stated = {"id": "c", "created": 5, "model": "pm", "choices": choices, **fields}
    return b"data: " + json.dumps(stated).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"

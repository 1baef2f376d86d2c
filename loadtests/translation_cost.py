"""What it costs to answer a caller of one dialect by a provider of another: CPU a request with its reply, and a
stream's event.

In this process and on one core, without a gateway: translating is arithmetic on parsed JSON. From the caller's
bytes to the provider's and back, over a conversation of 2 kB. CPU time, not time on the wall, beside what a static
answer costs in the same run. (`scripts/load overhead --only json --translated` measures whole requests.)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import NamedTuple

from gateway.capabilities import USUAL
from gateway.chat import (
    Answer,
    ChatReply,
    ChatRequest,
    JsonObject,
    Parameters,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.chat_events import Begun, Counted, Event, Over, Stopped, TextPiece
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.table import inbound, outbound
from gateway.dialects.translation import Asked, Inbound, Outbound
from gateway.exchange import Usage
from loadtests.figures import Figure
from loadtests.figures_command import figures_command
from loadtests.measure import Bench, Shape
from loadtests.peers import Peer, choose_cores, free_port, python
from loadtests.percentiles import median

REQUEST_BYTES = 2000
PAIR_US, EVENT_US = 60.0, 8.0
_TURNS, _STREAMS, _PIECES = 400, 20, 100
_AT = 1_790_000_000
_FRAME_MAX = 1 << 20
_VERSION = "2026-10-21"
#: By a caller's API, who speaks it among providers.
_DIALECTS = {
    "chat": ("openai", "chat"),
    "responses": ("openai", "responses"),
    "messages": ("anthropic", "messages"),
    "generate_content": ("gemini", "generate_content"),
}
_WORDS = "the quick brown fox jumps over the lazy dog "
_SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_USAGE = Usage(120, 60, source="provider")
_REPLY = ChatReply((Answer((Text(_WORDS * 12),), "stop"),), "reply1", "model", _AT, _USAGE)


class Pair(NamedTuple):
    """A caller's side and a provider's, and what goes between them."""

    name: str
    caller: Inbound
    provider: Outbound
    request: bytes
    reply: bytes
    frames: list[bytes]


def conversation(*, tools: bool) -> ChatRequest:
    """As long in OpenAI's words as `REQUEST_BYTES`; maybe with a tool, its call and result."""

    def long(text: str) -> ChatRequest:
        turns = [Turn("user", (Text("What is the weather in Oslo?"),), "messages[0]")]
        if tools:
            turns += (
                Turn("assistant", (ToolCall("call_1", "weather", '{"city":"Oslo"}'),), "messages[1]"),
                Turn("user", (ToolResult("call_1", (Text("rain"),), name="weather"),), "messages[2]"),
            )
        turns += (
            Turn("assistant", (Text("It rains."),), "messages[3]"),
            Turn("user", (Text(text),), "messages[4]"),
        )
        offered = (Tool("weather", "tools[0]", "Tells the weather of a city.", _SCHEMA),) if tools else ()
        said = Parameters(max_output=500, temperature=0.5)
        return ChatRequest(tuple(turns), (Text("You are brief."),), offered, said)

    bare = len(_spoken("chat", long("")))
    return long((_WORDS * 50)[: REQUEST_BYTES - bare])


def _spoken(api: str, request: ChatRequest) -> bytes:
    """The request as a caller of that API writes it: as a provider of the same would get it."""
    return json_bytes(outbound(*_DIALECTS[api], "openai").request(request, "model", USUAL, Losses()).body)


def _asked(request: ChatRequest, raw: bytes) -> Asked:
    return Asked(request, "model", "0001", _AT, lambda: _AT, 120, read_object(raw) or {})


def _events() -> Iterable[Event]:
    yield Begun("reply1", "model", _AT)
    for _ in range(_PIECES):
        yield TextPiece(" brown fox jumps")
    yield from (Stopped("stop"), Counted(_USAGE), Over())


def pairs(*, tools: bool) -> list[Pair]:
    """Each dialect's callers before each other dialect's providers."""
    request, found = conversation(tools=tools), []
    for asked_by in _DIALECTS:
        raw = _spoken(asked_by, request)
        for spoken in _DIALECTS:
            if spoken == asked_by:
                continue
            caller, there = inbound(asked_by, _VERSION), inbound(spoken, _VERSION)
            asked = _asked(request, raw)
            writer = there.stream(asked)
            frames = [written for event in _events() if (written := writer.write([event]))]
            provider = outbound(*_DIALECTS[spoken], "openai")
            reply = json_bytes(there.reply(_REPLY, asked))
            found.append(Pair(f"{asked_by} by {spoken}", caller, provider, raw, reply, frames))
    return found


def whole(pair: Pair, turns: int = _TURNS) -> float:
    """Seconds of CPU for a request and its reply."""
    began = process_time()
    for _ in range(turns):
        losses, fields = Losses(), read_object(pair.request)
        if fields is None:
            raise RuntimeError("a caller's request is an object")
        request = pair.caller.request(fields, losses)
        sent = pair.provider.request(request, "model", USUAL, losses)
        json_bytes(sent.body)
        answered = read_object(pair.reply)
        if answered is None:
            raise RuntimeError("a provider's reply is an object")
        reply = pair.provider.reply(answered, sent)
        json_bytes(pair.caller.reply(reply, _asked(request, b"{}")))
    return (process_time() - began) / turns


def streamed(pair: Pair, turns: int = _STREAMS) -> float:
    """Seconds of CPU for an event of a stream, each read by itself."""
    fields = read_object(pair.request) or {}
    request = pair.caller.request(fields, Losses())
    sent = pair.provider.request(request, "model", USUAL, Losses())
    spent = 0.0
    for _ in range(turns):
        reader, writer = pair.provider.stream(sent, _FRAME_MAX), pair.caller.stream(_asked(request, b"{}"))
        began = process_time()
        for frame in pair.frames:
            writer.write(reader.read(frame))
        spent += process_time() - began
    return spent / turns / len(pair.frames)


def static_us() -> float:
    """What a static answer costs on this machine now."""
    cores = choose_cores()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = python("loadtests.static_answer", "--port", str(port))
        with Peer("static", command, core=cores.gateway, port=port, log=Path(folder) / "static.log") as peer:
            bench = Bench("no-key", use_wrk=False)
            return median([bench.run(peer, Shape(concurrency=64, seconds=1.0)).cpu_us for _ in range(3)])


def figures(rounds: int) -> list[Figure]:
    """All pairs, each the median of rounds."""

    def micros(measure: Callable[[Pair], float], pair: Pair) -> float:
        return median([measure(pair) for _ in range(rounds)]) * 1e6

    pace, plain = static_us(), pairs(tools=False)
    return [
        Figure("a static answer", pace, "µs"),
        *(
            Figure(f"request and reply, {one.name}", micros(whole, one), "µs", PAIR_US, static_us=pace)
            for one in plain
        ),
        *(
            Figure(f"the same with a tool's call, {one.name}", micros(whole, one), "µs")
            for one in pairs(tools=True)
        ),
        *(
            Figure(f"an event of a stream, {one.name}", micros(streamed, one), "µs", EVENT_US, static_us=pace)
            for one in plain
        ),
    ]


def main(words: list[str] | None = None) -> int:
    """Measure, print, write the JSON; the exit status."""
    return figures_command("translation-cost", __doc__, figures, words)


if __name__ == "__main__":
    sys.exit(main())

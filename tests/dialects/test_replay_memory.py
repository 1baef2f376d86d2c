"""What callers leave out of a repeated conversation is there again; nobody else's, and no more than fits."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateway.capabilities import USUAL
from gateway.chat import (
    Answer,
    Block,
    ChatReply,
    ChatRequest,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.chat_events import Event
from gateway.dialects.losses import Losses
from gateway.dialects.remembered import Remembered
from gateway.dialects.replay_memory import THOUGHTS_MAX, TTL_S, ReplayMemory, question
from gateway.dialects.translation import Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.record import replace

OWNER = "a/web"
MODEL = "m"
SEAL = Signature("gemini", "c2VhbA==")
SEALED = Thinking("", Signature("openai", "gAAAA", "rs_1"))
PLAIN = Thinking("It rains in Oslo.")


def asks(text: str) -> Turn:
    return Turn("user", (Text(text),), "messages[0]")


def said(*blocks: Block) -> Turn:
    return Turn("assistant", blocks, "messages[1]")


def answered(*ids: str) -> Turn:
    return Turn("user", tuple(ToolResult(id_, (Text("rain"),)) for id_ in ids), "messages[2]")


def call(id_: str, signature: Signature | None = None) -> ToolCall:
    return ToolCall(id_, "weather", "{}", signature=signature)


def request(*turns: Turn) -> ChatRequest:
    return ChatRequest(turns, tools=(Tool("weather"),))


ASKED = request(asks("Weather?"))


def kept(memory: ReplayMemory, *blocks: Block, asked: ChatRequest = ASKED, owner: str = OWNER) -> None:
    memory.keep_reply(owner, MODEL, question(asked), ChatReply((Answer(blocks, "tool_calls"),)), 0.0)


def restored(
    memory: ReplayMemory, *blocks: Block, owner: str = OWNER, model: str = "m", now: float = 1.0
) -> tuple[Block, ...]:
    calls = [block.id for block in blocks if isinstance(block, ToolCall)]
    again = request(asks("Weather?"), said(*blocks), answered(*calls))
    return memory.restore(again, owner, model, now).request.turns[1].blocks


def test_a_signature_comes_back_to_its_call() -> None:
    memory = ReplayMemory()
    kept(memory, call("call_1", SEAL), call("call_2"))
    assert restored(memory, call("call_1"), call("call_2")) == (call("call_1", SEAL), call("call_2"))


def test_what_the_caller_brings_goes_first() -> None:
    memory, own = ReplayMemory(), Signature("gemini", "b3du")
    kept(memory, SEALED, call("call_1", SEAL))
    brought = (Thinking("", own), call("call_1", own))
    assert restored(memory, *brought) == brought


def test_thoughts_stand_where_they_stood() -> None:
    memory, later = ReplayMemory(), Thinking("", Signature("openai", "gBBBB", "rs_2"))
    kept(memory, SEALED, Text("Let me see."), call("call_1"), later, call("call_2"))
    assert restored(memory, Text("Let me see."), call("call_1"), call("call_2")) == (
        SEALED, Text("Let me see."), call("call_1"), later, call("call_2"),
    )  # fmt: skip


def test_what_is_shown_of_a_thought_gives_way_to_the_whole() -> None:
    memory = ReplayMemory()
    signed = replace(PLAIN, signature=Signature("anthropic", "EqQB"))
    kept(memory, signed, call("toolu_1"))
    assert restored(memory, PLAIN, call("toolu_1")) == (signed, call("toolu_1"))


def test_unsigned_thoughts_come_back_too() -> None:
    memory = ReplayMemory()
    kept(memory, PLAIN, call("call_1"))
    assert restored(memory, call("call_1")) == (PLAIN, call("call_1"))


def test_another_model_gets_what_is_sealed_and_not_what_was_only_thought() -> None:
    memory = ReplayMemory()
    signed = replace(PLAIN, signature=Signature("anthropic", "EqQB"))
    kept(memory, PLAIN, signed, call("call_1", SEAL))
    assert restored(memory, call("call_1"), model="other") == (signed, call("call_1", SEAL))
    assert restored(memory, call("call_1")) == (PLAIN, signed, call("call_1", SEAL))
    unsealed = ReplayMemory()
    kept(unsealed, PLAIN, call("call_1"))
    shown = (Thinking("as the caller shows it"), call("call_1"))
    assert restored(unsealed, *shown, model="other") == shown


def test_it_is_nobody_elses() -> None:
    memory = ReplayMemory()
    kept(memory, PLAIN, call("call_1"))
    assert restored(memory, call("call_1"), owner="b/web") == (call("call_1"),)


def test_an_id_that_another_conversation_has_as_well() -> None:
    memory = ReplayMemory()
    kept(memory, Thinking("of another"), call("call_0"), asked=request(asks("My secret?")))
    assert restored(memory, call("call_0")) == (call("call_0"),)
    kept(memory, PLAIN, call("call_0"))
    kept(memory, Thinking("of another"), call("call_0"), asked=request(asks("My secret?")))
    assert restored(memory, call("call_0")) == (PLAIN, call("call_0"))


def test_a_result_is_no_question() -> None:
    memory = ReplayMemory()
    first = said(call("call_1"))
    kept(memory, PLAIN, call("call_2"), asked=request(asks("Weather?"), first, answered("call_1")))
    again = request(asks("Weather?"), first, answered("call_1"), said(call("call_2")), answered("call_2"))
    assert memory.restore(again, OWNER, MODEL, 1.0).request.turns[3].blocks == (PLAIN, call("call_2"))


def test_an_hour_after_the_last_use_it_is_gone() -> None:
    memory = ReplayMemory()
    kept(memory, PLAIN, call("call_1"))
    assert restored(memory, call("call_1"), now=TTL_S - 1) == (PLAIN, call("call_1"))
    assert restored(memory, call("call_1"), now=2 * TTL_S - 2) == (PLAIN, call("call_1"))
    assert restored(memory, call("call_1"), now=3 * TTL_S) == (call("call_1"),)
    memory.keep("b/web", MODEL, b"", call("call_1"), (), 3 * TTL_S)
    assert len(memory) == 1


def test_what_is_not_known_is_told_of_the_turns_under_way() -> None:
    memory = ReplayMemory()
    old, new = (
        replace(said(call("call_1")), at="messages[1]"),
        replace(said(call("call_2")), at="messages[4]"),
    )
    again = request(asks("Weather?"), old, answered("call_1"), asks("And now?"), new, answered("call_2"))
    assert memory.restore(again, OWNER, MODEL, 0.0).missing == ("messages[4]",)
    signed = replace(new, blocks=(call("call_2", SEAL),))
    assert (
        memory.restore(request(asks("And now?"), signed, answered("call_2")), OWNER, MODEL, 0.0).missing == ()
    )
    memory.keep(OWNER, MODEL, question(request(asks("And now?"))), call("call_2"), (), 0.0)
    assert memory.restore(again, OWNER, MODEL, 0.0).missing == ()


def test_a_request_without_calls_is_the_same_object() -> None:
    plain = request(asks("Weather?"), said(Text("Rain.")), asks("Sure?"))
    assert ReplayMemory().restore(plain, OWNER, MODEL, 0.0).request is plain


@pytest.mark.parametrize("bounds", [{"own_count_max": 3}, {"own_bytes_max": 4000}, {"bytes_max": 4000}])
def test_the_least_used_makes_room(bounds: dict[str, int]) -> None:
    memory = ReplayMemory(**bounds)
    for number in range(1, 4):
        kept(memory, Thinking("x" * 500), call(f"call_{number}"))
    assert len(restored(memory, call("call_1"))) == 2
    for number in range(4, 6):
        kept(memory, Thinking("x" * 500), call(f"call_{number}"))
    assert len(memory) == 3
    assert memory.bytes <= 4000
    assert [len(restored(memory, call(f"call_{number}"))) for number in range(1, 6)] == [2, 1, 1, 2, 2]


def test_one_key_cannot_push_out_anothers() -> None:
    memory = ReplayMemory(own_bytes_max=4000)
    kept(memory, PLAIN, call("call_1"))
    for number in range(50):
        kept(memory, Thinking("x" * 500), call(f"call_{number}"), owner="b/web")
    assert restored(memory, call("call_1")) == (PLAIN, call("call_1"))


def test_too_long_a_thought_is_not_kept() -> None:
    memory = ReplayMemory()
    long = Thinking("x" * (THOUGHTS_MAX + 1))
    kept(memory, long, call("call_1"))
    heard(memory, ChatReply((Answer((long, call("call_2")), "tool_calls"),)))
    assert len(memory) == 0


class Spoken:
    """A dialect of which only the replies matter."""

    def __init__(self, reply: ChatReply) -> None:
        self.events = list(events_of(reply))
        self.said = reply

    def request(self, *_: Any) -> Sent:
        return Sent("/", {})

    def reply(self, *_: Any) -> ChatReply:
        return self.said

    def stream(self, *_: Any) -> "Spoken":
        return self

    def read(self, data: bytes) -> list[Event]:
        """As many events as there are bytes."""
        now, self.events = self.events[: len(data)], self.events[len(data) :]
        return now

    def finish(self) -> list[Event]:
        return self.read(b"." * len(self.events))


def heard(memory: ReplayMemory, reply: ChatReply, steps: Iterable[int] = ()) -> None:
    reader = Remembered(Spoken(reply), memory, OWNER, MODEL, ASKED, lambda: 0.0).stream(Sent("/", {}), 1)
    said = [event for step in steps for event in reader.read(b"." * step)] + reader.finish()
    assert said == list(events_of(reply))


@pytest.mark.parametrize("steps", [(), (1, 1, 1, 1, 1), (3, 4)])
def test_streams_are_heard_as_whole_replies_are(steps: tuple[int, ...]) -> None:
    signed = replace(PLAIN, signature=Signature("anthropic", "EqQB"))
    blocks = (signed, SEALED, Text("Let me see."), call("call_1", SEAL), PLAIN, call("call_2"))
    reply = ChatReply((Answer(blocks, "tool_calls"), Answer((PLAIN, call("call_3")), "tool_calls")))
    streamed, whole = ReplayMemory(), ReplayMemory()
    heard(streamed, reply, steps)
    Remembered(Spoken(reply), whole, OWNER, MODEL, ASKED, lambda: 0.0).reply({}, Sent("/", {}))
    for memory in (streamed, whole):
        assert restored(memory, Text("Let me see."), call("call_1"), call("call_2")) == blocks
        assert restored(memory, call("call_3")) == (PLAIN, call("call_3"))


def test_nothing_is_refused_for_what_is_missing() -> None:
    losses = Losses(strict=True)
    losses.missing(["messages[1]"])
    assert losses.line() == b"missing=messages[1]"
    Remembered(Spoken(ChatReply(())), ReplayMemory(), OWNER, MODEL, ASKED, lambda: 0.0).request(
        ASKED, "m", USUAL, losses
    )

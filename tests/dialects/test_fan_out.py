"""Several requests for one reply: what each asks for, and how their answers are joined."""

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities import USUAL, Capabilities
from gateway.chat import ChatRequest, Parameters, Text, Turn
from gateway.chat_events import Begun, CallBegun, CallPiece, Counted, Event, Over, Stopped, TextPiece
from gateway.dialects.fan_out import JoinedReader, answers_max, parts
from gateway.dialects.losses import Losses
from gateway.dialects.messages.stream_in import MessagesReader
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError
from gateway.exchange import NO_USAGE
from gateway.record import replace
from tests.dialects.messages.recorded import recorded

FANS_OUT = Capabilities(fanout=True)
SENT = Sent("/messages", {})


def said(text: str) -> tuple[Turn, ...]:
    return (Turn("user", (Text(text),), "prompt"),)


def asking(choices: int, *further: str, **more: int) -> ChatRequest:
    parameters = Parameters(choices=choices, **more)  # type: ignore[arg-type]
    return ChatRequest(
        said("first"), parameters=parameters, further=tuple(map(said, further)), names={"choices": "n"}
    )


def parted(
    request: ChatRequest, most: int, can: Capabilities = FANS_OUT
) -> list[tuple[tuple[Turn, ...], int]]:
    made = parts(request, most, can, Losses())
    assert all(not one.further for one in made)
    return [(one.turns, one.parameters.choices) for one in made]


def test_each_request_asks_for_as_many_as_it_may() -> None:
    first, second = said("first"), said("second")
    assert parted(asking(5), 2) == [(first, 2), (first, 2), (first, 1)]
    assert parted(asking(2), 2) == [(first, 2)]
    assert parted(asking(2, "second"), 1) == [(first, 1), (first, 1), (second, 1), (second, 1)]
    assert parted(asking(5), 2, USUAL) == [(first, 5)], "which the dialect refuses"


def test_those_that_are_alike_are_one_and_no_great_many() -> None:
    made = parts(asking(5, "second"), 2, FANS_OUT, Losses())
    assert len({id(one) for one in made}) == 4


def test_no_two_of_them_have_the_same_seed() -> None:
    made = parts(asking(3, seed=7), 1, FANS_OUT, Losses())
    assert [one.parameters.seed for one in made] == [7, 8, 9]
    assert parts(asking(3), 1, FANS_OUT, Losses())[1].parameters.seed is None


@pytest.mark.parametrize(
    ("request_", "can", "strict", "param"),
    [
        (asking(1, "second"), USUAL, False, "prompt"),
        (asking(1, *["more"] * 128), FANS_OUT, False, "prompt"),
        (asking(65, "second"), FANS_OUT, False, "n"),
        (asking(2), FANS_OUT, True, "n"),
    ],
)
def test_what_is_refused(request_: ChatRequest, can: Capabilities, strict: bool, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parts(request_, 1, can, Losses(strict))
    assert refused.value.param == param


def test_how_many_answers_a_request_may_ask_for() -> None:
    said_four = Capabilities(n_max=4)
    assert answers_max("openai", "groq", "chat", USUAL) == 1
    assert answers_max("openai", "groq", "chat", said_four) == 4
    assert answers_max("openai", "generic", "chat", USUAL) == 128
    assert answers_max("openai", "openai", "responses", USUAL) == 1
    assert answers_max("anthropic", "sim", "messages", said_four) == 1
    assert answers_max("gemini", "sim", "generate_content", USUAL) == 1
    assert answers_max("gemini", "sim", "generate_content", said_four) == 4


def read(several: list[bytes], cuts: list[int]) -> list[Event]:
    """What comes of these streams, one after another, each cut at these places."""
    reader = JoinedReader(partial(MessagesReader, SENT, 1_000_000), len(several))
    events: list[Event] = []
    for number, data in enumerate(several):
        assert reader.awaits_next == (number > 0)
        places = sorted({place % len(data) for place in cuts} | {0, len(data)})
        for start, end in pairwise(places):
            events += reader.read(data[start:end])
    assert not reader.awaits_next
    return events


def alone(data: bytes) -> list[Event]:
    return MessagesReader(SENT, 1_000_000).read(data)


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_streams_are_read_as_one_however_they_are_cut(cuts: list[int]) -> None:
    one, other = recorded("messages_text_and_tools"), recorded("messages_stop_sequence")
    events = read([one, other], cuts)
    first, second = alone(one), alone(other)
    assert [type(event) for event in events].count(Begun) == 1
    assert [type(event) for event in events].count(Over) == 1
    assert type(events[-1]) is Over
    kinds = TextPiece | CallBegun | CallPiece | Stopped
    expected = [event for event in first if isinstance(event, kinds)]
    expected += [replace(event, choice=1) for event in second if isinstance(event, kinds)]
    assert [event for event in events if isinstance(event, kinds)] == expected
    used = [
        [event.usage for event in found if isinstance(event, Counted)][-1]
        for found in (first, second, events)
    ]
    assert used[2].input == used[0].input + used[1].input
    assert used[2].output == used[0].output + used[1].output


def test_what_one_does_not_tell_is_not_known_of_all() -> None:
    whole = recorded("messages_stop_sequence")
    untold = b"\n".join(
        line if b'"usage"' not in line else line.replace(b'"usage"', b'"used"') for line in whole.split(b"\n")
    )
    for several in ([whole, untold], [untold, whole]):
        counted = [event for event in read(several, []) if isinstance(event, Counted)]
        assert counted[-1].usage is NO_USAGE

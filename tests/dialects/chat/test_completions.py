"""Legacy completions of callers, by chat models."""

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types import Completion

from gateway.chat import Answer, ChatReply, Parameters, Text, Turn
from gateway.chat_events import Begun, CallBegun, Counted, Event, Over, Stopped, TextPiece, ThinkingPiece
from gateway.dialects.chat.dialect import COMPLETIONS_IN
from gateway.dialects.losses import Losses
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import GatewayError
from gateway.exchange import Usage
from tests.dialects.chat.asking import asked, write
from tests.dialects.chat.sdk import completions, data_of
from tests.dialects.conversations import replies

USAGE = Usage(3, 2, source="provider")
SHARED = {"id": "cmpl-01ABC", "object": "text_completion", "created": 1_700_000_000, "model": "shown"}


def read(**fields: Any) -> Any:
    return COMPLETIONS_IN.request(
        json.loads(json.dumps({"model": "m", "prompt": "Once", **fields})), Losses()
    )


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_said_by_a_user(prompt: Any) -> None:
    request = read(
        prompt=prompt, max_tokens=5, temperature=0.5, stop=["a"], n=2, user="u", stream=True, echo=False, best_of=1,
        suffix="", logprobs=None, logit_bias={"1": 2}, messages=[],
    )  # fmt: skip
    assert request.turns == (Turn("user", (Text("Once"),), "prompt"),)
    assert request.parameters == Parameters(
        max_output=5, temperature=0.5, stop=("a",), choices=2, end_user="u"
    )
    assert (request.stream, request.named("max_output")) == (True, "max_tokens")
    assert request.others == {"logit_bias": {"1": 2}, "messages": []}
    assert write(request)["messages"] == [{"role": "user", "content": "Once"}]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": [1, 2]}, "unsupported_value", "prompt"),
        ({"prompt": [[1, 2]]}, "unsupported_value", "prompt"),
        ({"prompt": []}, "unsupported_value", "prompt"),
        ({"echo": True}, "unsupported_parameter", "echo"),
        ({"suffix": "end"}, "unsupported_parameter", "suffix"),
        ({"best_of": 2}, "unsupported_parameter", "best_of"),
        ({"logprobs": 0}, "unsupported_parameter", "logprobs"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"stream_options": {"include_usage": "yes"}}, "invalid_type", "stream_options.include_usage"),
    ],
)
def test_what_a_chat_model_cannot_be_asked(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(GatewayError) as error:
        read(**fields)
    assert (error.value.condition.code, error.value.param) == (code, param)


def test_a_whole_answer() -> None:
    reply = ChatReply((Answer((Text("a"), Text("b")), "stop"), Answer((), "length")), usage=USAGE)
    body: Any = COMPLETIONS_IN.reply(reply, asked())
    Completion.model_validate(body)
    assert body.items() >= SHARED.items()
    assert body["choices"] == [
        {"index": 0, "text": "ab", "logprobs": None, "finish_reason": "stop"},
        {"index": 1, "text": "", "logprobs": None, "finish_reason": "length"},
    ]
    assert body["usage"]["total_tokens"] == 5
    assert "usage" not in COMPLETIONS_IN.reply(ChatReply((Answer((), "stop"),)), asked())


def test_a_stream() -> None:
    events: list[Event] = [
        Begun(created=9), ThinkingPiece("hm"), TextPiece("a"), TextPiece("b", 1), CallBegun(0, "c", "f"),
        Stopped("stop", choice=1), Stopped("length"), Counted(USAGE), Over(),
    ]  # fmt: skip
    plain = data_of(COMPLETIONS_IN.stream(asked()).write(events))
    assert [frame["choices"][0] for frame in plain] == [
        {"index": 0, "text": "a", "logprobs": None, "finish_reason": None},
        {"index": 1, "text": "b", "logprobs": None, "finish_reason": None},
        {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"},
        {"index": 1, "text": "", "logprobs": None, "finish_reason": "stop"},
    ]
    assert all(frame.items() >= {**SHARED, "created": 9}.items() for frame in plain)
    shown = data_of(COMPLETIONS_IN.stream(asked(stream_options={"include_usage": True})).write(events))
    assert (shown[-1]["choices"], shown[-1]["usage"]["prompt_tokens"]) == ([], 3)
    assert b'"finish_reason":"' not in COMPLETIONS_IN.stream(asked()).write(events[:-1])


@given(replies(choices_max=3))
def test_the_sdk_takes_every_stream(reply: ChatReply) -> None:
    frames = completions(COMPLETIONS_IN.stream(asked()).write(events_of(reply)))
    for index, answer in enumerate(reply.answers):
        said = "".join(one.text for frame in frames for one in frame.choices if one.index == index)
        assert said == "".join(block.text for block in answer.blocks if isinstance(block, Text))

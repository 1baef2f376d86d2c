"""An answer's form that its provider does not see to: what comes is read, and what does not fit is not given."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.chat import Format
from gateway.chat_events import Cited, TextPiece
from gateway.dialects.checked import Checked
from gateway.dialects.losses import Losses
from gateway.dialects.table import outbound
from gateway.dialects.translation import Sent
from tests.behind import behind_every_dialect, sent
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}},
    "required": ["age"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
MESSAGES = {
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
}
ANSWER_TOOL = "json_tool_call"


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    config = behind_every_dialect(sim)
    config["capabilities"]["*"]["native_schema"] = False
    async with RunningGateway(config) as running:
        yield running


def script(sim: ProviderSim, arguments: Any) -> None:
    sim.script(tool_calls=[{"name": ANSWER_TOOL, "arguments": arguments}], usage={"input": 7, "output": 9})


@pytest.mark.parametrize(
    ("behind", "path", "body"),
    [
        ("anthropic", "/v1/chat/completions", chat(response_format=FORMAT)),
        ("openai", "/v1/messages", MESSAGES),
    ],
)
async def test_what_a_forced_call_says_is_held_to_the_schema(
    gateway: RunningGateway, sim: ProviderSim, behind: str, path: str, body: dict[str, Any]
) -> None:
    body = {**body, "model": behind}
    script(sim, {"age": 5})
    good = await post(gateway, body, path=path)
    assert good.status == 200
    assert '{\\"age\\":5}' in good.body.decode()
    assert ANSWER_TOOL in json.dumps(sent(sim))
    for wrong in ({"age": -1}, {"age": "5"}, {}, {"age": 5, "name": "x"}):
        before = len(sim.requests())
        script(sim, wrong)
        refused = await post(gateway, body, path=path)
        assert refused.status == 502
        said = refused.error()
        assert said["message"] == "The model's answer does not have the form that was asked for."
        assert said.get("code", "upstream_invalid_response") == "upstream_invalid_response"
        assert len(sim.requests()) == before + 1
    script(sim, {"age": 5})
    assert (await post(gateway, body, path=path)).status == 200, "the key is well"


@pytest.mark.parametrize(
    ("behind", "path", "body"),
    [
        ("anthropic", "/v1/chat/completions", chat(response_format=FORMAT, stream=True)),
        ("openai", "/v1/messages", MESSAGES | {"stream": True}),
    ],
)
async def test_a_stream_ends_with_an_error_where_it_does_not_fit(
    gateway: RunningGateway, sim: ProviderSim, behind: str, path: str, body: dict[str, Any]
) -> None:
    body = {**body, "model": behind}
    script(sim, {"age": 5})
    good = await post(gateway, body, path=path)
    assert good.status == 200
    assert b"error" not in good.body
    script(sim, {"age": "old"})
    unfit = await post(gateway, body, path=path)
    assert unfit.status == 200
    assert "form that was asked for" in unfit.failure()["message"]
    assert b"message_stop" not in unfit.body
    assert b'finish_reason":"' not in unfit.body


async def test_a_stream_that_would_be_made_of_an_unfit_answer_is_not_begun(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    for age, status in ((5, 200), (-5, 502)):
        block = {"type": "tool_use", "id": "t", "name": ANSWER_TOOL, "input": {"age": age}}
        body = {"type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use"}
        headers = [("content-type", "application/json")]
        sim.script(status=200, headers=headers, body=json.dumps(body).encode())
        reply = await post(gateway, chat(model="anthropic", response_format=FORMAT, stream=True))
        assert reply.status == status


@pytest.mark.parametrize(("behind", "lost"), [("anthropic", b""), ("gemini", b"changed=response_format")])
async def test_what_a_provider_cannot_be_told_of_a_schema_is_seen_to_here(
    sim: ProviderSim, behind: str, lost: bytes
) -> None:
    """Both take schemas, but no `multipleOf`."""
    even = {**SCHEMA, "properties": {"age": {"type": "integer", "multipleOf": 2}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": even}}
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        for age, status in ((4, 200), (5, 502)):
            sim.script(json.dumps({"age": age}))
            reply = await post(gateway, chat(model=behind, response_format=wanted))
            assert reply.status == status
            if status == 200:
                assert dict(reply.headers).get("x-gateway-warnings", "") == lost.decode()
        sim.script(json.dumps({"age": 5}))
        unfit = await post(gateway, chat(model=behind, response_format=wanted, stream=True))
        assert "form that was asked for" in unfit.failure()["message"]


async def test_what_an_answer_comes_with_stays_where_its_marks_come_off(sim: ProviderSim) -> None:
    even = {**SCHEMA, "properties": {"age": {"type": "integer", "multipleOf": 2}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": even}}
    part = {"text": '```json\n{"age": 4}\n```', "thoughtSignature": "c2ln"}
    sources = [{"uri": "https://a.example", "startIndex": 8, "endIndex": 18}, {"uri": "https://b.example"}]
    body = {
        "candidates": [
            {"content": {"parts": [part]}, "finishReason": "STOP", "citationMetadata": {"citations": sources}}
        ]
    }
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        sim.script(status=200, headers=[("content-type", "application/json")], body=json.dumps(body).encode())
        reply = await post(gateway, chat(model="gemini", response_format=wanted))
    said = json.loads(reply.body)["choices"][0]["message"]
    assert said["content"] == '{"age": 4}'
    assert said["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    cited = [one["url_citation"] for one in said["annotations"]]
    assert [(one["url"], one["start_index"], one["end_index"]) for one in cited] == [
        ("https://a.example", 0, 10),
        ("https://b.example", 0, 0),
    ]


def test_places_in_a_stream_are_those_of_what_is_given() -> None:
    spoken = Checked(outbound("openai", "chat", ""), Format("json"), "response_format", Losses())
    reader = spoken.stream(Sent("", {}), 1 << 20)
    note = {"type": "url_citation", "url_citation": {"url": "https://a", "start_index": 8, "end_index": 15}}
    deltas = ({"content": '```json\n{"a":1}\n```'}, {"annotations": [note]})
    events = [
        event
        for delta in deltas
        for event in reader.read(
            b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode()
        )
    ]
    assert [event.text for event in events if isinstance(event, TextPiece)] == ['{"a":1}']
    cited = [event.citation for event in events if isinstance(event, Cited)]
    assert [(one.start, one.end) for one in cited] == [(0, 7)]


async def test_what_is_asked_for_in_words_is_held_to_it_too(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    asked = chat(model="anthropic", response_format={"type": "json_object"})
    fenced = '```json\n{"a": 1}\n```'
    for said, given in (('{"a": 1}', '{"a": 1}'), (fenced, '{"a": 1}'), ("[1]", None), ("Of course!", None)):
        sim.script(said)
        reply = await post(gateway, asked)
        assert reply.status == (502 if given is None else 200)
        if given is not None:
            assert json.loads(reply.body)["choices"][0]["message"]["content"] == given
    sim.script(fenced)
    streamed = (await post(gateway, {**asked, "stream": True})).body
    assert streamed.endswith(b"data: [DONE]\n\n")
    assert b"`" not in streamed
    sim.script('{"a": 1', finish="length")
    cut_off = json.loads((await post(gateway, asked)).body)["choices"][0]
    assert cut_off["finish_reason"] == "length"


async def test_what_cannot_be_judged_is_given_and_told(gateway: RunningGateway, sim: ProviderSim) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?=x)"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    script(sim, {"a": "y"})
    reply = await post(gateway, chat(model="anthropic", response_format=form))
    assert reply.status == 200
    assert reply.headers["x-gateway-warnings"] == "unchecked=response_format"


async def test_native_schemas_are_the_providers_business(sim: ProviderSim) -> None:
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        sim.script('{"age": "old"}')
        whole = {**SCHEMA, "properties": {"age": {"type": "integer"}}}
        form = {"type": "json_schema", "json_schema": {"name": "person", "schema": whole}}
        reply = await post(gateway, chat(model="anthropic", response_format=form))
        assert reply.status == 200

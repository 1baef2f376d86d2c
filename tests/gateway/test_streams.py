"""Streams through the gateway: fidelity however they are cut, when they begin, how they end (D40, D45–D48)."""

import asyncio
import json
import random
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.clock import LIMIT_S, passes, standing
from tests.gateway.wire import (
    STOP,
    Line,
    arrived,
    chat,
    chunk,
    exchange,
    overdue,
    parsed,
    post,
    request,
    settled,
    sse,
    stream,
)
from tests.running import ProviderSim, RunningGateway, configuration


def bounded(sim: ProviderSim, **bounds: Any) -> RunningGateway:
    return RunningGateway(configuration(sim.openai_url, bounds=bounds))


def _random_stream(chance: random.Random) -> tuple[bytes, str]:
    """An event stream with everything that makes slicing hard, and what it says."""
    words = [
        "é",
        "日本",
        "\U0001f980",
        "data: ",
        "[DONE]",
        '"usage":{',
        "\\n\n",
        "\r\n",
        "a" * 300,
        " ",
        '"error":',
    ]
    said = [chance.choice(words) for _ in range(chance.randrange(1, 30))]
    end = chance.choice([b"\n", b"\r\n", b"\r"])
    events = []
    for word in said:
        made = chunk(word)
        data = json.dumps(json.loads(made), ensure_ascii=False) if chance.random() < 0.5 else made
        events.append(chance.choice([b"data: ", b"data:"]) + data.encode() + end + end)
        if chance.random() < 0.2:
            events.append(b": ping" + end + end)
    events.append(b"data: " + STOP.encode() + end + end)
    events.append(b"data: [DONE]" + end + end)
    return b"".join(events), "".join(said)


async def test_40_content_is_the_providers_however_it_is_cut(
    gateway: RunningGateway, sim: ProviderSim, by_openai: AsyncOpenAI
) -> None:
    chance = random.Random(40)
    for round_ in range(100):
        body, said = _random_stream(chance)
        pieces, at = [], 0
        while at < len(body):
            size = chance.choice([1, 2, 3, 50, 5000])
            pieces.append(body[at : at + size])
            at += size
        # A small pause makes each piece a packet of its own; without, several share one.
        sim.script(
            chunks=pieces,
            headers={"content-type": "text/event-stream"},
            gap_ms=0.01 if round_ % 4 == 0 else 0,
        )
        text, finish = "", None
        async for part in await by_openai.chat.completions.create(**chat(), stream=True):
            text += part.choices[0].delta.content or ""
            finish = part.choices[0].finish_reason or finish
        assert (text, finish) == (said, "stop")
    await settled(gateway)


HOWS: list[dict[str, Any]] = [
    {"drip": 1},
    {"one_packet": True},
    {"crlf": True, "drip": 3},
    {"bom": True},
    {"odd_events": True},
    {"comments": 200},
    {"trailers": True},
]


@pytest.mark.parametrize("how", HOWS, ids=[" ".join(how) for how in HOWS])
async def test_40_the_simulated_ways_of_cutting(
    gateway: RunningGateway, sim: ProviderSim, how: dict[str, Any]
) -> None:
    said = "Déjà vu: " * 20
    sim.script(said, fault=how)
    reply = await post(gateway, chat(stream=True))
    assert (reply.text(), reply.data()[-1], reply.whole) == (said, b"[DONE]", True)


@pytest.mark.parametrize("fault", ["done_twice", "after_done"])
async def test_nothing_follows_the_end(gateway: RunningGateway, fault: str) -> None:
    reply = await post(gateway, chat(f"[[sim:frames=5 {fault}]]", stream=True))
    assert reply.data().count(b"[DONE]") == 1
    assert reply.data()[-1] == b"[DONE]"
    await settled(gateway)


async def test_45_a_long_line_passes_within_the_bound(gateway: RunningGateway, sim: ProviderSim) -> None:
    reply = await post(gateway, chat("[[sim:frames=5 big_line]]", stream=True))
    assert (reply.status, reply.data()[-1]) == (200, b"[DONE]")
    assert max(map(len, reply.data())) > 10_000_000
    whole = await post(gateway, chat("[[sim:frames=5 big_line]]"))
    assert (whole.status, len(whole.body) > 10_000_000) == (200, True)
    await settled(gateway)


async def test_45_a_longer_line_than_the_bound_is_502_or_an_error_frame(sim: ProviderSim) -> None:
    async with bounded(sim, frame_bytes=1_000_000, reply_bytes=1_000_000) as gateway:
        for streamed in (True, False):
            reply = await post(gateway, chat("[[sim:frames=5 big_line=10000000]]", stream=streamed))
            assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")
        late = [f"data: {chunk('Hello')}\n\n", "data: " + "x" * 2_000_000]
        sim.script(chunks=late, headers={"content-type": "text/event-stream"}, gap_ms=10_000)
        async with Line(gateway) as line:
            line.send(request(chat(stream=True)))
            received = await line.until(b"\n\n")
            await passes(10)
            reply = parsed(received + await line.rest())
        assert (reply.status, reply.failure()["code"]) == (200, "upstream_invalid_response")
        await settled(gateway)


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("truncate=100", {"upstream_incomplete", "upstream_invalid_response"}),
        ("garbage", {"upstream_invalid_response"}),
        ("reset", {"upstream_unreachable"}),
        ("cut=0", {"upstream_incomplete", "upstream_unreachable"}),
        ("cut=50", {"upstream_incomplete"}),
        ("reset=50", {"upstream_incomplete", "upstream_unreachable"}),
        ("content_length=0 two_lengths", {"upstream_invalid_response"}),
        ("empty", {"upstream_incomplete", "upstream_invalid_response"}),
        ("html", {"upstream_invalid_response"}),
        ("header_bytes", {"upstream_invalid_response"}),
        ("continues=10000", {"upstream_invalid_response"}),
        ("content_type=image/png", {"upstream_invalid_response"}),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_46_what_is_no_answer(
    gateway: RunningGateway, sim: ProviderSim, fault: str, codes: set[str], streamed: bool
) -> None:
    reply = await post(gateway, chat(f"[[sim:{fault}]]", stream=streamed))
    if fault == "truncate=100" and reply.status == 200:
        assert reply.failure()["code"] in codes
    else:
        assert (reply.status, reply.error()["code"] in codes) == (502, True), reply.error()
    await settled(gateway)
    (entry,) = await gateway.log_lines(1)
    assert (entry["outcome"], entry["code"] in codes) == ("error", True)
    assert (await post(gateway, chat())).status == 200


@pytest.mark.parametrize("fault", ["hang", "hang=0", "hang=300", "endless gap_ms=5", "drip=1 gap_ms=20"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_46_what_never_ends(sim: ProviderSim, fault: str, streamed: bool) -> None:
    bounds = {
        "exchange_s": LIMIT_S,
        "first_frame_s": 2 * LIMIT_S,
        "frame_gap_s": 2 * LIMIT_S,
        "commit_after_s": 900,
    }
    async with bounded(sim, **bounds) as gateway:
        task = asyncio.create_task(post(gateway, chat(f"[[sim:{fault}]]", stream=streamed)))
        await arrived(sim, 1)
        with standing():
            reply = await overdue(task, LIMIT_S)
        if reply.status == 200:
            assert reply.failure()["code"] == "deadline_exceeded"
        else:
            assert (reply.status, reply.error()["code"]) == (504, "deadline_exceeded")
        await settled(gateway)


@pytest.mark.parametrize("streamed", [True, False])
async def test_46_silence_and_pings_are_no_progress(sim: ProviderSim, streamed: bool) -> None:
    async with bounded(sim, first_frame_s=LIMIT_S, frame_gap_s=LIMIT_S, commit_after_s=900) as gateway:
        task = asyncio.create_task(post(gateway, chat("[[sim:hang]]", stream=streamed)))
        await arrived(sim, 1)
        with standing():
            await passes(1.1 * LIMIT_S)
            await arrived(sim, 2)  # with the other key, as silent
            silent = await overdue(task, LIMIT_S)
        assert (silent.status, silent.error()["code"]) == (504, "upstream_timeout")
        if streamed:
            pings = chat(f"[[sim:comments=1000 gap_ms={LIMIT_S * 100:.0f}]]", stream=True)
            task = asyncio.create_task(post(gateway, pings))
            await arrived(sim, 3)
            with standing():
                for _ in range(25):  # twice the limit at most, for a try with each key
                    await passes(LIMIT_S / 10)
                assert task.done()
            pinging = await task
            assert (pinging.status, pinging.error()["code"]) == (504, "upstream_timeout")
            async with Line(gateway) as line:
                line.send(request(chat("[[sim:frames=40 hang=1000]]", stream=True)))
                received = await line.until(b"\n\n")
                with standing():
                    while gateway.app.live:
                        await passes(0.9 * LIMIT_S)
                late = parsed(received + await line.rest())
            assert (late.status, late.failure()["code"]) == (200, "upstream_timeout")
        await settled(gateway)


async def test_47_an_error_as_first_event_is_mended_elsewhere(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sim.script(raw=sse('{"error":{"message":"Overloaded","type":"overloaded_error"}}'))
    reply = await post(gateway, chat(stream=True))
    assert (reply.status, reply.headers["x-gateway-attempts"], reply.data()[-1]) == (200, "2", b"[DONE]")
    assert b"error" not in reply.body


ROLE = chunk("", choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
OVERLOADED = '{"error":{"message":"Overloaded","type":"overloaded_error"}}'
LIMITED = '{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}'


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        (sse(OVERLOADED), 503, "upstream_overloaded"),
        (sse(ROLE, OVERLOADED), 503, "upstream_overloaded"),  # opening a stream is not content
        (sse(LIMITED), 429, "rate_limit_exceeded"),
    ],
)
async def test_47_or_told_as_a_plain_http_error(
    gateway: RunningGateway, sim: ProviderSim, first: bytes, status: int, code: str
) -> None:
    sim.script(raw=first, repeat=2)
    reply = await post(gateway, chat(stream=True))
    assert (reply.status, reply.error()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("mad", ["no_usage", "bad_usage=negative", "bad_usage=absurd", "bad_usage=text"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_48_usage_that_cannot_be_true_is_estimated(
    gateway: RunningGateway, mad: str, streamed: bool
) -> None:
    assert (await post(gateway, chat(f"[[sim:frames=20 {mad}]]", stream=streamed))).status == 200
    (entry,) = await gateway.log_lines(1)
    assert entry["usage_source"] == "estimated"
    assert 0 < entry["input_tokens"] < 1000
    assert 0 < entry["output_tokens"] < 1000


async def test_48_of_two_usages_the_last_counts_and_once(gateway: RunningGateway, sim: ProviderSim) -> None:
    usages = [
        json.dumps({"choices": [], "usage": {"prompt_tokens": n, "completion_tokens": n}}) for n in (3, 5)
    ]
    sim.script(raw=sse(chunk("Hello"), STOP, *usages))
    await post(gateway, chat(stream=True))
    (entry,) = await gateway.log_lines(1)
    assert (entry["input_tokens"], entry["output_tokens"]) == (5, 5)


async def test_a_whole_answer_to_a_streaming_request_becomes_frames(
    gateway: RunningGateway, sim: ProviderSim, by_openai: AsyncOpenAI
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hello", "tool_calls": [call, {**call, "id": "call_2"}]}
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }  # fmt: skip
    sim.script(body=answer, repeat=2, headers={"content-type": "application/json"})
    async with by_openai.chat.completions.stream(**chat(), stream_options={"include_usage": True}) as helper:
        final = await helper.get_final_completion()
    assert final.choices[0].message.content == "Hello"
    assert [made.id for made in final.choices[0].message.tool_calls or ()] == ["call_1", "call_2"]
    assert final.usage is not None
    reply = await post(gateway, chat(stream=True))
    assert all(json.loads(data)["choices"] for data in reply.data()[:-1])  # usage was not asked for
    assert reply.headers["content-type"].startswith("text/event-stream")


async def test_a_stream_answering_a_plain_request_is_one_reply(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    reply = await post(gateway, chat("[[sim:stream_for_json]]"))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert json.loads(reply.body)["choices"][0]["message"]["content"]
    await settled(gateway)


async def test_no_retry_once_something_was_said(gateway: RunningGateway, sim: ProviderSim) -> None:
    reply = await post(gateway, chat("[[sim:frames=20 error_after=5 gap_ms=5]]", stream=True))
    assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "1")
    assert reply.failure()["code"] in ("upstream_error", "upstream_overloaded")
    assert len(sim.requests()) == 1


async def test_the_sdk_raises_for_a_stream_that_breaks(by_openai: AsyncOpenAI) -> None:
    message = [{"role": "user", "content": "[[sim:frames=20 cut=2000 gap_ms=2]]"}]
    with pytest.raises(openai.APIError) as caught:
        async for _ in await by_openai.chat.completions.create(model="smart", messages=message, stream=True):  # type: ignore[arg-type]
            pass
    assert caught.value.code == "upstream_incomplete"


async def test_events_are_passed_on_as_they_come(gateway: RunningGateway, sim: ProviderSim) -> None:
    """The first frame is with the caller while the provider is still holding the second back."""
    sim.script(raw=stream(b"data: " + chunk("Hello").encode() + b"\n\n" + b" " * 10)[:-10], then="hang")
    async with Line(gateway) as line:
        line.send(request(chat(stream=True)))
        assert parsed(await line.until(b'"Hello"')).status == 200


async def test_46_a_stream_that_is_cut_never_looks_finished(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    whole = sse(chunk("Hello"), STOP)
    body = whole.partition(b"\r\n\r\n")[2]
    for cut in (body.index(b'"stop"') + 5, body.index(b"[DONE]") + 3):
        sim.script(raw=stream(body[:cut]))
        reply = await post(gateway, chat(stream=True))
        assert (reply.text(), reply.failure()["code"]) == ("Hello", "upstream_incomplete")
    reply = await post(gateway, chat("[[sim:frames=5 content_length=-5]]", stream=True))
    assert (reply.status, reply.failure()["code"]) == (200, "upstream_incomplete")
    await settled(gateway)
    assert {entry["outcome"] for entry in await gateway.log_lines(3)} == {"error"}


async def test_46_a_length_that_is_never_reached(sim: ProviderSim) -> None:
    """Past its end marker nothing of a stream is awaited; of a whole answer every byte is."""
    async with bounded(sim, exchange_s=LIMIT_S) as gateway:
        streamed = await post(gateway, chat("[[sim:frames=5 content_length=5]]", stream=True))
        assert (streamed.data()[-1], streamed.whole) == (b"[DONE]", True)
        task = asyncio.create_task(post(gateway, chat("[[sim:frames=5 content_length=5]]")))
        await arrived(sim, 2)
        with standing():
            plain = await overdue(task, LIMIT_S)
        assert (plain.status, plain.error()["code"]) == (504, "deadline_exceeded")
        await settled(gateway)


async def test_json_that_is_no_answer_becomes_no_stream(gateway: RunningGateway, sim: ProviderSim) -> None:
    """Frames made of nothing would be an empty answer that looks finished."""
    for body in ('{"choices":[]}', '{"choices":"x"}', '{"choices":[1]}', '{"note":1}'):
        sim.script(body=body, headers={"content-type": "application/json"}, path="*", repeat=2)
        reply = await post(gateway, chat(stream=True))
        assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response"), body
    sim.script(body='{"note":1}', headers={"content-type": "application/json"}, path="*", repeat=2)
    asked = request({"model": "smart", "input": "x", "stream": True}, path="/v1/responses")
    assert (await exchange(gateway, asked)).status == 502

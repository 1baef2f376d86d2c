"""`idempotency-key` (contract §3): the same request again gets the same answer and costs nothing."""

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.clock import standing
from tests.gateway.wire import (
    Line,
    Reply,
    arrived,
    chat,
    exchange,
    parsed,
    post,
    request,
    settled,
    whole_json,
)
from tests.running import OTHER_KEY, ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

KEY = "idempotency-key: order-1\r\n"
BAD = "invalid_request_error"


OWN = {
    "request-id", "x-request-id", "date", "server-timing", "x-gateway-queue-ms", "idempotent-replayed",
    "content-length", "transfer-encoding",
}  # fmt: skip


def shown(reply: Reply) -> dict[str, str]:
    """The headers that an answer has both times."""
    return {name: value for name, value in reply.headers.items() if name not in OWN}


async def test_the_first_answer_again(gateway: RunningGateway, sim: ProviderSim) -> None:
    first = await post(gateway, chat(), headers=KEY)
    again = await post(gateway, chat(), headers=KEY)
    assert (again.status, again.body, shown(again)) == (200, first.body, shown(first))
    assert len(sim.requests()) == 1
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    ran, replayed = await gateway.log_lines(2)
    assert (ran["attempts"], replayed["attempts"]) == (1, 0)
    assert (replayed["status"], replayed["outcome"], replayed["usage_source"]) == (200, "ok", "none")
    assert replayed["request_id"] == again.headers["x-request-id"]
    assert (replayed["input_tokens"], replayed["output_tokens"]) == (0, 0)
    await settled(gateway)


async def test_without_the_header_every_request_runs(gateway: RunningGateway, sim: ProviderSim) -> None:
    for headers in ("", "", KEY, "idempotency-key: order-2\r\n"):
        assert (await post(gateway, chat(), headers=headers)).status == 200
    assert len(sim.requests()) == 4


@pytest.mark.parametrize(
    "changed",
    [
        chat("other"),
        chat(model="sim/chat"),
        chat(temperature=1),
        json.dumps(chat(), separators=(",", ":")).encode(),
    ],
)
async def test_another_body_is_refused(gateway: RunningGateway, sim: ProviderSim, changed: Any) -> None:
    await post(gateway, chat(), headers=KEY)
    reply = await post(gateway, changed, headers=KEY)
    error = reply.error()
    assert (reply.status, error["type"], error["code"], error["param"]) == (
        400, BAD, "idempotency_key_reused", "Idempotency-Key"
    )  # fmt: skip
    assert len(sim.requests()) == 1


async def test_another_endpoint_is_another_request(gateway: RunningGateway) -> None:
    body = {"model": "smart", "input": "x"}
    assert (await exchange(gateway, request(body, path="/v1/responses", headers=KEY))).status == 200
    reply = await exchange(gateway, request(body, path="/v1/embeddings", headers=KEY))
    assert (reply.status, reply.error()["code"]) == (400, "idempotency_key_reused")


async def test_d18_keys_of_other_tenants_are_their_own(gateway: RunningGateway, sim: ProviderSim) -> None:
    first = await post(gateway, chat("mine"), headers=KEY)
    theirs = await post(gateway, chat("theirs"), headers=KEY, key=OTHER_KEY)
    assert (theirs.status, len(sim.requests())) == (200, 2)
    assert theirs.body != first.body


async def test_a_twin_in_flight_is_told_to_come_back(gateway: RunningGateway, sim: ProviderSim) -> None:
    slow = chat("[[sim:delay_ms=300]]")
    async with Line(gateway) as line:
        with standing():  # the first cannot be answered meanwhile
            line.send(request(slow, headers=KEY))
            await arrived(sim, 1)
            twin = await post(gateway, slow, headers=KEY)
            assert (twin.status, twin.error()["code"]) == (409, "idempotency_in_progress")
            assert twin.headers["retry-after-ms"] == "250"
            other = await post(gateway, chat("x"), headers=KEY)
            assert (other.status, other.error()["code"]) == (400, "idempotency_key_reused")
        first = parsed(await line.rest())
    again = await post(gateway, slow, headers=KEY)
    assert (again.status, again.body) == (200, first.body)
    assert len(sim.requests()) == 1


async def test_an_sdk_that_asks_twice_gets_one_answer(gateway: RunningGateway, sim: ProviderSim) -> None:
    """Its retry after the 409 finds the answer."""
    async with openai_client(gateway, max_retries=5) as client:
        headers = {"Idempotency-Key": "order-1"}

        async def ask() -> str:
            text = "[[sim:delay_ms=200]]"
            reply = await client.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": text}], extra_headers=headers
            )
            return reply.id

        assert len(set(await asyncio.gather(ask(), ask(), ask()))) == 1
        assert len(sim.requests()) == 1
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="smart", input="x", extra_headers=headers)


async def test_only_whole_successes_are_kept(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=400, count=1)
    assert (await post(gateway, chat(), headers=KEY)).status == 400
    sim.fault(status=503, count=2)
    assert (await post(gateway, chat(), headers=KEY)).status == 503
    assert (await post(gateway, {"model": "smart"}, headers=KEY)).status == 400
    assert (await post(gateway, chat("something else"), headers=KEY)).status == 200
    assert len(sim.requests()) == 4


async def test_a_caller_who_left_may_ask_again(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = chat("[[sim:delay_ms=200]]")
    async with Line(gateway) as line:
        with standing():
            line.send(request(body, headers=KEY))
            await arrived(sim, 1)
            line.writer.transport.abort()
            await settled(gateway)
    assert (await post(gateway, body, headers=KEY)).status == 200
    assert len(sim.requests()) == 2


async def test_streams_and_forms_run_each_time(gateway: RunningGateway, sim: ProviderSim) -> None:
    for _ in range(2):
        assert (await post(gateway, chat(stream=True), headers=KEY)).text()
    form = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    )
    kind = "content-type: multipart/form-data; boundary=b\r\n"
    for _ in range(2):
        assert (await exchange(gateway, request(form, path="/v1/files", headers=kind + KEY))).status == 200
    assert len(sim.requests()) == 4


async def test_a_body_that_is_no_json_is_kept_too(gateway: RunningGateway, sim: ProviderSim) -> None:
    speech = {"model": "smart", "input": "Hello.", "voice": "alloy"}
    first, again = [
        await exchange(gateway, request(speech, path="/v1/audio/speech", headers=KEY)) for _ in range(2)
    ]
    assert (first.status, first.body, shown(first)) == (again.status, again.body, shown(again))
    assert first.body
    assert len(sim.requests()) == 1


async def test_a_body_that_breaks_off_is_not(gateway: RunningGateway, sim: ProviderSim) -> None:
    speech = {"model": "smart", "input": "Hello.", "voice": "alloy"}
    raw = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 100\r\n\r\nabc"
    sim.script(raw=raw, path="*")
    data = request(speech, path="/v1/audio/speech", headers=KEY)
    assert not (await exchange(gateway, data)).whole
    assert (await exchange(gateway, data)).whole
    assert len(sim.requests()) == 2


@pytest.mark.parametrize("value", ["", "x" * 256, "\xfc", "a\tb"])
async def test_what_is_no_key(gateway: RunningGateway, sim: ProviderSim, value: str) -> None:
    reply = await post(gateway, chat(), headers=f"idempotency-key: {value}\r\n")
    assert (reply.status, reply.error()["code"], reply.error()["param"]) == (
        400, "invalid_value", "Idempotency-Key"
    )  # fmt: skip
    assert sim.requests() == []


async def test_the_provider_never_sees_the_key(gateway: RunningGateway, sim: ProviderSim) -> None:
    await post(gateway, chat(), headers=KEY)
    assert "order-1" not in json.dumps(sim.requests(), default=repr)


async def test_what_is_kept_is_bounded(sim: ProviderSim) -> None:
    bounds = {"idempotent_answers": 2, "idempotent_answer_bytes": 400_000}
    async with RunningGateway(configuration(sim.openai_url, bounds=bounds)) as gateway:
        for number in (1, 2, 3):
            await post(gateway, chat(), headers=f"idempotency-key: order-{number}\r\n")
        assert len(sim.requests()) == 3
        for number, requests in ((3, 3), (2, 3), (1, 4)):
            await post(gateway, chat(), headers=f"idempotency-key: order-{number}\r\n")
            assert len(sim.requests()) == requests
        large = whole_json(b'{"choices":[],"x":"' + b"y" * 200_000 + b'"}')
        for _ in range(2):
            sim.script(raw=large)
            assert (await post(gateway, chat("large"), headers="idempotency-key: large\r\n")).status == 200
        assert len(sim.requests()) == 6

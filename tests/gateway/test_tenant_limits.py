"""A tenant key's own limits: refused at once and honestly, told in every answer, charged for what was used."""

import asyncio
import random
from typing import Any

import openai
import pytest

from gateway.upstream.durations import duration
from tests.clock import passes, standing
from tests.gateway.wire import Line, arrived, chat, parsed, post, request, settled
from tests.running import OTHER_KEY, ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

HELLO: Any = [{"role": "user", "content": "Say hello to the lighthouse. [[sim:input=20 output=10]]"}]
#: A charge is let go of this long after a minute: the window's slack and the length of its slots.
SLACK_S = 0.625


def limited(sim: ProviderSim, **limits: int) -> RunningGateway:
    """Tenant a's key has `limits`; tenant b's has none."""
    config = configuration(sim.openai_url)
    config["tenants"][0]["keys"][0]["limits"] = limits
    return RunningGateway(config)


def used(gateway: RunningGateway) -> dict[str, int]:
    """What the ledger has charged on tenant a's key."""
    app = gateway.app
    return {one.dimension: one.used for one in app.ledger.usage("tenant-key:a/web", app.ledger_time.now())}


def told(headers: Any) -> dict[str, str]:
    """The headers about limits, by the last two parts of their names."""
    return {
        name.lower().removeprefix("x-ratelimit-"): value
        for name, value in headers.items()
        if "ratelimit" in name.lower()
    }


async def test_every_answer_says_how_full_the_limits_are(sim: ProviderSim) -> None:
    async with limited(sim, rpm=60, tpm=10_000, concurrency=9) as gateway, openai_client(gateway) as client:
        completions = client.chat.completions.with_raw_response
        with standing():
            raw = await completions.create(model="smart", messages=HELLO)
            assert told(raw.headers) == {
                "limit-requests": "60",
                "remaining-requests": "59",
                "reset-requests": raw.headers["x-ratelimit-reset-tokens"],
                "limit-tokens": "10000",
                "remaining-tokens": "9970",  # what the provider counted, not what was thought
                "reset-tokens": raw.headers["x-ratelimit-reset-tokens"],
            }
            assert duration(raw.headers["x-ratelimit-reset-requests"]) == pytest.approx(60 + SLACK_S)
            stream = await completions.create(model="smart", messages=HELLO, stream=True)
            assert told(stream.headers)["remaining-requests"] == "58"
            assert int(told(stream.headers)["remaining-tokens"]) < 9970  # what it may take
            async for _ in stream.parse():
                pass
            with pytest.raises(openai.NotFoundError) as unknown:
                await client.chat.completions.create(model="nothing", messages=HELLO)
            models = await client.models.with_raw_response.list()
            for headers in (unknown.value.response.headers, models.headers):
                assert told(headers)["remaining-requests"] == "58"  # neither is charged
                assert told(headers)["remaining-tokens"] == "9940"
            await passes(60 + SLACK_S)
            free = told((await client.models.with_raw_response.list()).headers)
            assert (free["remaining-requests"], free["reset-requests"]) == ("60", "0s")


async def test_a_key_without_limits_has_no_account_and_no_headers(sim: ProviderSim) -> None:
    async with limited(sim, rpm=1) as gateway:
        for _ in range(3):
            reply = await post(gateway, chat(), key=OTHER_KEY)
            assert (reply.status, told(reply.headers)) == (200, {})
        assert told((await post(gateway, chat(model="nothing"), key=OTHER_KEY)).headers) == {}
        with pytest.raises(KeyError):
            gateway.app.ledger.usage("tenant-key:b/web", gateway.app.ledger_time.now())


async def test_a_small_limit_serves_one_after_another_who_do_not_say_how_much_they_want(
    sim: ProviderSim,
) -> None:
    async with limited(sim, rpm=5, tpm=1_000) as gateway:
        for _ in range(5):
            assert (await post(gateway, chat())).status == 200


async def test_refused_at_once_and_let_in_when_it_was_told(sim: ProviderSim) -> None:
    async with limited(sim, rpm=2) as gateway, openai_client(gateway) as client:
        with standing():
            for _ in range(2):
                await client.chat.completions.create(model="smart", messages=HELLO)
                await passes(10)
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(model="smart", messages=HELLO)
            error, headers = caught.value, caught.value.response.headers
            assert (error.status_code, error.type, error.code) == (
                429,
                "rate_limit_error",
                "rate_limit_exceeded",
            )
            assert "key 'web' on requests per minute: limit 2, used 2." in error.message
            assert told(headers)["remaining-requests"] == "0"
            wait_ms = int(headers["retry-after-ms"])
            assert 40_000 < wait_ms <= 40_000 + SLACK_S * 1000
            assert int(headers["retry-after"]) == -(-wait_ms // 1000)
            assert f"try again in {wait_ms / 1000:g} s" in error.message
            await passes(wait_ms / 1000 - 0.002)
            assert (await post(gateway, chat())).status == 429
            await passes(0.002)
            assert (await post(gateway, chat())).status == 200
        assert len(sim.requests()) == 3


async def test_the_sdk_waits_as_long_as_it_was_told_and_is_served(sim: ProviderSim) -> None:
    async with limited(sim, rpm=1) as gateway, openai_client(gateway, max_retries=1) as client:
        await client.chat.completions.create(model="smart", messages=HELLO)
        with standing():
            await passes(30)
            again = asyncio.create_task(client.chat.completions.create(model="smart", messages=HELLO))
            await gateway.log_lines(2)  # refused
            while not again.done():
                await passes(1)
                await gateway.quiet()  # no time passes while it is served: connecting has a limit
            assert (await again).choices
        statuses = [entry["status"] for entry in await gateway.log_lines(3)]
        assert statuses == [200, 429, 200]


async def test_requests_at_once(sim: ProviderSim) -> None:
    async with limited(sim, concurrency=2) as gateway:
        async with Line(gateway) as one, Line(gateway) as two:
            for line in (one, two):
                line.send(request(chat("[[sim:hang=-1]]", stream=True)))
            await arrived(sim, 2)
            assert used(gateway) == {"concurrency": 2}
            refused = await post(gateway, chat())
            assert (refused.status, refused.error()["code"]) == (429, "rate_limit_exceeded")
            assert "requests at once: limit 2, running 2." in refused.error()["message"]
            assert refused.headers["retry-after-ms"] == "250"
            assert told(refused.headers) == {}  # nothing to say of a limit without a header
        await settled(gateway)
        assert used(gateway) == {"concurrency": 0}
        assert (await post(gateway, chat())).status == 200


async def test_the_place_is_free_when_the_caller_has_the_end(sim: ProviderSim) -> None:
    """The end of the provider's framing is still waited for then."""
    async with limited(sim, concurrency=1, tpm=10_000) as gateway:
        with standing():
            async with Line(gateway) as line:
                line.send(request(chat("[[sim:content_length=5 input=20 output=10]]", stream=True)))
                await line.until(b"data: [DONE]\n\n")
                assert gateway.app.live == 1
                assert used(gateway) == {"concurrency": 0, "tpm": 30}
                assert (await post(gateway, chat("[[sim:input=2 output=1]]"))).status == 200
                await passes(1)
            await settled(gateway)
            assert used(gateway) == {"concurrency": 0, "tpm": 33}


async def test_tokens_are_settled_to_what_was_used(sim: ProviderSim) -> None:
    async with limited(sim, tpm=2_000, itpm=2_000, otpm=2_000, rpd=10) as gateway:
        with standing():
            async with Line(gateway) as line:
                line.send(request(chat("[[sim:delay_ms=1000 input=7 output=3]]", max_tokens=100)))
                await arrived(sim, 1)
                thought = used(gateway)
                assert thought["itpm"] > 7 and 3 < thought["otpm"] <= 100
                assert thought["tpm"] == thought["itpm"] + thought["otpm"]
                await passes(1)
                reply = parsed(await line.rest())
            assert reply.status == 200
            assert used(gateway) == {"tpm": 10, "itpm": 7, "otpm": 3, "rpd": 1}
            await post(gateway, chat("[[sim:input=900 output=1500]]", max_tokens=5))  # more than was thought
            full = used(gateway)
            assert full == {"tpm": 2_410, "itpm": 907, "otpm": 1_503, "rpd": 2}
            refused = await post(gateway, chat())
            assert refused.status == 429
            assert "tokens per minute: limit 2000, used 2410, requested" in refused.error()["message"]
            assert told(refused.headers)["remaining-tokens"] == "0"
            assert used(gateway) == full  # a refusal charges nothing


async def test_what_is_only_allowed_or_feared_keeps_no_small_key_out(sim: ProviderSim) -> None:
    """Nine of ten unknown answers stay below a thousand tokens: ten times what this key has in a minute."""
    async with limited(sim, tpm=100) as gateway:
        with standing():
            reply = await post(gateway, chat("[[sim:input=20 output=10]]", max_tokens=100_000))
            assert (reply.status, told(reply.headers)["remaining-tokens"]) == (200, "70")
            assert used(gateway) == {"tpm": 30}


async def test_more_than_a_limit_is_too_large(sim: ProviderSim) -> None:
    async with limited(sim, tpm=100, itpm=90) as gateway, openai_client(gateway, max_retries=2) as client:
        long: Any = [{"role": "user", "content": "lighthouse " * 400}]
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="smart", messages=long)
        assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
        assert "retry-after" not in caught.value.response.headers
        assert "key 'web'" in caught.value.message
        assert "the limit 100 tokens per minute and 90 input tokens per minute." in caught.value.message
        assert (len(await gateway.log_lines(1)), sim.requests()) == (1, [])
        assert used(gateway) == {"tpm": 0, "itpm": 0}


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_caller_who_leaves_before_the_first_byte(sim: ProviderSim, streamed: bool) -> None:
    async with limited(sim, rpm=10, tpm=10_000, concurrency=1) as gateway:
        async with Line(gateway) as line:
            line.send(request(chat("[[sim:hang=-1]]", stream=streamed)))
            await arrived(sim, 1)
            assert used(gateway)["concurrency"] == 1
            line.writer.transport.abort()
            await settled(gateway)
        assert used(gateway) == {"rpm": 1, "tpm": 0, "concurrency": 0}


async def test_a_caller_who_leaves_mid_stream_pays_what_was_estimated(sim: ProviderSim) -> None:
    async with limited(sim, rpm=10, tpm=100_000, concurrency=1) as gateway:
        with standing():
            async with Line(gateway) as line:
                line.send(request(chat("[[sim:hang=2000 frames=200]]", stream=True)))
                await line.until(b"\n\n", 4)
                line.writer.transport.abort()
                await settled(gateway)
            (entry,) = await gateway.log_lines(1)
            assert entry["usage_source"] == "estimated"
            tokens = entry["input_tokens"] + entry["output_tokens"]
            assert tokens > 0
            assert used(gateway) == {"rpm": 1, "tpm": tokens, "concurrency": 0}


async def test_upstreams_failure_costs_the_request_and_no_tokens(sim: ProviderSim) -> None:
    async with limited(sim, rpm=10, tpm=10_000, concurrency=1) as gateway:
        with standing():
            failed = await post(gateway, chat("[[sim:status=500]]"))
            assert failed.status == 502
            assert told(failed.headers)["remaining-requests"] == "9"
            assert told(failed.headers)["remaining-tokens"] == "10000"
            assert used(gateway) == {"rpm": 1, "tpm": 0, "concurrency": 0}


async def test_what_is_refused_before_it_goes_upstream_is_given_back_whole(sim: ProviderSim) -> None:
    """A file pins its provider key, which cannot serve the other provider's model."""
    config = configuration(sim.openai_url)
    config["tenants"][0]["keys"][0]["limits"] = {"rpm": 10, "tpm": 90_000, "rpd": 10, "concurrency": 1}
    config["providers"].append({**config["providers"][0], "id": "far"})
    config["pools"].append({"id": "three", "provider": "far", "secret": "env:PROVIDER_KEY", "tenants": ["*"]})
    async with RunningGateway(config) as gateway, openai_client(gateway) as client:
        with standing():
            file = await client.files.create(file=("f.jsonl", b"{}\n"), purpose="batch")
            said: Any = [{"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}]
            before = used(gateway)
            with pytest.raises(openai.APIStatusError) as caught:
                await client.responses.create(model="far/chat", input=said)
            assert caught.value.code == "no_eligible_key"
            assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "9"
            assert used(gateway) == before
            assert (before["rpm"], before["rpd"], before["concurrency"]) == (1, 1, 0)


async def test_an_answer_given_again_costs_nothing_and_speaks_of_now(sim: ProviderSim) -> None:
    async with limited(sim, rpm=10) as gateway:
        with standing():
            key = "idempotency-key: order-1\r\n"
            first = await post(gateway, chat(), headers=key)
            await post(gateway, chat())
            again = await post(gateway, chat(), headers=key)
            assert again.headers["idempotent-replayed"] == "true"
            assert told(first.headers)["remaining-requests"] == "9"
            assert told(again.headers)["remaining-requests"] == "8"
            assert used(gateway) == {"rpm": 2}


async def test_being_counted_costs_no_tokens(sim: ProviderSim) -> None:
    """The provider says how many they would be, and none is used."""
    async with limited(sim, rpm=9, tpm=900) as gateway, openai_client(gateway) as client:
        with standing():
            raw = await client.responses.input_tokens.with_raw_response.count(
                model="sim/chat", input="Hello."
            )
            assert raw.parse().input_tokens
            assert used(gateway) == {"rpm": 1, "tpm": 0}


async def test_an_answer_that_is_fetched_again_is_not_paid_for_again(sim: ProviderSim) -> None:
    """It says what it took, as it did the first time."""
    async with limited(sim, rpm=9, tpm=9_000) as gateway, openai_client(gateway) as client:
        with standing():
            stored = await client.responses.create(model="sim/chat", input="Hello.")
            before = used(gateway)
            fetched = await client.responses.retrieve(stored.id)
            assert fetched.usage is not None and fetched.usage.total_tokens == before["tpm"]
            assert used(gateway) == {"rpm": 2, "tpm": before["tpm"]}


async def test_what_names_no_model_costs_a_request_and_no_tokens(sim: ProviderSim) -> None:
    async with limited(sim, rpm=2, tpm=10) as gateway, openai_client(gateway) as client:
        with standing():
            stored = await client.files.create(file=b"{}", purpose="batch")
            raw = await client.files.with_raw_response.retrieve(stored.id)
            assert told(raw.headers)["remaining-tokens"] == "10"
            with pytest.raises(openai.RateLimitError):
                await client.files.delete(stored.id)
            assert used(gateway) == {"rpm": 2, "tpm": 0}


MAGIC = (
    "[[sim:input=11 output=5]]",
    "[[sim:no_usage]]",
    "[[sim:status=500]]",
    "[[sim:status=400]]",
    "[[sim:frames=40 cut=900]]",
    "[[sim:hang=-1]]",
    "[[sim:hang=600 frames=400]]",
)


async def test_after_quiet_exactly_what_was_used_is_charged(sim: ProviderSim) -> None:
    """However exchanges end. All at one instant, so nothing leaves the window meanwhile."""
    chance = random.Random(7)
    limits = {"rpm": 150, "tpm": 30_000, "itpm": 30_000, "otpm": 30_000, "rpd": 1_000, "concurrency": 12}

    async def one() -> None:
        async with Line(gateway) as line:
            line.send(request(chat(chance.choice(MAGIC), stream=chance.random() < 0.5)))
            answer = asyncio.ensure_future(line.rest())
            patience = chance.randrange(60) if chance.random() < 0.4 else 1_000
            while not answer.done() and patience:
                patience -= 1
                await asyncio.sleep(0)
            line.writer.transport.abort()  # mid-way, or from something that only time would end
            await answer

    async with limited(sim, **limits) as gateway:
        with standing():
            for _ in range(12):
                await asyncio.gather(*(one() for _ in range(20)))
            await settled(gateway)
            charged = used(gateway)
        last, count = await post(gateway, chat(), key=OTHER_KEY), 1
        while (log := await gateway.log_lines(count))[-1]["request_id"] != last.headers["x-request-id"]:
            count = len(log) + 1
        entries = [entry for entry in log if entry["tenant"] == "a"]
        went = [entry for entry in entries if entry["attempts"]]
        refused = [entry for entry in entries if entry["code"] == "rate_limit_exceeded"]
        assert went and refused and {entry["outcome"] for entry in went} == {"ok", "error", "client_closed"}
        inputs, outputs = (sum(entry[name] for entry in went) for name in ("input_tokens", "output_tokens"))
        assert inputs and outputs
        assert charged == {
            "rpm": len(went),
            "rpd": len(went),
            "itpm": inputs,
            "otpm": outputs,
            "tpm": inputs + outputs,
            "concurrency": 0,
        }

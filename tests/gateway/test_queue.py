"""Who waits in line, as operators and the waiting see it: the listing, cancelling, comments and headers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import openai
import pytest

from tests.clock import passes, standing, until
from tests.gateway.test_admin_and_log import admin, scrape
from tests.gateway.wire import Line, Reply, arrived, chat, parsed, post, request, settled
from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

QUEUE = "/admin/v1/queue"
#: Keeps the one place at the provider taken for a minute.
HOLD_S = 60
HOLD = f"[[sim:delay_ms={HOLD_S * 1000}]]"


@asynccontextmanager
async def taken(sim: ProviderSim, **changes: Any) -> AsyncIterator[RunningGateway]:
    """A gateway with one place, which is taken for `HOLD_S` from now on, while time stands still."""
    pools = [{"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"concurrency": 1}}]
    async with RunningGateway(configuration(sim.openai_url, pools=pools, **changes)) as gateway:
        with standing():
            holder = asyncio.create_task(post(gateway, chat(HOLD), key=OTHER_KEY))
            await arrived(sim, 1)
            yield gateway
            await passes(HOLD_S)
            assert (await holder).status == 200
        await settled(gateway)


async def in_line(gateway: RunningGateway, count: int) -> list[dict[str, Any]]:
    """The rows once that many wait."""
    rows: list[dict[str, Any]] = []
    for _ in range(1000):
        rows = (await listing(gateway))["data"]
        if len(rows) == count:
            return rows
    raise AssertionError(f"{len(rows)} wait, not {count}")


async def listing(gateway: RunningGateway, query: str = "") -> dict[str, Any]:
    reply = await admin(gateway, QUEUE + query)
    assert reply.status == 200
    found: dict[str, Any] = json.loads(reply.body)
    return found


def ask(
    gateway: RunningGateway, key: str = TENANT_KEY, headers: str = "", **more: Any
) -> asyncio.Task[Reply]:
    """A request that will wait."""
    return asyncio.create_task(post(gateway, chat(**more), key=key, headers=headers))


SCHEDULED = "x-gateway-priority: scheduled\r\n"


async def test_the_listing_says_who_waits_and_where_each_stands(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        asked = [ask(gateway)]
        await in_line(gateway, 1)
        asked.append(ask(gateway, OTHER_KEY, SCHEDULED + "x-gateway-deadline-ms: 500000\r\n"))
        await in_line(gateway, 2)
        await passes(2)
        found = await listing(gateway)
        first, second = found["data"]
        assert (first["tenant"], first["key"], first["priority"]) == ("a", "web", "conversation")
        assert (first["model"], first["accounts"], first["position"]) == ("smart", ["one"], 0)
        assert (first["waited_ms"], first["expires_in_ms"], first["deadline"]) == (2000, 18_000, None)
        assert (second["tenant"], second["priority"], second["position"]) == ("b", "scheduled", 1)
        assert (second["waited_ms"], second["expires_in_ms"]) == (2000, 498_000)
        assert second["deadline"].endswith("+00:00")
        assert 0 < first["expected_wait_ms"] < second["expected_wait_ms"]
        assert (found["depth"], found["next"]) == (2, None)
        assert found["bytes"] == sum(one["bytes"] for one in found["classes"]) > 0
        depths = {one["priority"]: one["depth"] for one in found["classes"]}
        assert depths == {
            "supervised": 0, "conversation": 1, "scheduled": 1, "consolidation": 0, "evaluation": 0
        }  # fmt: skip
        assert [(one["tenant"], one["depth"]) for one in found["tenants"]] == [("a", 1), ("b", 1)]
        [line] = found["lines"]
        assert (line["accounts"], line["depth"]) == (["one"], 2)
        waits = {one["priority"]: one["expected_wait_ms"] for one in line["classes"]}
        assert waits == {row["priority"]: row["expected_wait_ms"] for row in (first, second)}
        assert json.loads((await admin(gateway, f"{QUEUE}/{first['request_id']}")).body) == first
        depth = (await scrape(gateway)).value("gateway_queue_depth", priority="scheduled")
        assert depth == 1
        await passes(HOLD_S)
        assert [(await task).status for task in asked] == [503, 200]


async def test_pages_go_on_where_the_last_one_ended(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        asked = [ask(gateway, OTHER_KEY, SCHEDULED) for _ in range(5)]
        ids = [row["request_id"] for row in await in_line(gateway, 5)]
        assert ids == sorted(ids)
        first = await listing(gateway, "?limit=2")
        assert ([row["request_id"] for row in first["data"]], first["next"]) == (ids[:2], ids[1])
        assert first["depth"] == 5
        assert (await admin(gateway, f"{QUEUE}/{ids[1]}", method="DELETE")).status == 204
        await until(lambda: sum(task.done() for task in asked) == 1)
        second = await listing(gateway, f"?limit=2&after={ids[1]}")
        assert ([row["request_id"] for row in second["data"]], second["next"]) == (ids[2:4], ids[3])
        last = await listing(gateway, f"?limit=2&after={ids[3]}")
        assert ([row["request_id"] for row in last["data"]], last["next"]) == (ids[4:], None)
        await passes(HOLD_S)
        await asyncio.gather(*asked)


async def test_positions_follow_who_goes_first(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        asked = [ask(gateway, OTHER_KEY, SCHEDULED)]
        await in_line(gateway, 1)
        asked += [ask(gateway, OTHER_KEY, SCHEDULED), ask(gateway, OTHER_KEY)]
        rows = await in_line(gateway, 3)
        assert {row["priority"]: row["position"] for row in rows[1:]} == {"conversation": 0, "scheduled": 2}
        assert rows[0]["position"] == 1
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert await in_line(gateway, 0) == []


async def test_a_request_that_is_cancelled_ends_at_once_and_only_once(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        task = ask(gateway)
        [row] = await in_line(gateway, 1)
        await passes(3)
        path = f"{QUEUE}/{row['request_id']}"
        done = await admin(gateway, path, method="DELETE")
        assert (done.status, done.body) == (204, b"")
        reply = await task
        assert (reply.status, reply.error()["code"]) == (503, "cancelled")
        assert reply.headers["x-should-retry"] == "false"
        assert reply.headers["x-gateway-queue-ms"] == "3000"
        assert reply.headers["x-request-id"] == row["request_id"]
        for method in ("DELETE", "GET"):
            again = await admin(gateway, path, method=method)
            assert (again.status, json.loads(again.body)["status"]) == (404, 404)
            assert again.headers["content-type"] == "application/problem+json"
        seen = await scrape(gateway)
        assert seen.value("gateway_shed_total", priority="conversation", reason="cancelled") == 1
        assert seen.value("gateway_queue_depth") == 0
        assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=201", "?limit=x", "?limit=-1", "?limit=%D9%A3", f"?after={'a' * 257}"]
)
async def test_what_is_no_page_is_refused(gateway: RunningGateway, query: str) -> None:
    reply = await admin(gateway, QUEUE + query)
    assert (reply.status, reply.headers["content-type"]) == (400, "application/problem+json")


async def test_an_empty_line_is_a_list_too(gateway: RunningGateway) -> None:
    found = await listing(gateway)
    assert (found["depth"], found["bytes"], found["data"], found["next"]) == (0, 0, [], None)
    assert (found["tenants"], found["lines"]) == ([], [])
    assert (await admin(gateway, QUEUE, method="DELETE")).status == 405
    assert (await admin(gateway, QUEUE, key=TENANT_KEY)).status == 401


async def test_a_stream_that_waits_is_told_its_place_until_its_turn_comes(sim: ProviderSim) -> None:
    async with taken(sim, bounds={"commit_after_s": 10, "keep_alive_s": 16}) as gateway:
        ahead = ask(gateway, headers=SCHEDULED)
        await in_line(gateway, 1)
        async with Line(gateway) as line:
            body = chat("[[sim:delay_ms=17000]]", stream=True)
            line.send(request(body, headers=SCHEDULED))
            _, row = await in_line(gateway, 2)
            assert row["position"] == 1
            await passes(9.5)
            beginning = asyncio.create_task(line.until(b"\n\n", 1))
            await passes(0)
            assert not beginning.done(), "the status line is held back"
            await passes(1)
            received = await beginning
            for _ in range(3):
                await passes(3)
                received += await line.until(b"\n\n")
            await passes(HOLD_S - 19.5)  # both go, one after the other
            await arrived(sim, 3)
            for _ in range(6):
                await passes(3)
            reply = parsed(received + await line.rest())
        comments = reply.body[: reply.body.index(b"data: ")].split(b"\n\n")[:-1]
        queued = [one for one in comments if one.startswith(b": queued ")]
        assert comments[: len(queued)] == queued, "afterwards keep-alives as ever"
        assert set(comments[len(queued) :]) == {b": keep-alive"}
        told = re.fullmatch(rb": queued pos=1 eta=([0-9.]+)s", queued[0])
        # More than at first: the place was somebody's of another class all the while.
        assert told is not None and float(told[1]) >= round(row["expected_wait_ms"] / 1000, 1)
        assert len(queued) >= 4
        assert (reply.status, reply.data()[-1], reply.whole) == (200, b"[DONE]", True)
        assert (await ahead).status == 200


async def test_the_sdk_does_not_see_the_comments(sim: ProviderSim) -> None:
    async with (
        taken(sim, bounds={"commit_after_s": 1}) as gateway,
        openai_client(gateway) as client,
    ):

        async def stream() -> str:
            messages: Any = [{"role": "user", "content": "Say hello to the lighthouse."}]
            chunks = await client.chat.completions.create(
                model="smart",
                messages=messages,
                stream=True,
                extra_headers={"x-gateway-priority": "scheduled"},
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

        task = asyncio.create_task(stream())
        await in_line(gateway, 1)
        for _ in range(20):
            await passes(3)
        assert "lighthouse" in await task


async def test_the_sdk_is_told_that_an_operator_cancelled(sim: ProviderSim) -> None:
    async with (
        taken(sim, bounds={"commit_after_s": 1}) as gateway,
        openai_client(gateway, max_retries=2) as client,
    ):
        messages: Any = [{"role": "user", "content": "Hello"}]
        task = asyncio.create_task(client.chat.completions.create(model="smart", messages=messages))
        [row] = await in_line(gateway, 1)
        assert (await admin(gateway, f"{QUEUE}/{row['request_id']}", method="DELETE")).status == 204
        with pytest.raises(openai.InternalServerError) as caught:
            await task
        assert (caught.value.code, caught.value.status_code) == ("cancelled", 503)
        assert len(await gateway.log_lines(1)) == 1, "it does not come again by itself"


def timing(reply: Reply) -> dict[str, float]:
    """What `server-timing` says, in milliseconds."""
    parts = [part.split(";dur=") for part in reply.headers["server-timing"].split(", ")]
    return {name: float(value) for name, value in parts}


async def test_what_was_waited_is_told_apart_from_what_the_provider_took(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        task = ask(gateway, headers=SCHEDULED, text="[[sim:delay_ms=5000]]")
        await in_line(gateway, 1)
        await passes(HOLD_S)
        await arrived(sim, 2)
        await passes(5)
        reply = await task
        assert (reply.status, reply.headers["x-gateway-queue-ms"]) == (200, f"{HOLD_S * 1000}")
        assert timing(reply) == {"queue": HOLD_S * 1000, "upstream": 5000, "gateway": 0}
        [_, logged] = await gateway.log_lines(2)
        assert (logged["queue_ms"], logged["upstream_ms"]) == (HOLD_S * 1000, 5000)
        seen = await scrape(gateway)
        assert seen.value("gateway_queue_wait_seconds_sum", priority="scheduled") == HOLD_S


async def test_waiting_after_a_refusal_is_waiting_too(sim: ProviderSim) -> None:
    """It goes, is sent away by the provider, waits until it may come back, and is served."""
    pools = [{"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"rpm": 100}}]
    async with RunningGateway(configuration(sim.openai_url, pools=pools)) as gateway:
        with standing():
            sim.fault(status=429, retry_after=4, count=1)
            task = ask(gateway)
            await in_line(gateway, 1)
            while not task.done():
                await passes(0.5)
            reply = await task
        assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "2")
        queued = timing(reply)["queue"]
        assert queued >= 1000
        assert (timing(reply)["upstream"], timing(reply)["gateway"]) == (0, 0)
        assert int(reply.headers["x-gateway-queue-ms"]) == int(queued)


async def test_a_volley_of_refusals_is_waited_out_within_the_budget_of_attempts(sim: ProviderSim) -> None:
    pools = [{"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"rpm": 100}}]
    async with RunningGateway(configuration(sim.openai_url, pools=pools)) as gateway:
        with standing():
            sim.fault(status=429, retry_after=2, count=6, delay_ms=1000)
            volley = [ask(gateway, OTHER_KEY, SCHEDULED) for _ in range(6)]
            await arrived(sim, 6)
            await passes(1)
            await in_line(gateway, 6)
            await passes(3)
            later = ask(gateway, OTHER_KEY, SCHEDULED)
            assert (await later).status == 200  # the others wait for their budget and are in nobody's way
            line, ends = gateway.app._dispatcher.line, list[int]()
            for second in range(400):
                await passes(1)
                await until(lambda: len(line) + sum(task.done() for task in volley) == 6)
                ends += [second] * (sum(task.done() for task in volley) - len(ends))
            replies = await asyncio.gather(*volley)
        assert [reply.status for reply in replies] == [200] * 6
        assert {reply.headers["x-gateway-attempts"] for reply in replies} == {"2"}
        assert all(55 <= after - before <= 70 for before, after in pairwise(ends)), ends


async def test_who_came_back_and_has_nothing_to_hope_for_is_told_at_once(sim: ProviderSim) -> None:
    pools = [{"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"rpm": 100}}]
    async with RunningGateway(configuration(sim.openai_url, pools=pools)) as gateway:
        with standing():
            sim.fault(status=429, retry_after=600, count=1)
            reply = await ask(gateway)
        assert (reply.status, reply.error()["code"]) == (429, "rate_limit_exceeded")
        assert int(reply.headers["retry-after"]) == 60


async def test_who_waited_in_vain_is_told_how_long(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        impatient = ask(gateway, headers="x-gateway-deadline-ms: 7000\r\n")
        patient = ask(gateway)
        await in_line(gateway, 2)
        await passes(7)
        reply = await impatient
        assert (reply.status, reply.error()["code"]) == (504, "deadline_exceeded")
        assert reply.headers["x-gateway-queue-ms"] == "7000"
        await passes(13)
        reply = await patient
        assert (reply.status, reply.error()["code"]) == (503, "queue_timeout")
        assert reply.headers["x-gateway-queue-ms"] == "20000"
        assert "x-gateway-attempts" not in reply.headers


async def test_who_was_not_let_in_waited_for_nothing(sim: ProviderSim) -> None:
    async with taken(sim, queue={"depth_max": 2}) as gateway:
        waiting = ask(gateway, OTHER_KEY, SCHEDULED)
        await in_line(gateway, 1)
        late = await post(gateway, chat(), key=OTHER_KEY, headers=SCHEDULED)
        assert (late.status, late.error()["code"]) == (503, "queue_full")
        assert late.headers["x-gateway-queue-ms"] == "0"
        bad = await post(gateway, b"{")
        assert (bad.status, "x-gateway-queue-ms" in bad.headers) == (400, False)
        await passes(HOLD_S)
        assert (await waiting).status == 200


async def test_a_pool_shows_what_is_used_and_free(sim: ProviderSim) -> None:
    async with taken(sim) as gateway:
        [row] = json.loads((await admin(gateway, "/admin/v1/pools")).body)["data"]
        pool = row["live"]
        assert pool["in_flight"] == 1
        [account] = pool["limits"]
        assert account["dimensions"] == [
            {"dimension": "concurrency", "used": 1, "limit": 1, "configured": 1, "free": 0, "blocked_s": 0.0}
        ]


async def test_tenants_take_turns_at_a_key_that_has_only_places(sim: ProviderSim) -> None:
    """It has no rates, so that no charge says what a tenant took."""
    async with taken(sim) as gateway:
        asked = []
        for count, key in enumerate((*[TENANT_KEY] * 4, *[OTHER_KEY] * 4)):
            asked.append(ask(gateway, key, SCHEDULED))
            await in_line(gateway, count + 1)
        await passes(HOLD_S)
        await asyncio.gather(*asked)
        served = [line["tenant"] for line in (await gateway.log_lines(9))[1:]]
        assert set(served[:3]) == set(served[3:6]) == {"a", "b"}, served

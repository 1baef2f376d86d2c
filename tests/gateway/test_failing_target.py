"""A route's first target is dead and the second at its ceiling: callers wait for that, and meet no failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.clock import passes, standing, until
from tests.gateway.test_queue import SCHEDULED, ask
from tests.gateway.wire import Reply, chat, post, settled
from tests.running import OTHER_KEY, RunningGateway, configuration

#: Requests a minute that the second target has room for, and how many come, one a second.
ROOM, COME = 30, 40
LINE_CODES = {"queue_timeout", "deadline_unreachable"}


class First(ProviderSim):
    """The first target, that may be dead: it answers 500 to everything, or refuses connections."""

    async def die(self, how: str) -> None:
        if how == "refuses":
            await self.__aexit__(None, None, None)
        else:
            self.fault(status=500)

    async def recover(self, how: str) -> None:
        if how == "refuses":
            await self.__aenter__()
        else:
            self.clear_faults()


def config_of(first: ProviderSim, second: ProviderSim, **changes: Any) -> dict[str, Any]:
    """`smart` has both as targets, each with one key."""
    config = configuration(first.openai_url)
    config["providers"].append(
        {"id": "second", "dialect": "openai", "base_url": second.openai_url, "flavour": "sim"}
    )
    config["pools"] = [
        {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY"},
        {"id": "two", "provider": "second", "secret": "env:PROVIDER_KEY_2", "limits": {"rpm": ROOM}},
    ]
    config["models"] = [{"id": "smart", "targets": ["sim/chat", "second/chat"]}]
    return config | changes


class Callers:
    """One a second, while time stands still but for what the test lets pass."""

    def __init__(self, gateway: RunningGateway, headers: str) -> None:
        self._gateway, self._headers = gateway, headers
        self.asked: list[asyncio.Task[Reply]] = []

    @property
    def replies(self) -> list[Reply]:
        return [task.result() for task in self.asked if task.done()]

    async def come(self, count: int) -> None:
        for _ in range(count):
            self.asked.append(ask(self._gateway, OTHER_KEY, self._headers))
            await self.wait(1)

    async def burst(self, count: int) -> None:
        """All at once: nothing is known of the first target before they have gone there."""
        self.asked += [ask(self._gateway, OTHER_KEY, self._headers) for _ in range(count)]
        await self.wait(1)

    async def wait(self, seconds: int) -> None:
        line = self._gateway.app._dispatcher.line
        for _ in range(seconds):
            await until(lambda: len(line) + len(self.replies) == len(self.asked))
            await passes(1)


@asynccontextmanager
async def dead(how: str, headers: str, **changes: Any) -> AsyncIterator[tuple[First, Callers]]:
    """The first target is, from the beginning."""
    async with (
        First() as first,
        ProviderSim() as second,
        RunningGateway(config_of(first, second, **changes)) as gateway,
    ):
        await first.die(how)
        with standing():
            yield first, Callers(gateway, headers)
        await settled(gateway)


@pytest.mark.parametrize("how", ["refuses", "500"])
async def test_who_can_wait_is_served_by_the_second_as_room_comes_back(how: str) -> None:
    async with dead(how, SCHEDULED) as (first, callers):
        await callers.come(COME)
        assert len(callers.replies) < COME, "the second target is at its ceiling"
        await callers.wait(120)
        assert [reply.status for reply in callers.replies] == [200] * COME
        assert {reply.headers["x-gateway-key"] for reply in callers.replies} == {"two"}
        await first.recover(how)


@pytest.mark.parametrize("how", ["refuses", "500"])
async def test_who_cannot_is_told_when_to_come_back_and_nothing_of_the_failures(how: str) -> None:
    async with dead(how, "") as (first, callers):
        await callers.come(2 * COME)
        await callers.wait(30)
        refused = [reply for reply in callers.replies if reply.status != 200]
        assert refused and len(callers.replies) - len(refused) >= ROOM
        assert {(reply.status, reply.error()["code"]) for reply in refused} <= {
            (503, one) for one in LINE_CODES
        }
        assert all(float(reply.headers["retry-after"]) > 0 for reply in refused)
        await first.recover(how)


@pytest.mark.parametrize("how", ["refuses", "500"])
async def test_of_a_burst_that_all_failed_each_is_served_or_told_to_come_again(how: str) -> None:
    async with dead(how, "") as (first, callers):
        await callers.burst(COME)
        await callers.wait(30)
        await first.recover(how)
        refused = [reply for reply in callers.replies if reply.status != 200]
        assert {(reply.status, "retry-after" in reply.headers) for reply in refused} == {(503, True)}
        codes = {reply.error()["code"] for reply in refused}
        assert codes == ({"queue_timeout"} if how == "refuses" else {"overloaded"}), (
            "the first costs no budget"
        )
        assert COME - len(refused) >= COME // 5


@pytest.mark.parametrize("how", ["refuses", "500"])
async def test_of_a_burst_that_all_failed_those_who_can_wait_are_served(how: str) -> None:
    async with dead(how, SCHEDULED) as (first, callers):
        await callers.burst(COME)
        await callers.come(6 * COME)  # of whom each pays for a fifth of a further attempt
        await first.recover(how)
        await callers.wait(300)
        assert [reply.status for reply in callers.replies] == [200] * 7 * COME


@pytest.mark.parametrize("how", ["refuses", "500"])
@pytest.mark.parametrize("dead_s", [5, 47])
async def test_it_is_in_use_again_within_half_a_minute(how: str, dead_s: int) -> None:
    async with dead(how, SCHEDULED) as (first, callers):
        await callers.come(dead_s)
        await first.recover(how)
        await callers.come(30)
        assert "one" in {reply.headers["x-gateway-key"] for reply in callers.replies}
        await callers.wait(60)
        assert [reply.status for reply in callers.replies] == [200] * (dead_s + 30)
        served = [reply.headers["x-gateway-key"] for reply in callers.replies]
        assert served.count("one") >= 10, "and not for a probe alone"


async def test_what_the_second_has_no_room_for_overflows_by_the_same_rules_as_ever() -> None:
    async with ProviderSim() as local:
        near = {
            "id": "near",
            "dialect": "openai",
            "base_url": local.openai_url,
            "flavour": "vllm",
            "local": True,
        }
        async with First() as first, ProviderSim() as second:
            config = config_of(first, second, queue={"overflow_depth": 2})
            config["providers"].append(near)
            config["pools"].append(
                {
                    "id": "near",
                    "provider": "near",
                    "secret": "env:PROVIDER_KEY_2",
                    "limits": {"concurrency": 4},
                }
            )
            config["models"][0] |= {"overflow": "near/small", "hint": "fast"}
            async with RunningGateway(config) as gateway:
                await first.die("500")
                with standing():
                    callers = Callers(gateway, "")
                    await callers.come(2 * COME)
                    await callers.wait(10)
                assert [reply.status for reply in callers.replies] == [200] * (2 * COME)
                served = {reply.headers["x-gateway-key"] for reply in callers.replies}
                assert served == {"two", "near"}
                await settled(gateway)


async def test_a_dead_key_without_another_way_is_left_to_the_local_model() -> None:
    """What is left out for its health is asked for who has nothing else; a local model is something else."""
    async with ProviderSim() as local, First() as first:
        config = configuration(first.openai_url)
        config["providers"].append(
            {
                "id": "near",
                "dialect": "openai",
                "base_url": local.openai_url,
                "flavour": "vllm",
                "local": True,
            }
        )
        config["pools"] = [
            {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY"},
            {"id": "near", "provider": "near", "secret": "env:PROVIDER_KEY_2"},
        ]
        config["models"] = [
            {"id": "smart", "targets": ["sim/chat"], "overflow": "near/small", "hint": "fast"},
            {"id": "best", "targets": ["sim/chat"]},
        ]
        async with RunningGateway(config) as gateway:
            await first.die("500")
            with standing():
                for _ in range(5):
                    assert (await post(gateway, chat(model="best"), key=OTHER_KEY)).status == 502
                sent = len(first.requests())
                replies = [await post(gateway, chat(f"{number}"), key=OTHER_KEY) for number in range(20)]
                assert {(reply.status, reply.headers["x-gateway-attempts"]) for reply in replies} == {
                    (200, "1")
                }
                assert (await post(gateway, chat(model="best"), key=OTHER_KEY)).status == 502
                assert len(first.requests()) == sent + 1, "who has no other way goes there all the same"
                await first.recover("500")
                assert (await post(gateway, chat(model="best"), key=OTHER_KEY)).status == 200
                reply = await post(gateway, chat(), key=OTHER_KEY)
                assert (reply.headers["x-gateway-key"], reply.status) == ("one", 200)
            await settled(gateway)

"""The cache at work: one fetch for all, old values while there is no new one, and only what is missing is out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from keys.secret import Secret
from keys.secrets.cache import Outcome, SecretCache, SecretUnavailableError
from keys.secrets.freshness import CachePolicy, Use
from keys.secrets.reference import Reference, parse
from keys.secrets.source import Fault, Fetched, FetchError
from tests.clock import passes, standing, turns

A, B, C = (parse(f"vault:kv/llm#{name}") for name in "abc")
POLICY = CachePolicy(ttl_s=60, stale_max_s=600, overlap_s=5, jitter=0, fetches_max=2, fetch_s=50)


class Shelf:
    """A place whose answers the test lets through, or takes away."""

    def __init__(self) -> None:
        self.values = {A: "sk-a", B: "sk-b", C: "sk-c"}
        self.broken: dict[Reference, Exception] = {}
        self.asked: Counter[Reference] = Counter()
        self.at_once = self.at_once_most = 0
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, reference: Reference) -> Fetched:
        self.asked[reference] += 1
        self.at_once += 1
        self.at_once_most = max(self.at_once, self.at_once_most)
        found = self.values.get(reference)  # as it was when the question arrived
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if reference in self.broken:
            raise self.broken[reference]
        if found is None:
            raise FetchError(Fault.MISSING, "nothing there")
        return Fetched(Secret(found), f"version of {found}")


class World:
    """A cache over a shelf, and what it told about itself."""

    def __init__(self, policy: CachePolicy = POLICY) -> None:
        self.shelf = Shelf()
        self.outcomes: list[tuple[Reference, Outcome]] = []
        self.changes: list[Reference] = []
        self.cache = SecretCache(
            {"vault": self.shelf}, policy, asyncio.get_running_loop().time, chance=lambda: 0.0,
            on_fetch=lambda *told: self.outcomes.append(told), on_change=self.changes.append,
        )  # fmt: skip

    async def get(self, reference: Reference = A) -> str:
        return (await self.cache.get(reference)).reveal()

    def values(self, reference: Reference = A) -> list[str]:
        return [secret.reveal() for secret in self.cache.values(reference)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with standing():
        world = World()
        yield world
        await world.cache.close()


async def test_fetched_once_and_then_remembered(world: World) -> None:
    assert await world.get() == "sk-a"
    for _ in range(10):
        await passes(5)
        assert await world.get() == "sk-a" and world.values() == ["sk-a"]
    assert world.shelf.asked == {A: 1}
    assert world.outcomes == [(A, Outcome.CHANGED)] and world.changes == [A]


async def test_one_fetch_serves_all_who_wait(world: World) -> None:
    world.shelf.open.clear()
    waiting = [asyncio.ensure_future(world.get()) for _ in range(500)]
    await turns()
    waiting[0].cancel()  # who leaves takes nothing from the others
    world.shelf.open.set()
    answers = await asyncio.gather(*waiting[1:])
    assert set(answers) == {"sk-a"}
    assert world.shelf.asked == {A: 1}


async def test_what_is_due_is_used_while_it_is_asked_for_again(world: World) -> None:
    await world.get()
    world.shelf.values[A] = "sk-new"
    world.shelf.open.clear()
    await passes(61)
    assert world.values() == ["sk-a"] and await world.get() == "sk-a"  # nobody waits
    await turns()
    assert world.shelf.asked == {A: 2}
    world.shelf.open.set()
    await turns()
    assert world.values() == ["sk-new", "sk-a"]
    await passes(5)
    assert world.values() == ["sk-new"]
    assert world.changes == [A, A]


async def test_a_change_is_noticed_though_nobody_asks(world: World) -> None:
    await world.cache.warm([A, B], 10)
    world.cache.start()
    world.shelf.values[A] = "sk-new"
    for _ in range(14):
        await passes(5)
    assert world.changes == [A, B, A]
    assert world.outcomes[2:] == [(A, Outcome.CHANGED), (B, Outcome.UNCHANGED)]
    world.shelf.broken[A] = FetchError(Fault.AWAY, "is away")
    for _ in range(20):
        await passes(5)
    assert world.outcomes[-1] == (A, Outcome.AWAY)
    del world.shelf.broken[A]
    for _ in range(7):
        await passes(5)
    assert world.outcomes[-1][1] is Outcome.UNCHANGED  # it came back by itself


async def test_a_place_that_is_away_leaves_what_is_remembered_up_to_stale_max(world: World) -> None:
    await world.cache.warm([A, B], 10)
    world.shelf.broken[A] = FetchError(Fault.AWAY, "is sealed")
    for _ in range(60):
        assert world.values() == ["sk-a"] and await world.get() == "sk-a"
        assert world.values(B) == ["sk-b"]
        await passes(10)
    assert world.cache.state()[0].use is Use.STALE
    await passes(1)
    for _ in range(3):
        with pytest.raises(SecretUnavailableError, match="vault:kv/llm#a: is sealed") as caught:
            world.values()
        assert caught.value.reference == A and caught.value.fault is Fault.AWAY
        with pytest.raises(SecretUnavailableError):
            await world.get()
        assert world.values(B) == ["sk-b"]  # only that one is out
    del world.shelf.broken[A]
    await passes(31)
    assert await world.get() == "sk-a"


async def test_what_nobody_looked_at_for_too_long_is_waited_for(world: World) -> None:
    await world.get()
    world.shelf.values[A] = "sk-new"
    await passes(601)  # as on a machine that slept
    with pytest.raises(SecretUnavailableError):
        world.values()
    assert await world.get() == "sk-new"


async def test_a_place_that_is_away_is_not_asked_all_the_time(world: World) -> None:
    world.shelf.broken[A] = FetchError(Fault.AWAY, "is away")
    for _ in range(3600):
        with pytest.raises(SecretUnavailableError):
            await world.get()
        await passes(1)
    assert 100 < world.shelf.asked[A] < 140  # every 30 s, after the first


async def test_whatever_a_source_fails_with_is_a_failure_of_it_alone(world: World) -> None:
    await world.cache.warm([A, B, C], 10)
    world.shelf.broken = {A: RuntimeError("sk-canary"), B: FetchError(Fault.DENIED, "not for us")}
    await passes(61)
    assert [world.values(one) for one in (A, B, C)] == [["sk-a"], ["sk-b"], ["sk-c"]]
    await turns()
    assert [state.error for state in world.cache.state()] == ["failed with RuntimeError", "not for us", None]
    assert world.outcomes[3:] == [(A, Outcome.AWAY), (B, Outcome.DENIED), (C, Outcome.UNCHANGED)]


async def test_a_source_that_never_answers_is_given_up(world: World) -> None:
    world.shelf.open.clear()
    getting = asyncio.ensure_future(world.get())
    await passes(51)
    with pytest.raises(SecretUnavailableError, match="did not answer in time"):
        await getting
    assert world.shelf.at_once == 0


async def test_a_refusal_by_the_provider_brings_the_new_value_at_once(world: World) -> None:
    refused = await world.cache.get(A)
    world.shelf.values[A] = "sk-new"
    rotating = asyncio.gather(*(world.cache.refresh_now(A, refused) for _ in range(500)))
    await passes(1)
    for rotation in await rotating:
        assert rotation.current.secret.reveal() == "sk-new"
        assert rotation.previous is not None and rotation.previous.secret.reveal() == "sk-a"
    assert world.shelf.asked == {A: 2}
    assert world.values() == ["sk-new", "sk-a"]
    # A refusal of the old value that arrives later needs no further look.
    assert (await world.cache.refresh_now(A, refused)).current.secret.reveal() == "sk-new"
    assert world.shelf.asked == {A: 2}


async def test_a_look_that_began_before_the_refusal_does_not_answer_it(world: World) -> None:
    refused = await world.cache.get(A)
    await passes(61)
    world.shelf.open.clear()
    world.values()
    await turns()  # the question has arrived, and its answer is the old value
    world.shelf.values[A] = "sk-new"
    rotating = asyncio.ensure_future(world.cache.refresh_now(A, refused))
    await turns()
    world.shelf.open.set()
    await passes(1)
    assert (await rotating).current.secret.reveal() == "sk-new"
    assert world.shelf.asked == {A: 3}


async def test_a_refused_value_that_is_still_the_one_comes_back_as_it_is(world: World) -> None:
    refused = await world.cache.get(A)
    for times in range(2, 6):
        rotating = asyncio.ensure_future(world.cache.refresh_now(A, refused))
        await passes(1)
        rotation = await rotating
        assert rotation.current.secret == refused and rotation.previous is None
        assert world.shelf.asked == {A: times}
    world.shelf.broken[A] = FetchError(Fault.AWAY, "is away")
    rotating = asyncio.ensure_future(world.cache.refresh_now(A, refused))
    await passes(1)
    assert (await rotating).current.secret == refused


async def test_many_refusals_in_a_row_do_not_storm_the_place(world: World) -> None:
    refused = await world.cache.get(A)
    for _ in range(100):
        looking = [asyncio.ensure_future(world.cache.refresh_now(A, refused)) for _ in range(10)]
        await passes(0.01)
        for one in looking:
            one.cancel()
    assert world.shelf.asked[A] <= 1 + 1 / POLICY.refetch_s + 1


async def test_warming_is_bounded_in_width_and_time_and_says_what_is_missing(world: World) -> None:
    many = [parse(f"vault:kv/llm#key{number}") for number in range(50)]
    world.shelf.values |= dict.fromkeys(many, "sk")
    del world.shelf.values[many[7]]
    world.shelf.open.clear()
    warming = asyncio.ensure_future(world.cache.warm([*many, A, A], 10))
    await turns(100)
    world.shelf.open.set()
    await turns(1000)
    assert [str(error) for error in await warming] == ["vault:kv/llm#key7: nothing there"]
    assert world.shelf.at_once_most == POLICY.fetches_max
    assert all(world.shelf.asked[one] == 1 for one in many)
    assert await world.cache.warm([*many[:7], A], 10) == []  # nothing left to fetch


async def test_warming_ends_when_its_time_is_over(world: World) -> None:
    world.shelf.open.clear()
    warming = asyncio.ensure_future(world.cache.warm([A, B, C], 10))
    await passes(11)
    errors = await warming
    assert [str(error) for error in errors] == [f"{one}: was not fetched yet" for one in (A, B, C)]
    world.shelf.open.set()
    await turns(100)
    assert [world.values(one) for one in (A, B, C)] == [
        ["sk-a"],
        ["sk-b"],
        ["sk-c"],
    ]  # they came all the same


async def test_it_has_a_bound_and_forgets_what_was_used_least_lately() -> None:
    with standing():
        world = World(CachePolicy(entries_max=2, jitter=0))
        for one in (A, B):
            await world.get(one)
            await passes(1)
        world.values(A)
        await world.get(C)
        assert {state.reference for state in world.cache.state()} == {A, C}
        assert await world.get(B) == "sk-b"
        await world.cache.close()


async def test_what_is_no_longer_configured_is_forgotten(world: World) -> None:
    await world.cache.warm([A, B], 10)
    world.shelf.open.clear()
    getting = asyncio.ensure_future(world.get(C))
    await turns()
    world.cache.retain([A])
    assert [state.reference for state in world.cache.state()] == [A]
    world.shelf.open.set()
    with pytest.raises(SecretUnavailableError):  # and nobody who waited for it hangs
        await getting


async def test_its_state_can_be_read(world: World) -> None:
    refused = await world.cache.get(A)
    world.shelf.values[A] = "sk-new"
    rotating = asyncio.ensure_future(world.cache.refresh_now(A, refused))
    await passes(1)
    await rotating
    await passes(2)
    (state,) = world.cache.state()
    assert (state.reference, state.use, state.failures, state.error) == (A, Use.FRESH, 0, None)
    assert (state.version, state.previous_version) == ("version of sk-new", "version of sk-a")
    assert state.age_s == pytest.approx(2, abs=1)
    world.shelf.broken[A] = FetchError(Fault.AWAY, "is away")
    await passes(61)
    world.values()
    await turns()
    (state,) = world.cache.state()
    assert (state.use, state.failures, state.error, state.previous_version) == (Use.STALE, 1, "is away", None)


async def test_a_scheme_without_a_source_is_out_by_name(world: World) -> None:
    with pytest.raises(SecretUnavailableError, match="env:KEY: no env is configured"):
        await world.cache.get(parse("env:KEY"))


async def test_closing_leaves_no_task_and_nobody_waiting(world: World) -> None:
    await world.get(B)
    world.cache.start()
    world.shelf.open.clear()
    getting = asyncio.ensure_future(world.get(A))
    await turns()
    await world.cache.close()
    with pytest.raises(SecretUnavailableError):
        await getting
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert world.values(B) == ["sk-b"]

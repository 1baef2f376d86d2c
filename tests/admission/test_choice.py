"""The choice among candidates: filters, order of targets, stickiness, spread."""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.affinity import Affinity
from gateway.admission.candidate import Candidate
from gateway.admission.choice import Choice, Strategy, Wish
from gateway.admission.credential import Credential
from gateway.admission.health import Health
from gateway.admission.retry_budget import RetryBudget
from tests.admission.keys import fail

NOW = 1000.0
URGENT = Wish(0)


@dataclass
class Account:
    name: str
    in_flight: int = 0
    room: float = 1.0
    weight: float = 1.0


def target(names: str, model: str = "m") -> list[Candidate[Account]]:
    """One candidate for each letter."""
    turns = count(1)
    members = [Health(name, model, Credential(), turns, 900.0) for name in names]
    return [Candidate(Account(one.key_id), one) for one in members]


def choice(
    strategy: Strategy = "adaptive", seed: int = 1, retries: RetryBudget | None = None
) -> Choice[Account]:
    return Choice(strategy, Affinity(), random.Random(seed), retries or RetryBudget())


def room(account: Account) -> float:
    return account.room


def chosen(
    targets: list[list[Candidate[Account]]],
    wish: Wish = URGENT,
    tried: tuple[Candidate[Account], ...] = (),
    by: Choice[Account] | None = None,
    now: float = NOW,
) -> str | None:
    found = (by or choice()).choose(targets, wish, tried, room, now)
    return None if found is None else found.key_id


def quota(candidate: Candidate[Account]) -> None:
    candidate.health.failed(candidate.health.started(NOW), "quota", NOW)


def test_the_only_candidate() -> None:
    keys = target("a")
    assert chosen([keys]) == "a"
    assert chosen([keys], tried=(keys[0],)) is None
    assert chosen([keys], Wish(0, pinned="a")) == "a"
    assert chosen([keys], Wish(0, pinned="b")) is None
    assert chosen([keys], Wish(0, deadline=NOW)) is None
    assert chosen([keys], Wish(0, deadline=NOW + 1)) == "a"
    keys[0].account.room = 0.0
    assert chosen([keys]) is None
    keys[0].account.room = 0.1
    quota(keys[0])
    assert chosen([keys]) is None


@pytest.mark.parametrize("strategy", ["adaptive", "round_robin"])
def test_targets_are_taken_in_order(strategy: Strategy) -> None:
    first, second = target("ab"), target("cd", "n")
    by = choice(strategy)
    assert {chosen([first, second], by=by) for _ in range(20)} == {"a", "b"}
    assert chosen([first, second], tried=(first[0],), by=by) == "b"
    first[1].account.room = 0.0
    assert {chosen([first, second], tried=(first[0],), by=by) for _ in range(20)} == {"c", "d"}
    first[1].account.room = 1.0
    quota(first[0])
    quota(first[1])
    assert {chosen([first, second], by=by) for _ in range(20)} == {"c", "d"}
    assert chosen([first, second], Wish(0, pinned="d"), by=by) == "d"


def test_a_target_that_fails_waits_for_its_probe_while_another_is_sound() -> None:
    first, second = target("a"), target("b", "n")
    by, low = choice(), Wish(4)
    fail(first[0].health, 4, NOW)
    assert chosen([first, second], by=by) == "a", "another attempt could make it good"
    fail(first[0].health, 1, NOW)
    assert chosen([first, second], by=by) == "b"
    second[0].account.room = 0.0
    assert chosen([first, second], by=by) is None, "the sound one is waited for"
    assert chosen([first, second], tried=(second[0],), by=by) == "a", "the last resort"
    assert chosen([first], by=by) == "a", "of others, too"
    second[0].account.room = 1.0
    assert chosen([first, second], low, by=by, now=NOW + 2.9) == "b"
    assert chosen([first, second], low, by=by, now=NOW + 3) == "a", "the probe"
    first[0].health.started(NOW + 3)
    assert chosen([first, second], low, by=by, now=NOW + 3) == "b", "one and no more"


@pytest.mark.parametrize("seconds", [1.0, 40.0])
def test_what_failed_last_is_not_tried_while_no_other_attempt_may_be_made(seconds: float) -> None:
    first, second, third = target("ab"), target("c", "n"), target("d", "o")
    retries = RetryBudget()
    by, now = choice(retries=retries), NOW + seconds
    for one in (*first, *second):
        fail(one.health, 1, NOW)
    assert retries.withdraw(NOW)
    assert chosen([first, second, third], by=by, now=now) == "d"
    first[1].health.finished(first[1].health.started(NOW), NOW)
    assert chosen([first, second, third], by=by, now=now) == "b"
    third[0].account.room = first[1].account.room = 0.0
    assert chosen([first, second, third], by=by, now=now) is None
    assert chosen([first[:1], second], by=by, now=now) == "a", "where nothing is better"
    assert chosen([second, first], by=by, now=NOW + 61) == "c", "the minute of that attempt is over"
    second[0].account.in_flight = 1
    assert chosen([second, first], by=by, now=NOW + 61) is None, (
        "the next attempt is for the one that is there"
    )


def test_who_cannot_make_the_deadline_is_last_but_not_left_out() -> None:
    first, second = target("a"), target("b", "n")
    first[0].first_token.observe(0, 9.0, NOW)
    assert chosen([first, second], Wish(0, deadline=NOW + 5)) == "b"
    assert chosen([first, second], Wish(0, deadline=NOW + 10)) == "a"
    second[0].first_token.observe(0, 7.0, NOW)
    assert chosen([first, second], Wish(0, deadline=NOW + 5)) == "a"


def test_round_robin_is_in_turn() -> None:
    keys, by = target("abc"), choice("round_robin")
    names = [chosen([keys], by=by) for _ in range(9)]
    assert names == ["a", "b", "c"] * 3
    keys[1].account.room = 0.0
    assert [chosen([keys], by=by) for _ in range(4)] == ["a", "c", "a", "c"]


def test_round_robin_gives_a_key_as_many_turns_as_its_weight() -> None:
    keys, by = target("abc"), choice("round_robin")
    keys[0].account.weight, keys[2].account.weight = 3.0, 0.5
    names = [chosen([keys], by=by) for _ in range(90)]
    assert [names.count(name) for name in "abc"] == [60, 20, 10]
    keys[1].account.room = 0.0
    for _ in range(70):
        chosen([keys], by=by)
    keys[1].account.room = 1.0  # what it missed is not made up for
    names = [chosen([keys], by=by) for _ in range(18)]
    assert names.count("b") in (4, 5)


def test_a_heavier_key_is_as_full_with_more_under_way() -> None:
    keys, by = target("ab"), choice()
    keys[0].account.weight = 3.0
    for _ in range(400):
        found = by.choose([keys], URGENT, (), room, NOW)
        assert found is not None
        found.account.in_flight += 1
    assert keys[0].account.in_flight in range(297, 303)


def test_idle_keys_are_used_in_equal_measure() -> None:
    keys, by = target("abcd"), choice()
    counts = Counter(chosen([keys], by=by) for _ in range(4000))
    assert all(900 <= one <= 1100 for one in counts.values())


def thrown(keys: list[Candidate[Account]], by: Choice[Account], balls: int, wish: Wish = URGENT) -> list[int]:
    for _ in range(balls):
        found = by.choose([keys], wish, (), room, NOW)
        assert found is not None
        found.account.in_flight += 1
    return [one.account.in_flight for one in keys]


@pytest.mark.parametrize("seed", range(5))
def test_the_better_of_two_keeps_loads_together(seed: int) -> None:
    loads = thrown(target("abcdefghijklmnop"), choice(seed=seed), 1600)
    assert max(loads) - min(loads) <= 6, "at random alone it would be about 40"


def test_free_capacity_and_speed_draw_in_proportion() -> None:
    keys = target("ab")
    keys[0].account.room, keys[1].account.room = 0.9, 0.3
    assert thrown(keys, choice(), 400) == [300, 100]
    keys = target("ab")
    keys[0].first_token.observe(0, 1.0, NOW)
    keys[1].first_token.observe(0, 4.0, NOW)
    assert thrown(keys, choice(), 500) == [400, 100]


def test_a_time_is_not_compared_with_no_time() -> None:
    keys = target("ab")
    keys[0].first_token.observe(0, 30.0, NOW)
    assert thrown(keys, choice(), 100) == [50, 50]


def test_a_key_that_fails_fast_does_not_draw_everything() -> None:
    keys, by = target("ab"), choice()
    for one in keys:
        one.first_token.observe(0, 1.0, NOW)
    fail(keys[0].health, 3, NOW)
    assert [chosen([keys], by=by) for _ in range(20)] == ["b"] * 20
    assert {chosen([keys], by=by, now=NOW + 31) for _ in range(20)} == {"a", "b"}


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=8), st.integers(0, 99), st.booleans())
def test_whoever_has_room_is_found(rooms: list[float], seed: int, sticky: bool) -> None:
    keys = target("abcdefgh"[: len(rooms)])
    for one, free in zip(keys, rooms, strict=True):
        one.account.room = free
    found = choice(seed=seed).choose([keys], Wish(0, prefix=77 if sticky else 0), (), room, NOW)
    assert (found is not None) == any(rooms)
    assert found is None or found.account.room > 0


def test_conversations_stick_while_loads_are_bounded() -> None:
    keys, by, chance = target("abcde"), choice(), random.Random(3)
    homes: dict[int, Counter[str]] = {}
    running: list[Candidate[Account]] = []
    stuck = 0
    for step in range(5000):
        prefix = chance.randrange(1, 200) * 0x9E3779B97F4A7C15 % (1 << 64)
        found = by.choose([keys], Wish(1, prefix=prefix), (), room, NOW + step / 100)
        assert found is not None
        home = homes.setdefault(prefix, Counter())
        stuck += not home or home.most_common(1)[0][0] == found.key_id
        home[found.key_id] += 1
        found.account.in_flight += 1
        running.append(found)
        if len(running) > 50:
            running.pop(chance.randrange(len(running))).account.in_flight -= 1
        assert max(one.account.in_flight for one in keys) <= 1.25 * 51 / 5 + 2
    assert stuck / 5000 >= 0.85


def test_one_hot_prefix_does_not_burn_one_key() -> None:
    loads = thrown(target("abcde"), choice(), 500, Wish(1, prefix=42))
    assert max(loads) <= 1.25 * 500 / 5 + 1


def test_a_favourite_that_fails_is_left() -> None:
    keys, by = target("ab"), choice()
    wish = Wish(1, prefix=42)
    home = by.choose([keys], wish, (), room, NOW)
    assert home is not None
    fail(home.health, 1, NOW)
    assert chosen([keys], wish, by=by) == home.key_id, "a warm cache is worth a failure"
    fail(home.health, 1, NOW)
    assert chosen([keys], wish, by=by) != home.key_id


def test_what_cools_is_gone_to_when_there_is_nothing_better() -> None:
    keys = target("ab")
    fail(keys[0].health, 5, NOW)
    assert keys[0].health.state == "cooling"
    assert chosen([keys[:1]]) == "a", "a tenant may have fewer keys than there are"
    assert chosen([keys[:1]], tried=(keys[0],)) is None
    keys[0].account.room = 0.0
    assert chosen([keys[:1]]) is None
    keys[0].account.room = 1.0
    assert chosen([keys]) == "b"
    assert chosen([keys], tried=(keys[1],)) == "a"
    keys[1].account.room = 0.0
    assert chosen([keys]) is None, "but not because the others are full"
    keys[1].account.room = 1.0
    by = choice()
    assert by.choose([keys], URGENT, (), room, NOW, passed=(keys[1],)) is None, "nor because they were passed"
    quota(keys[1])
    assert chosen([keys]) == "a"


def test_the_probe_of_a_cooled_key_comes_from_a_low_class() -> None:
    keys, by = target("ab"), choice()
    fail(keys[0].health, 5, NOW)
    then = NOW + 3
    keys[1].account.in_flight = 5
    assert chosen([keys], Wish(0), by=by, now=then) == "b"
    assert chosen([keys], Wish(3), by=by, now=then) == "a"
    keys[0].health.started(then)
    assert chosen([keys], Wish(3), by=by, now=then) == "b"

"""Which candidate serves: targets in their order, and among the keys of one the best.

Best is the key that has the prompt's cache, if it is not overloaded; else the better of two drawn at random
(Mitzenmacher, "The power of two choices"): time to first token × (in flight + 1) ÷ (weight × free capacity), as
Finagle's peak EWMA balancer has it. Where nothing tells them apart they have their turns (stride scheduling).
Failures in a row count as slowness: a key that fails fast must not draw everything. Which of them are open to the
request at all, by their health and what else it has, is `eligibility`'s to say.
Deciding changes nothing but whose turn it was; whoever takes the candidate counts it in flight.
"""

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Generic, Literal

from gateway.admission.affinity import Affinity
from gateway.admission.candidate import AccountT, Candidate
from gateway.admission.eligibility import opens_at
from gateway.admission.retry_budget import RetryBudget
from gateway.record import Record

Strategy = Literal["adaptive", "round_robin"]
#: Free share of an account's narrowest ceiling for the request in question; 0.0: no room.
Room = Callable[[AccountT], float]
Targets = Sequence[Sequence[Candidate[AccountT]]]

#: In a row, for which a warm cache is not yet given up.
_FAILURES_FORGIVEN = 2


class Wish(Record, frozen=True, gc=False):
    """What is asked of a choice."""

    rank: int  # of the priority class, 0 the most urgent
    size: int = 0  # of the prompt, see `latency.size_of`
    prefix: int = 0  # see `stable_prefix`; 0: nothing could be cached
    deadline: float = 0.0  # 0.0: none
    pinned: str | None = None  # the only provider key that will do


class Choice(Generic[AccountT]):
    """Chooses, by one strategy."""

    __slots__ = ("_affinity", "_chance", "_pick", "_retries", "_turn")

    def __init__(self, strategy: Strategy, affinity: Affinity, chance: Random, retries: RetryBudget) -> None:
        self._affinity = affinity
        self._chance = chance
        self._retries = retries
        self._turn = 0.0
        self._pick = self._adaptive if strategy == "adaptive" else self._in_turn

    def choose(
        self,
        targets: Targets[AccountT],
        wish: Wish,
        tried: Collection[Candidate[AccountT]],
        has_room: Room[AccountT],
        now: float,
        passed: Collection[Candidate[AccountT]] = (),
    ) -> Candidate[AccountT] | None:
        """The candidate to take; None when there is none now, so wait or give up.

        What was `tried` is no way any more; what was `passed` is one, but not the one to take now.
        """
        if wish.deadline and now >= wish.deadline:
            return None
        if len(targets) == 1 and len(targets[0]) == 1:
            only = targets[0][0]
            if only.health.open and not tried and not passed and wish.pinned is None:  # most requests
                return only if has_room(only.account) > 0.0 else None
        out = (*tried, *passed, *self._closed(targets, wish, tried, now))
        late = False
        for keys in targets:
            usable = _usable(keys, wish, out)
            in_time = _in_time(usable, wish, now) if wish.deadline else usable
            late = late or len(in_time) < len(usable)
            found = self._pick(in_time, wish, has_room, now) if in_time else None
            if found is not None:
                return self._took(found)
        if late:  # what is expected is no more than that: better late than not at all
            for keys in targets:
                usable = _usable(keys, wish, out)
                found = self._pick(usable, wish, has_room, now) if usable else None
                if found is not None:
                    return self._took(found)
        return None

    def _closed(
        self, targets: Targets[AccountT], wish: Wish, tried: Collection[Candidate[AccountT]], now: float
    ) -> Sequence[Candidate[AccountT]]:
        """Those that are not open to the request now."""
        if all(one.health.open and not one.health.doubted for keys in targets for one in keys):
            return ()
        ways = [one for keys in targets for one in _usable(keys, wish, tried)]
        return [one for one in ways if opens_at(one, ways, wish.rank, now, self._retries) > now]

    def _took(self, found: Candidate[AccountT]) -> Candidate[AccountT]:
        self._turn = max(self._turn, found.last_turn)
        found.last_turn = self._turn + 1.0 / found.account.weight
        return found

    def _in_turn(
        self, keys: Sequence[Candidate[AccountT]], _wish: Wish, has_room: Room[AccountT], _now: float
    ) -> Candidate[AccountT] | None:
        """The key that has had least of its turns."""
        free = [one for one in keys if has_room(one.account) > 0.0]
        return min(free, key=lambda one: one.last_turn, default=None)

    def _adaptive(
        self, keys: Sequence[Candidate[AccountT]], wish: Wish, has_room: Room[AccountT], now: float
    ) -> Candidate[AccountT] | None:
        if wish.prefix and len(keys) > 1:
            favourite = self._affinity.favourite(wish.prefix, keys, now)
            if (
                favourite is not None
                and favourite.health.failures(now) < _FAILURES_FORGIVEN
                and has_room(favourite.account) > 0.0
            ):
                self._affinity.placed(wish.prefix, favourite, now)
                return favourite
        return self._of_two(keys, wish.size, has_room, now)

    def _of_two(
        self, keys: Sequence[Candidate[AccountT]], size: int, has_room: Room[AccountT], now: float
    ) -> Candidate[AccountT] | None:
        """The better of the first two with room, in random order: with no room at one, the next is drawn."""
        drawn: list[tuple[Candidate[AccountT], float]] = []
        chance = self._chance.random
        left = len(keys)
        undrawn = list(keys)
        while left and len(drawn) < 2:
            at = int(chance() * left)
            one = undrawn[at]
            left -= 1
            undrawn[at] = undrawn[left]
            room = has_room(one.account)
            if room > 0.0:
                drawn.append((one, room))
        if len(drawn) < 2:
            return drawn[0][0] if drawn else None
        (one, room), (other, other_room) = drawn
        ttft = one.first_token.expected(size, now)
        other_ttft = other.first_token.expected(size, now)
        if not ttft or not other_ttft:  # a time can only be compared with a time
            ttft = other_ttft = 1.0
        load = ttft * _burden(one, room, now)
        other_load = other_ttft * _burden(other, other_room, now)
        if load == other_load:
            return one if one.last_turn < other.last_turn else other
        return one if load < other_load else other


def _burden(one: Candidate[AccountT], room: float, now: float) -> float:
    account = one.account
    return (account.in_flight + 1) * (1 + one.health.failures(now)) / (room * account.weight)


def _usable(
    keys: Sequence[Candidate[AccountT]], wish: Wish, out: Collection[Candidate[AccountT]]
) -> Sequence[Candidate[AccountT]]:
    """Those that will do, without those that are `out`."""
    pinned = wish.pinned
    if not out and pinned is None:
        return keys
    return [one for one in keys if one not in out and (pinned is None or one.key_id == pinned)]


def _in_time(keys: Sequence[Candidate[AccountT]], wish: Wish, now: float) -> Sequence[Candidate[AccountT]]:
    left = wish.deadline - now
    return [one for one in keys if one.first_token.expected(wish.size, now) < left]

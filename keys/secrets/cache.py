"""Provider secrets in memory, so that no request waits for the place where they are kept.

A place that is away leaves its secrets usable up to `stale_max_s`; then, one by one, only what needs them is
out (`SecretUnavailableError`). One fetch at a time for a reference, `fetches_max` for all. A reader gets a value
without waiting; only who asks for a secret for the first time, or for one that a provider refused, waits.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from math import inf

from keys.secret import Secret
from keys.secrets.freshness import CachePolicy, Entry, Use
from keys.secrets.reference import Reference, Scheme
from keys.secrets.source import Fault, Fetched, FetchError, SecretSource

_LOOK_S = 5.0
_PAUSE_MIN_S = 0.05


class Outcome(Enum):
    """How a fetch ended, as metrics count it."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    DENIED = "denied"
    MALFORMED = "malformed"
    AWAY = "away"


class SecretUnavailableError(Exception):
    """A secret that cannot be had and is not remembered (any more)."""

    def __init__(self, reference: Reference, fault: Fault, why: str) -> None:
        super().__init__(f"{reference}: {why}")
        self.reference = reference
        self.fault = fault


@dataclass(frozen=True, slots=True)
class SecretState:
    """One reference for people and metrics, without the secret. `age_s` is since it was last seen."""

    reference: Reference
    use: Use
    age_s: float | None
    version: str | None
    previous_version: str | None
    exposed: bool
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """What there is after a look: the present value, and the one before it while both may be known."""

    current: Fetched
    previous: Fetched | None


def _unheard(*_: object) -> None:
    """For those who do not want to be told."""


class _Slot:
    """A reference's place in the cache."""

    __slots__ = ("asked_at", "entry", "flight", "looks", "used_at")

    def __init__(self, now: float) -> None:
        self.entry = Entry()
        self.used_at = now
        self.asked_at = -inf
        self.looks = 0  # fetches that began
        self.flight: asyncio.Task[None] | None = None


class SecretCache:
    """`start` it to have secrets looked at again in time and not only when they are used; `close` it."""

    def __init__(
        self,
        sources: Mapping[Scheme, SecretSource],
        policy: CachePolicy,
        monotonic: Callable[[], float],
        *,
        chance: Callable[[], float] = random.random,
        on_fetch: Callable[[Reference, Outcome], None] = _unheard,
        on_change: Callable[[Reference], None] = _unheard,
    ) -> None:
        self._sources = sources
        self._policy = policy
        self._monotonic = monotonic
        self._chance = chance
        self._on_fetch = on_fetch
        self._on_change = on_change
        self._slots: dict[Reference, _Slot] = {}
        self._room = asyncio.Semaphore(policy.fetches_max)
        self._flights: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name="secret cache")

    async def close(self) -> None:
        """Ends what is under way. What is remembered stays readable, and is not asked for any more."""
        self._closed = True
        tasks = self._flights | ({self._keeper} if self._keeper is not None else set())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def warm(self, references: Iterable[Reference], at_most_s: float) -> list[SecretUnavailableError]:
        """Fetch what is not there, and say what could not be had within `at_most_s`."""
        wanted = list(dict.fromkeys(references))
        flights = [
            self._refresh(reference, slot)
            for reference in wanted
            if (slot := self._slot(reference)).entry.current is None
        ]
        if flights:
            await asyncio.wait(flights, timeout=at_most_s)
        found = (self._unavailable(reference) for reference in wanted)
        return [error for error in found if error is not None]

    async def get(self, reference: Reference) -> Secret:
        """The secret, fetched when it is not there; raises SecretUnavailableError."""
        slot, now = self._slot(reference), self._monotonic()
        if slot.entry.use(now, self._policy) is Use.OUT and self._is_due(slot, now):
            await asyncio.wait([self._refresh(reference, slot)])
        return self.values(reference)[0]

    def values(self, reference: Reference) -> tuple[Secret, ...]:
        """What is there, at once: the present value and, just after a change, the one before it.

        What is due is asked for behind the caller's back. Raises SecretUnavailableError; `get` then waits for
        what nobody looked at for so long (a machine that slept) and raises for what really cannot be had.
        """
        slot, now = self._slot(reference), self._monotonic()
        slot.used_at = now
        if self._is_due(slot, now):
            self._refresh(reference, slot)
        values = slot.entry.values(now, self._policy)
        if not values:
            raise self._unavailable(reference) or AssertionError(reference)
        return values

    async def refresh_now(self, reference: Reference, refused: Secret) -> Rotation:
        """Look again, as a provider did not take `refused`. One look serves all who ask meanwhile.

        When the value it comes back with is another, it is the one to try; when it is the same, the secret is
        wrong where it is kept too, or its place is away. Raises SecretUnavailableError.
        """
        slot = self._slot(reference)
        looks = slot.looks
        # A look that began before the refusal may have seen what was there before: then there is a second.
        for _ in range(2):
            current = slot.entry.current
            is_other = current is not None and current.secret != refused
            if is_other or slot.looks != looks or self._closed:
                break
            await asyncio.wait([self._refresh(reference, slot)])
        error = self._unavailable(reference)
        entry, now = slot.entry, self._monotonic()
        if error is not None or entry.current is None:
            raise error or AssertionError(reference)
        return Rotation(entry.current, entry.previous if now < entry.previous_until else None)

    async def look_again(self, reference: Reference) -> None:
        """Read what is in use anew before it is due; nothing for what is not (any more)."""
        slot = self._slots.get(reference)
        if slot is not None and not self._closed:
            await asyncio.wait([self._refresh(reference, slot)])

    def retain(self, references: Iterable[Reference]) -> None:
        """Forget all others: those of a configuration that is no more."""
        kept = set(references)
        for reference in [reference for reference in self._slots if reference not in kept]:
            del self._slots[reference]

    def state(self) -> list[SecretState]:
        """Every reference as it stands."""
        now = self._monotonic()
        return [self._state(reference, slot.entry, now) for reference, slot in self._slots.items()]

    def _state(self, reference: Reference, entry: Entry, now: float) -> SecretState:
        current, previous = entry.current, entry.previous if now < entry.previous_until else None
        return SecretState(
            reference=reference,
            use=entry.use(now, self._policy),
            age_s=None if current is None else now - entry.seen_at,
            version=None if current is None else current.version,
            previous_version=None if previous is None else previous.version,
            exposed=current is not None and current.exposed,
            failures=entry.failures,
            error=None if entry.error is None else entry.error[1],
        )

    def _slot(self, reference: Reference) -> _Slot:
        slot = self._slots.get(reference)
        if slot is None:
            if len(self._slots) >= self._policy.entries_max:
                del self._slots[min(self._slots, key=lambda one: self._slots[one].used_at)]
            slot = self._slots[reference] = _Slot(self._monotonic())
        return slot

    def _is_due(self, slot: _Slot, now: float) -> bool:
        return now >= slot.entry.due_at and not self._closed

    def _unavailable(self, reference: Reference) -> SecretUnavailableError | None:
        entry = self._slot(reference).entry
        if entry.use(self._monotonic(), self._policy) is not Use.OUT:
            return None
        fault, why = entry.error or (Fault.AWAY, "was not fetched yet")
        return SecretUnavailableError(reference, fault, why)

    def _refresh(self, reference: Reference, slot: _Slot) -> asyncio.Task[None]:
        """The fetch that is under way for `reference`; starts one if there is none. It raises nothing."""
        if slot.flight is None:
            slot.flight = asyncio.create_task(self._fetch(reference, slot), name=f"fetch {reference}")
            self._flights.add(slot.flight)
            slot.flight.add_done_callback(self._flights.discard)
        return slot.flight

    async def _fetch(self, reference: Reference, slot: _Slot) -> None:
        try:
            # Refusals by a provider may come in any number: the place is not asked more often than this.
            wait = slot.asked_at + self._policy.refetch_s - self._monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            async with self._room:
                slot.asked_at = asked_at = self._monotonic()
                slot.looks += 1
                answer = await self._ask(reference)
            now, before = self._monotonic(), slot.entry
            if isinstance(answer, FetchError):
                slot.entry = before.failed(answer, now, self._policy, self._chance())
                self._on_fetch(reference, Outcome(answer.fault.value))
                return
            slot.entry = before.succeeded(answer, asked_at, now, self._policy, self._chance())
        finally:
            slot.flight = None
        changed = before.current is None or before.current.secret != answer.secret
        self._on_fetch(reference, Outcome.CHANGED if changed else Outcome.UNCHANGED)
        if changed:
            self._on_change(reference)

    async def _ask(self, reference: Reference) -> Fetched | FetchError:
        source = self._sources.get(reference.scheme)
        if source is None:
            return FetchError(Fault.MISSING, f"no {reference.scheme} is configured")
        try:
            async with asyncio.timeout(self._policy.fetch_s):
                return await source.fetch(reference)
        except FetchError as error:
            return FetchError(error.fault, str(error))
        except TimeoutError:
            return FetchError(Fault.AWAY, "did not answer in time")
        except Exception as error:
            # Whatever a source did not foresee is that source failing, and no reason to forget a secret.
            return FetchError(Fault.AWAY, f"failed with {type(error).__name__}")

    async def _keep(self) -> None:
        while True:
            now = self._monotonic()
            waiting = [slot.entry.due_at for slot in self._slots.values() if slot.flight is None]
            pause = min(waiting, default=inf) - now
            await asyncio.sleep(min(max(pause, _PAUSE_MIN_S), _LOOK_S))
            now = self._monotonic()
            for reference, slot in self._slots.items():
                if self._is_due(slot, now):
                    self._refresh(reference, slot)

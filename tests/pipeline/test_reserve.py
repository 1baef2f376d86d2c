"""What a tenant key's exchanges hold: where the grantor cannot say at once, and across configurations."""

import asyncio
from dataclasses import replace

import pytest

from gateway.admission.grantor import Grant
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge, Estimate
from gateway.errors import RATE_LIMITED, REQUEST_TOO_LARGE, GatewayError
from gateway.exchange import Exchange, Sized, Usage
from gateway.pipeline.reserve import Reservation, Reservations
from gateway.record import replace as replace_record
from gateway.settings.snapshot import Limits, Target, Tenant, TenantKey
from tests.admission.manual_clock import ManualClock
from tests.clock import LoopClock, passes
from tests.pipeline.parts import provider

KEY = TenantKey("web", Tenant("a"), b"digest", limits=Limits(rpm=2, tpm=1_000, concurrency=5))
FREE = TenantKey("web", Tenant("b"), b"other")
ACCOUNT = "tenant-key:a/web"
THOUGHT = Estimate(10, 20, 30, None)


class Shared(MemoryLedger):
    """A ledger that several share, as one sees it who holds nothing: only asking helps."""

    __slots__ = ("asked", "full")

    def __init__(self, time: LedgerTime) -> None:
        super().__init__(time)
        self.asked, self.full = 0, False

    def take(self, account: str, charge: Charge, rank: int, now: int) -> Grant | None:
        return None

    async def obtain(self, account: str, charge: Charge, rank: int) -> Grant | None:
        self.asked += 1
        return None if self.full else super().take(account, charge, rank, self._time.now())


class Desk:
    """Reservations on a manual clock."""

    def __init__(self, kind: type[MemoryLedger] = MemoryLedger) -> None:
        self.clock = ManualClock()
        self.time = LedgerTime(self.clock)
        self.ledger = kind(self.time)
        self.reservations = Reservations(self.ledger, self.time)

    def begin(self, key: TenantKey = KEY, estimate: Estimate = THOUGHT) -> Reservation:
        exchange = Exchange("req_1", "chat", "openai", 0.0, key, sizing=Sized(estimate=estimate))
        reservation = self.reservations.begin(exchange)
        assert reservation is not None
        return reservation

    def used(self) -> dict[str, int]:
        return {one.dimension: one.used for one in self.ledger.usage(ACCOUNT, self.time.now())}


def test_a_key_without_limits_has_none() -> None:
    desk = Desk()
    assert desk.reservations.begin(Exchange("req_1", "chat", "openai", 0.0, FREE)) is None


def test_charged_what_is_thought_and_given_back_whole_when_nothing_went_out() -> None:
    desk = Desk()
    reservation = desk.begin()
    assert reservation.take(desk.clock.monotonic())
    assert desk.used() == {"rpm": 1, "tpm": 50, "concurrency": 1}
    for _ in range(2):  # the second is nothing more
        reservation.end()
        assert desk.used() == {"rpm": 0, "tpm": 0, "concurrency": 0}


async def test_where_the_grantor_cannot_say_at_once_it_is_asked_once() -> None:
    desk = Desk(Shared)
    assert isinstance(desk.ledger, Shared)
    reservation = desk.begin()
    assert not reservation.take(desk.clock.monotonic())
    await reservation.obtain()
    assert (desk.ledger.asked, desk.used()) == (1, {"rpm": 1, "tpm": 50, "concurrency": 1})
    reservation.end()
    assert desk.used() == {"rpm": 0, "tpm": 0, "concurrency": 0}


async def test_a_refusal_whose_reason_others_used_up_names_every_limit() -> None:
    desk = Desk(Shared)
    assert isinstance(desk.ledger, Shared)
    desk.ledger.full = True
    reservation = desk.begin()
    assert not reservation.take(desk.clock.monotonic())
    with pytest.raises(GatewayError) as caught:
        await reservation.obtain()
    assert caught.value.condition is RATE_LIMITED
    assert "on requests per minute, tokens per minute, requests at once." in caught.value.message
    assert caught.value.retry_after_s == 0.25  # when is not known here: not at once
    reservation.end()
    assert desk.used() == {"rpm": 0, "tpm": 0, "concurrency": 0}


async def test_a_refusal_names_each_limit_that_is_reached() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk.begin(estimate=Estimate(300, 300, 100, None)).take(desk.clock.monotonic())
    third = desk.begin(estimate=Estimate(300, 300, 100, None))
    assert not third.take(desk.clock.monotonic())
    with pytest.raises(GatewayError) as caught:
        await third.obtain()
    assert (
        "on requests per minute: limit 2, used 2; tokens per minute: limit 1000, used 800, requested 400."
        in caught.value.message
    )
    assert caught.value.retry_after_s is not None
    desk.clock.move(caught.value.retry_after_s)
    assert third.take(desk.clock.monotonic())


def test_too_large_is_judged_by_what_is_known_and_no_more_is_charged_than_the_limit() -> None:
    desk = Desk()
    with pytest.raises(GatewayError) as caught:
        desk.begin(estimate=Estimate(1_001, 1_500, 10, None)).take(desk.clock.monotonic())
    assert caught.value.condition is REQUEST_TOO_LARGE
    assert desk.used() == {"rpm": 0, "tpm": 0, "concurrency": 0}
    assert desk.begin(estimate=Estimate(1_000, 1_500, 9_000, None)).take(desk.clock.monotonic())
    assert desk.used() == {"rpm": 1, "tpm": 1_000, "concurrency": 1}


def test_a_mere_guess_of_the_answer_counts_for_a_tenth_of_a_limit_and_what_is_known_as_it_is() -> None:
    guess = Estimate(10, 20, 1_024, None, guessed=True)
    learned, bounded = replace_record(guess, guessed=False), replace_record(guess, output_max=1_024)
    for estimate, charged in ((guess, 120), (learned, 1_000), (bounded, 1_000), (THOUGHT, 50)):
        desk = Desk()
        assert desk.begin(estimate=estimate).take(desk.clock.monotonic())
        assert desk.used()["tpm"] == charged


def test_a_new_configuration_keeps_what_was_charged_and_ends_what_runs() -> None:
    desk = Desk()
    running = desk.begin()
    assert running.take(desk.clock.monotonic())
    wider = replace(KEY, limits=replace(KEY.limits, rpm=7))
    desk.reservations.configure({key.digest: key for key in (wider, FREE)})
    assert b"x-ratelimit-remaining-requests: 6\r\n" in desk.begin(wider).head()
    running.end()
    assert desk.used() == {"rpm": 0, "tpm": 0, "concurrency": 0}


def test_the_reset_is_when_everything_is_free_and_not_before() -> None:
    desk = Desk()
    target = Target(provider(), "chat")
    exchange = Exchange("req_1", "chat", "openai", 0.0, KEY, sizing=Sized(estimate=THOUGHT), target=target)
    reservation = desk.reservations.begin(exchange)
    assert reservation is not None and reservation.take(desk.clock.monotonic())
    desk.clock.move(100)
    exchange.attempts, exchange.usage = 1, Usage(400, 60, source="provider")
    reservation.end()  # what is left of an old window is charged now
    assert desk.used() == {"rpm": 0, "tpm": 410, "concurrency": 0}
    assert b"x-ratelimit-reset-tokens: 1m0.625s\r\n" in reservation.head()
    desk.clock.move(30)
    assert b"x-ratelimit-reset-tokens: 30.625s\r\n" in reservation.head()
    desk.clock.move(30.625)
    assert b"x-ratelimit-reset-tokens: 0s\r\n" in reservation.head()


def test_the_limit_with_least_left_speaks_for_the_others() -> None:
    desk = Desk()
    key = TenantKey("all", Tenant("a"), b"all", limits=Limits(rpm=60, rpd=10, tpm=1_000, itpm=300, otpm=900))
    reservation = desk.begin(key)
    assert b"x-ratelimit-remaining-requests: 10\r\nx-ratelimit-reset-requests: 0s\r\n" in reservation.head()
    assert reservation.take(desk.clock.monotonic())
    head = reservation.head()
    assert b"x-ratelimit-limit-requests: 10\r\nx-ratelimit-remaining-requests: 9\r\n" in head
    assert b"x-ratelimit-reset-requests: 1m0.625s\r\n" not in head  # it is a day's
    assert b"x-ratelimit-limit-tokens: 300\r\nx-ratelimit-remaining-tokens: 280\r\n" in head
    assert b"x-ratelimit-reset-tokens: 1m0.625s\r\n" in head


async def test_the_whole_answer_frees_the_place_on_every_worker() -> None:
    clock = LoopClock()
    time = LedgerTime(clock)
    ledger = MemoryLedger(time)
    workers = [Leases(ledger, time, name, workers=2) for name in ("one", "two")]
    reservations = [Reservations(worker, time) for worker in workers]
    key = TenantKey("web", Tenant("a"), b"digest", limits=Limits(concurrency=1))
    target = Target(provider(), "chat")
    for turn in range(20):
        sizing = Sized(estimate=THOUGHT)
        exchange = Exchange(f"req_{turn}", "chat", "openai", 0.0, key, sizing=sizing, target=target)
        reservation = reservations[turn % 2].begin(exchange)
        assert reservation is not None
        if not reservation.take(clock.monotonic()):
            asking = asyncio.create_task(reservation.obtain())
            await passes(0.05)
            await asking
        await passes(0.5)
        exchange.attempts, exchange.usage = 1, Usage(10, 20, source="provider")
        reservation.answered()
    for worker in workers:
        await worker.aclose()

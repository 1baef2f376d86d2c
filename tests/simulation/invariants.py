"""Invariants 1 to 15 of `reference/admission.md` §3.8, as seen from outside; each check names its own.

Broken ones are collected, not raised: most are found in callbacks. 13 (idempotence of a ledger's batches) has no
end-to-end form while the ledger is this process's own; 7 and 5 have worlds of their own (`test_simulation`). What
must hold of keys that fail has no number there and is named "health".
"""

from collections import defaultdict
from typing import Any

from gateway.admission.bounds import COUNT
from gateway.admission.hold import PASSES, hold
from gateway.admission.item import CLASS_FULL, LINE_FULL, Item
from gateway.admission.line import Line
from gateway.errors import UPSTREAM_ERROR, UPSTREAM_OVERLOADED, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE
from gateway.pipeline.admit import SHED, Dispatcher
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Permit, Ticket
from gateway.settings.snapshot import PRIORITIES
from tests.simulation.caller_end import CallerEnd
from tests.simulation.judge import AXES, WINDOW_S
from tests.simulation.observed import Observed, Seen, Witness, gone, heads, is_sound
from tests.simulation.plan import Plan
from tests.simulation.provider import Providers

#: How long after its moment something may happen.
SOON_S = 0.02
_BROKEN_MAX = 20
#: What a caller is told of a provider that failed.
_FAILURES = {UPSTREAM_ERROR.code, UPSTREAM_UNREACHABLE.code, UPSTREAM_TIMEOUT.code, UPSTREAM_OVERLOADED.code}


class Invariants:
    """The checks of one world."""

    def __init__(self, plan: Plan, providers: Providers, witness: Witness) -> None:
        self._plan, self._providers, self._witness = plan, providers, witness
        witness.on_grant, witness.on_shed = self.priority, self.shed_order
        witness.on_try = self.only_tried
        #: Heads that could go on an account, at the last look, and how many had gone there.
        self.forecasts: list[tuple[str, float, float]] = []  # of some in line: who, when, how long
        self._could_go: dict[tuple[str, str], int] = {}

    def broken(self, number: int | str, what: str) -> None:
        if len(self._witness.broken) < _BROKEN_MAX:
            self._witness.broken.append(f"{number}: {what}")

    # ---- at each event

    def priority(self, at: Observed, ticket: Ticket, way: Way, contenders: list[Item], now: float) -> None:
        """4. No class goes on an account while a more urgent one waits that could: but by its floor.

        Of those who wait at the same gateway: what others wait for is ordered where they ask, by the ledger.
        """
        first = min(contenders, key=lambda item: item.rank)
        self.broken(
            4,
            f"{now:.3f}: class {ticket.rank} ({ticket.exchange.request_id}) went on {way.account.id} "
            f"while {first.id} of class {first.rank} could",
        )

    def only_tried(self, ticket: Ticket, permit: Permit, left: int, now: float) -> None:
        """Health. While a request has a sound way, what fails gets no more than could be made good; one, if out."""
        health = permit.way.health
        if not any(is_sound(way) for way in ticket.ways()):
            return
        beside = [
            one
            for one in self._witness.open.values()
            if one is not permit and one.way.health is health and one.turn > health._since
        ]
        if left <= 0 or (health.state != "healthy" and (beside or not health.is_probed)):
            self.broken(
                "health",
                f"{now:.3f}: {ticket.exchange.request_id} went to {permit.way.key_id}, {health.state} after "
                f"{health.streak} failures, beside {len(beside)}, with {left} attempts left and a sound way",
            )

    def shed_order(self, at: Dispatcher, priority: str, reason: str) -> None:
        """9. Nobody makes room, or is refused for want of it, while a lower class has more than it keeps."""
        rank, line = PRIORITIES.index(priority), at.line
        if reason in (LINE_FULL, CLASS_FULL) or (reason == SHED and not self._tenant_full(line)):
            for lower in range(rank + 1, len(PRIORITIES)):
                if line.backlogs.classes[lower].count > line.bounds.classes[lower].keeps[COUNT]:
                    self.broken(
                        9, f"class {rank} had to go ({reason}) while class {lower} has more than it keeps"
                    )

    @staticmethod
    def _tenant_full(line: Line) -> bool:
        """Whether some tenant has all that it may: then its own make room for its own."""
        backlogs = line.backlogs.classes
        return any(
            sum(backlog.count_of(tenant) for backlog in backlogs[rank:]) >= bounds.tenant[COUNT] - 1
            for rank, bounds in enumerate(line.bounds.classes)
            for backlog in backlogs
            for tenant in backlog.by_tenant()
        )

    # ---- now and then

    def look(self, now: float) -> None:
        """What must hold at any moment."""
        for dispatcher in self._witness.dispatchers:
            assert isinstance(dispatcher, Observed)
            if self._plan.replicas == 1:  # of a shared ledger nobody knows at once what is free
                self._conservation_of_work(dispatcher, now)
            for item in list(dispatcher.line):
                if item.expires_at < now - SOON_S:
                    self.broken(6, f"{now:.3f}: {item.id} outlived {item.expires_at:.3f} in the line")
            self._forecasts(dispatcher, now)

    def _conservation_of_work(self, at: Observed, now: float) -> None:
        """3. Who is first and fits goes at once. Seen twice as such, with nothing sent in between, it was not."""
        could_go = {}
        for account in at._accounts.by_id.values():
            if not at.line.waits_for(account.id, len(PRIORITIES) - 1):
                continue
            usage = at._grantor.usage(account.id, at._time.at(now))
            waiting = [item for item in heads(at, account.id) if not gone(item)]
            fitting = [item for item in waiting if at.fits(item, account.id)]
            if any(one.limit < account.terms.dimensions[n].limit for n, one in enumerate(usage)):
                continue  # a ceiling that was lowered creeps back: nobody can tell when that makes room
            others = [item for item in waiting if item not in fitting]
            for item in fitting:
                if any(self._may_hold(at, other, item, account.id, now) for other in others):
                    continue  # room is being gathered for another
                could_go[account.id, item.id] = account.attempts
                if self._could_go.get((account.id, item.id)) == account.attempts:
                    self.broken(3, f"{now:.3f}: {item.id} (class {item.rank}) fits on {account.id} and waits")
        self._could_go = could_go

    @staticmethod
    def _may_hold(at: Observed, other: Item, item: Item, account: str, now: float) -> bool:
        """Whether room is gathered for `other` on the account; or was, until what it could expect changed."""
        if hold(other, account, at.outlook, now) != PASSES:
            return True
        return other.rank <= item.rank and at.outlook.free_in(account, other) < WINDOW_S

    def _forecasts(self, at: Observed, now: float) -> None:
        """14. Expected waits are never negative, and no shorter for who is further behind in a lane."""
        for signature in at.line._signatures.all():
            for bucket in signature.buckets:
                for lane in bucket.lanes.values():
                    last = 0.0
                    items = [
                        one for one in lane.items.values() if one.deadline is None and not one.ahead_of_all
                    ]
                    for item in (items[0], items[-1]) if items else ():
                        forecast = at.line.expected(item, now)
                        if forecast.wait_s < 0 or forecast.position < 0:
                            self.broken(14, f"{item.id} is to wait {forecast}")
                        if len({one.charge for one in items}) == 1 and forecast.wait_s < last - 1e-6:
                            self.broken(
                                14, f"{item.id} is to wait {forecast.wait_s}, less than before it: {last}"
                            )
                        last = forecast.wait_s
                        self.forecasts.append((item.id, now, forecast.wait_s))

    # ---- at the end

    def ceilings(self) -> None:
        """1. In no window does a provider count more than its ceiling, but for what nobody could foresee."""
        for key in self._providers.keys.values():
            for pattern, judge in key.judges.items():
                account = f"{key.id}/{pattern}" if pattern else key.id
                for span, limits in judge.spans:
                    for name, limit in limits.items():
                        most, at = judge.worst(AXES.index(name), span)
                        if most > limit and not self._went_alone(judge, name, span, most):
                            self.broken(
                                1, f"{account}: {most} of {limit} {name} in {span:g} s before {at:.3f}"
                            )
                outside = key.id in self._plan.outsiders
                for at, refused, name in self._providers.refused:
                    if refused == account and not outside and not self._surprised(judge, at):
                        self.broken(1, f"{account} refused for {name} at {at:.3f}, which was foreseeable")
                most_at_once = self._providers.most_at_once.get(account, 0)
                if key.concurrency is not None and account == key.id and most_at_once > key.concurrency:
                    self.broken(1, f"{account}: {most_at_once} at once of {key.concurrency}")

    @staticmethod
    def _went_alone(judge: Any, name: str, span: float, most: int) -> bool:
        """What is more than a slice takes goes alone in it: the provider allows it over the minute."""
        axis = AXES.index(name)
        return span < WINDOW_S and any(one.units[axis] - one.beyond[axis] == most for one in judge.log)

    @staticmethod
    def _surprised(judge: Any, at: float) -> bool:
        return any(sum(one.beyond) for one in judge.log if at - WINDOW_S - 1 <= one.at <= at)

    def conservation(self, dispatcher: Observed) -> None:
        """2, 11. Everything granted has ended, nothing is held, waits or is armed once all exchanges are over."""
        if self._witness.open:
            self.broken(2, f"{len(self._witness.open)} permits never ended")
        for account in dispatcher._accounts.by_id.values():
            if account.in_flight:
                self.broken(11, f"{account.id}: {account.in_flight} in flight after the end")
        if len(dispatcher.line) or dispatcher.line.bytes:
            self.broken(11, f"{len(dispatcher.line)} in line after the end")

    def windows_empty(self, grantor: Any, accounts: set[str], now: int) -> None:
        """2. A window after the last exchange nothing is charged any more."""
        for account in accounts:
            for usage in grantor.usage(account, now):
                if usage.used and usage.dimension != "rpd":
                    self.broken(2, f"{account}: {usage.used} {usage.dimension} still charged after a window")

    def outcomes(self, ends: dict[str, CallerEnd]) -> None:
        """11, 12. Each request has one end; what is too large has it at once, and is never sent."""
        sent = defaultdict(int)
        for attempt in self._providers.attempts:
            sent[attempt.request] += 1
        for name, end in ends.items():
            seen = self._witness.seen.get(name)
            if end.ends != 1 and not end.gone:
                self.broken(11, f"{name} was answered {end.ends} times")
            if seen is None:
                continue
            exchange = seen.exchange
            if exchange.code == "internal_error":
                self.broken(11, f"{name}: the gateway failed")
            if exchange.code == "request_too_large" and sent[name]:
                self.broken(12, f"{name} was sent {sent[name]} times, and then too large")

    def deadlines(self) -> None:
        """10. Nothing is sent after its deadline."""
        for attempt in self._providers.attempts:
            exchange = self._witness.seen[attempt.request].exchange
            if exchange.deadline and attempt.at > exchange.deadline + SOON_S:
                self.broken(10, f"{attempt.request} left at {attempt.at:.3f}, after {exchange.deadline:.3f}")

    def failures(self) -> None:
        """Health. No caller is told of a provider's failure while it has a sound way, and time for it."""
        for seen in {id(one): one for one in self._witness.seen.values()}.values():
            exchange = seen.exchange
            if seen.sound_at is not None and not exchange.first_content and exchange.code in _FAILURES:
                self.broken(
                    "health",
                    f"{exchange.request_id} was told {exchange.code}, but had a sound way at {seen.sound_at:.3f}",
                )

    def first_come(self) -> None:
        """8. Of one tenant's requests of one class for the same accounts, the earlier one goes first."""
        lanes: dict[tuple[object, ...], list[Seen]] = defaultdict(list)
        every = {id(seen): seen for seen in self._witness.seen.values()}
        for seen in every.values():
            if seen.permits and not seen.exchange.deadline and seen.exchange.overflow is None and seen.lane:
                lanes[seen.lane].append(seen)
        for lane in lanes.values():
            lane.sort(key=lambda one: one.exchange.queued)
            latest = lane[0]
            for seen in lane:
                if seen.first_permit < latest.first_permit - 1e-9:
                    self.broken(
                        8,
                        f"{seen.request.id} went at {seen.first_permit:.3f}, "
                        f"{latest.request.id} before it in line only at {latest.first_permit:.3f}",
                    )
                if seen.first_permit > latest.first_permit:
                    latest = seen

    def retries(self, seconds: float) -> None:
        """15. Attempts ≤ (1 + ratio) · requests + one a minute."""
        first = {attempt.request for attempt in self._providers.attempts}
        most = self._plan.snapshot.bounds.attempts_ratio * len(first) + self._plan.replicas * (
            seconds / 60 + 1
        )
        if len(self._providers.attempts) > most:
            self.broken(15, f"{len(self._providers.attempts)} attempts for {len(first)} requests")

"""An ideal gateway on paper: the policy of design §6 played through without a network, in steps of 5 ms.

It shows that a scenario's declared figures can be met at all: a scenario that no gateway could pass would blame
whichever is measured. It keeps windows in slots of 250 ms. With slots of a second (a charge then leaves after 60 to
61 s) and the reserve of 1 % it uses 97.3 to 97.7 % of a ceiling in the long run, which is less than is declared.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import floor

from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call
from loadtests.offered.saturation import GeneratorReport
from loadtests.offered.stream import CLASSES, Stream
from loadtests.scenarios.run import Run
from loadtests.world.charge_rows import ChargeRow
from loadtests.world.layout import ProviderKey, SimPlan

STEP_S = 0.005
SLOT_S = 0.25
FLOORS = (0.0, 0.20, 0.08, 0.04, 0.02)
RESERVE, CREDIT_CAP = 0.01, 0.3
DEPTH_MAX = 1000
NETWORK_S = 0.002

Costs = dict[str, float]


@dataclass
class Window:
    """One key's last minute, per dimension."""

    key: ProviderKey
    used: Costs = field(default_factory=lambda: defaultdict(float))
    charges: deque[tuple[float, Costs]] = field(default_factory=deque)
    """Counted from the end of the slot."""

    def forget(self, now: float) -> None:
        while self.charges and self.charges[0][0] + 60 <= now:
            for name, cost in self.charges.popleft()[1].items():
                self.used[name] -= cost

    def room_after(self, costs: Costs) -> float:
        """Least free share of any dimension afterwards; negative when it does not fit."""
        return min(1 - (self.used[name] + costs[name]) / limit for name, limit in self.key.rates.items())

    def charge(self, now: float, costs: Costs) -> None:
        self.charges.append((floor(now / SLOT_S + 1) * SLOT_S, costs))
        for name, cost in costs.items():
            self.used[name] += cost


class Account:
    """A provider's keys together: windows, pacing and what each class was served in the last minute."""

    def __init__(self, sim: SimPlan) -> None:
        self.windows = [Window(key) for key in sim.keys]
        self.limits = {name: sum(key.limits[name] for key in sim.keys) for name in sim.keys[0].rates}
        self.level, self.credit = 1 / 60, CREDIT_CAP
        self.served: list[deque[tuple[float, float]]] = [deque() for _ in CLASSES]

    def share(self, costs: Costs) -> float:
        return max(costs[name] / limit for name, limit in self.limits.items())

    @property
    def used(self) -> float:
        return max(sum(w.used[name] for w in self.windows) / limit for name, limit in self.limits.items())

    def pass_time(self, now: float) -> None:
        for window in self.windows:
            window.forget(now)
        for served in self.served:
            while served and served[0][0] <= now - 60:
                served.popleft()
        self.level = min(max(1 / 60, self.largest()), self.level + STEP_S / 60)
        if self.used < 0.7:
            self.credit = min(CREDIT_CAP, self.credit + 0.5 * STEP_S / 60)

    def largest(self) -> float:
        """A bucket has to hold one request, however small the ceiling."""
        return 1 / min(self.limits.values()) if "rpm" in self.limits else 0.0

    def below_floor(self, rank: int) -> bool:
        return sum(cost for _, cost in self.served[rank]) < FLOORS[rank]

    def take(self, now: float, rank: int, costs: Costs) -> ProviderKey | None:
        cost = self.share(costs)
        if self.used + cost > 1 - (RESERVE if rank and min(self.limits.values()) > 100 else 0):
            return None
        window = max(self.windows, key=lambda one: one.room_after(costs))
        if window.room_after(costs) < 0:
            return None
        if rank and self.level < cost:
            if self.credit < cost or self.used > 0.9:
                return None
            self.credit -= cost
        else:
            self.level = max(self.level - cost, -3 / 60)
        window.charge(now, costs)
        self.served[rank].append((now, cost))
        return window.key


class Line:
    """Who waits, by class and tenant; tenants of a class by what they were served."""

    def __init__(self, depth_max: int) -> None:
        self.depth_max = depth_max
        self.waiting: list[dict[str, deque[tuple[Call, Stream]]]] = [defaultdict(deque) for _ in CLASSES]
        self.service: list[dict[str, float]] = [defaultdict(float) for _ in CLASSES]

    def enter(self, call: Call, stream: Stream, now: float) -> None:
        rank = CLASSES.index(call.priority)
        if self.depth() >= self.depth_max:
            lowest = max(k for k, tenants in enumerate(self.waiting) if any(tenants.values()))
            largest = max(self.waiting[lowest].values(), key=len)
            mine = len(self.waiting[rank][call.tenant])
            if lowest < rank or (lowest == rank and len(largest) <= mine):
                shed(call, now)
                return
            shed(largest.pop()[0], now)
        if not self.waiting[rank][call.tenant]:
            others = [self.service[rank][t] for t, line in self.waiting[rank].items() if line]
            self.service[rank][call.tenant] = max([self.service[rank][call.tenant], *others[:1]])
        self.waiting[rank][call.tenant].append((call, stream))

    def depth(self) -> int:
        return sum(len(line) for tenants in self.waiting for line in tenants.values())

    def head(self, rank: int) -> str | None:
        backlogged = [tenant for tenant, line in self.waiting[rank].items() if line]
        return min(backlogged, key=lambda tenant: self.service[rank][tenant], default=None)


def shed(call: Call, now: float) -> None:
    call.done, call.status, call.code = now, 503, "queue_full"


def ideal(run: Run) -> Evidence:
    """What a run leaves at an ideal gateway; routes of one target, no streams' pacing, nothing disturbed."""
    layout = run.layout
    routes = {route.id: route.targets[0].split("/")[0] for route in layout.routes}
    accounts = {sim.id: Account(sim) for sim in layout.sims}
    lines = {sim.id: Line(layout.queue.get("depth_max", DEPTH_MAX)) for sim in layout.sims}
    charges: dict[str, list[ChargeRow]] = {key.id: [] for key in layout.keys}
    due = sorted(
        ((at, number) for number, stream in enumerate(run.streams) for at in stream.arrivals(run.seconds, 1)),
        reverse=True,
    )
    calls: list[Call] = []
    for step in range(int(run.seconds / STEP_S)):
        now = step * STEP_S
        while due and due[-1][0] <= now:
            at, number = due.pop()
            stream = run.streams[number]
            call = Call(stream.tenant, stream.priority, stream.model, stream.streaming, at, at)
            calls.append(call)
            lines[routes[stream.model]].enter(call, stream, now)
        for name, account in accounts.items():
            account.pass_time(now)
            latency = next(sim.latency_ms for sim in layout.sims if sim.id == name) / 1000
            dispatch(lines[name], account, now, latency, charges)
    logs = {name: sorted(rows, key=lambda row: row.at) for name, rows in charges.items()}
    return Evidence(layout, run.seconds, run.since, calls, logs, [], [], GeneratorReport(0.0, []))


def dispatch(
    line: Line, account: Account, now: float, latency: float, charges: dict[str, list[ChargeRow]]
) -> None:
    starved = [rank for rank in range(1, len(CLASSES)) if account.below_floor(rank)]
    for rank in [0, *starved, *range(1, len(CLASSES))]:
        while (tenant := line.head(rank)) is not None:
            call, stream = line.waiting[rank][tenant][0]
            costs = {"rpm": 1.0, "itpm": float(stream.input_tokens), "otpm": float(stream.output_tokens)}
            key = account.take(now, rank, costs)
            if key is None:
                break
            line.waiting[rank][tenant].popleft()
            line.service[rank][tenant] += account.share(costs)
            call.queue_ms, call.status, call.key = max(0.0, now - call.sent) * 1000, 200, key.id
            call.done = now + latency
            arrived = now + NETWORK_S
            charges[key.id] += [
                ChargeRow(arrived, key.credential, "taken", 1, stream.input_tokens, 0, 0),
                ChargeRow(arrived + latency, key.credential, "produced", 0, 0, stream.output_tokens, 0),
            ]

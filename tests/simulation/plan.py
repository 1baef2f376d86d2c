"""A world drawn from a seed: providers and keys of different tiers, routes, tenants, traffic, bad moments.

Small, so that many can be run: a few minutes of a few requests a second, which fill windows several times over. Of
five worlds three have several replicas on one ledger: smaller ones still, as who waits asks it all the time, but
with more than their windows hold in half a minute.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType

from gateway.admission.classes import CLASSES
from gateway.settings.snapshot import (
    PRIORITIES,
    Bounds,
    Hedge,
    Limits,
    ModelRoute,
    Origin,
    Provider,
    ProviderKey,
    Queue,
    Routing,
    Snapshot,
    Target,
    Tenant,
    TenantKey,
)
from keys.secret import Secret
from tests.simulation.provider import Fault

BEGIN_S = 1000.0  # where virtual time starts
TRAFFIC_S = 110.0
#: After the last arrival what waits has so long; then all callers leave.
DRAIN_S = 65.0
_REQUESTS_MAX = 220
#: Of the keys' capacity, how much is offered.
_LOADS = (0.5, 0.9, 1.5, 2.0, 3.0)
#: The same with several replicas.
REPLICAS = (2, 2, 2, 3, 3, 4, 5, 8)
_SHARED_S, _SHARED_DRAIN_S = 18.0, 3.0
_SHARED_REQUESTS_MAX = 110
_SHARED_LOADS = (1.5, 3.0, 6.0)
#: Of each kind of their trouble (crashes, ledger lost, calls that go wrong), how often there is none.
_SPARED = 0.05
_APIS = frozenset({"chat"})
_KINDS = ("limit", "error", "overloaded", "hang", "slow", "cut", "quota", "capacity")


@dataclass(frozen=True)
class Request:
    """One caller's request. Token counts are the truth, which the gateway learns when the reply has come."""

    id: str
    at: float
    tenant: str
    route: str
    rank: int
    input: int
    output: int
    output_max: int | None
    text_bytes: int  # what the gateway sees of the prompt
    stream: bool
    deadline_s: float | None = None
    leaves_after_s: float | None = None
    ends_at_await: tuple[int, bool] | None = None  # cancelled at its n-th await; True: when that is just over
    replica: int = 0


@dataclass
class Plan:
    """All of a world but its chances."""

    seed: int
    snapshot: Snapshot
    secrets: dict[str, str]  # of tenants
    requests: list[Request] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)  # by key
    host_faults: dict[str, list[Fault]] = field(default_factory=dict)  # by provider
    tells: frozenset[str] = frozenset()  # keys whose provider sends headers
    outsiders: dict[str, list[float]] = field(default_factory=dict)  # by key, when someone else uses it
    latency_s: dict[str, float] = field(default_factory=dict)
    ceilings: dict[str, Limits] = field(default_factory=dict)  # by key, where the provider's are other ones
    replicas: int = 1
    crashes: list[tuple[float, int]] = field(default_factory=list)  # when, which replica
    ledger_away: list[tuple[float, float]] = field(default_factory=list)
    link_s: tuple[float, float] = (0.0005, 0.005)  # one way to the ledger, at least and at most
    link_loses: float = 0.0  # of the calls to the ledger, how many of each kind go wrong
    seconds: float = TRAFFIC_S
    until: float = BEGIN_S + TRAFFIC_S + DRAIN_S

    @property
    def command(self) -> str:
        """What runs it again."""
        own = self.replicas == replicas_of(self.seed)
        return f"scripts/simulate --seed {self.seed}" + ("" if own else f" --replicas {self.replicas}")


def replicas_of(seed: int) -> int:
    """How many the world of that seed has."""
    return 1 if seed % 5 < 2 else Random(f"{seed}/replicas").choice(REPLICAS)


def draw(seed: int, replicas: int | None = None) -> Plan:
    """The world of that seed; with other `replicas` than its own it is another world."""
    chance = Random(seed)
    replicas = replicas_of(seed) if replicas is None else replicas
    shared = replicas > 1
    providers = [_provider(f"p{number}") for number in range(chance.randint(1, 2 if shared else 3))]
    most = 3 - len(providers) if shared else 3
    keys = [
        _key(chance, provider, number) for provider in providers for number in range(chance.randint(1, most))
    ]
    routes, local = _routes(chance, providers), None
    if chance.random() < 0.6:
        local = _provider("local", flavour="vllm", local=True)
        places = Limits(concurrency=chance.randint(1, 4))
        keys.append(ProviderKey("local-0", local, Secret("secret-local-0"), None, places))
        target = Target(local, "small")
        routes = {
            name: replace(route, overflow=target if chance.random() < 0.7 else None)
            for name, route in routes.items()
        }
    tenants = {f"t{number}": Tenant(f"t{number}", chance.choice([1.0, 1.0, 2.0, 3.0])) for number in range(5)}
    depth = chance.choice([20, 60, 1000])
    own = {name: Limits(rpm=30) for name in tenants if chance.random() < 0.1}
    snapshot, secrets = _snapshot(chance, keys, routes, tenants, depth, own)
    plan = Plan(seed, snapshot, secrets, replicas=replicas)
    if shared:
        plan.seconds, plan.until = _SHARED_S, BEGIN_S + _SHARED_S + _SHARED_DRAIN_S
    if chance.random() < 0.3:
        plan.snapshot = replace(snapshot, hedge=Hedge(enabled=True, tokens_ratio=0.1))
    load = _capacity(keys) * chance.choice(_SHARED_LOADS if shared else _LOADS)
    most_requests = _SHARED_REQUESTS_MAX if shared else _REQUESTS_MAX
    plan.requests = _traffic(chance, plan, min(load, most_requests / plan.seconds))
    _trouble(chance, plan)
    _outage(Random(f"{seed}/outage"), plan)
    if shared:
        _share(Random(f"{seed}/shared"), plan)
    return plan


def steady(
    limits: dict[str, Limits],
    sources: Sequence[tuple[str, str, int, float]],
    seconds: float = TRAFFIC_S,
    *,
    replicas: Sequence[float] = (1.0,),
    depth: int = 1000,
) -> Plan:
    """A world without any trouble: a provider with one key each for `limits`, and a route of its name.

    `sources` are (tenant, route, rank, requests a second), all requests alike; of each the `replicas` get their
    shares.
    """
    chance = Random(0)
    keys = [
        ProviderKey(f"{name}-0", _provider(name), Secret(f"secret-{name}-0"), None, each)
        for name, each in limits.items()
    ]
    routes = {key.provider.id: ModelRoute(key.provider.id, (Target(key.provider, "m"),)) for key in keys}
    tenants = {name: Tenant(name) for name in sorted({source[0] for source in sources})}
    snapshot, secrets = _snapshot(chance, keys, routes, tenants, depth)
    plan = Plan(0, snapshot, secrets, until=BEGIN_S + seconds, replicas=len(replicas))
    for number, (tenant, route, rank, rate) in enumerate(sources):
        own, at, count = Random(f"{number}/{tenant}/{route}/{rank}"), BEGIN_S, 0
        while (at := at + own.expovariate(rate)) < BEGIN_S + seconds:
            count += 1
            name = f"{tenant}/{route}/{rank}/{count}"
            (at_replica,) = own.choices(range(len(replicas)), replicas) if len(replicas) > 1 else (0,)
            plan.requests.append(
                Request(name, at, tenant, route, rank, 20, 10, 10, 74, stream=False, replica=at_replica)
            )
    plan.requests.sort(key=lambda one: one.at)
    return plan


def _provider(name: str, flavour: str = "generic", *, local: bool = False) -> Provider:
    return Provider(name, "openai", flavour, Origin("http", name, 80), "/v1", _APIS, local=local)


def _key(chance: Random, provider: Provider, number: int) -> ProviderKey:
    """A tier: at least one ceiling, sometimes all of them, sometimes other ones for a class of models."""
    rpm = chance.choice([5, 12, 40, 90, 180])
    limits = Limits(rpm=rpm)
    if chance.random() < 0.5:
        limits = replace(limits, tpm=rpm * chance.choice([200, 600, 2000]))
    if chance.random() < 0.3:
        limits = replace(limits, itpm=rpm * chance.choice([100, 400]))
    if chance.random() < 0.2:
        limits = replace(limits, otpm=rpm * chance.choice([100, 400]))
    if chance.random() < 0.3:
        limits = replace(limits, concurrency=chance.choice([1, 3, 10]))
    if chance.random() < 0.15:
        limits = replace(limits, rpm=None, tpm=limits.tpm or rpm * 500)
    own = (("big*", Limits(rpm=max(2, rpm // 4))),) if chance.random() < 0.2 else ()
    name = f"{provider.id}-{number}"
    return ProviderKey(
        name,
        provider,
        Secret(f"secret-{name}"),
        None if chance.random() < 0.8 else frozenset({"t0", "t1"}),
        limits,
        chance.choice([None, None, 1.0, 10.0]),
        model_limits=own,
    )


def _routes(chance: Random, providers: Sequence[Provider]) -> dict[str, ModelRoute]:
    routes = {}
    for name in ("chat", "big", "fast"):
        order = chance.sample(list(providers), chance.randint(1, len(providers)))
        targets = tuple(Target(provider, name) for provider in order)
        routes[name] = ModelRoute(name, targets, hint="fast" if name == "fast" else None)
    return routes


def _capacity(keys: Sequence[ProviderKey]) -> float:
    """Requests a second, roughly, that the keys let through."""
    return sum((key.limits.rpm or 60) for key in keys if not key.provider.local) / 60


def _snapshot(
    chance: Random,
    keys: list[ProviderKey],
    routes: dict[str, ModelRoute],
    tenants: dict[str, Tenant],
    depth: int,
    own: Mapping[str, Limits] = MappingProxyType({}),
) -> tuple[Snapshot, dict[str, str]]:
    pepper = b"p" * 40
    secrets = {name: f"kz-{name}" for name in tenants}
    tenant_keys = [
        TenantKey(
            "web",
            tenant,
            hmac.digest(pepper, secrets[name].encode(), "sha256"),
            limits=own.get(name, Limits()),
        )
        for name, tenant in tenants.items()
    ]
    snapshot = Snapshot(
        generation=1,
        providers={key.provider.id: key.provider for key in keys},
        provider_keys=tuple(keys),
        routes=routes,
        tenants=tenants,
        tenant_keys={key.digest: key for key in tenant_keys},
        pepper=pepper,
        bounds=Bounds(first_frame_s=10.0, frame_gap_s=10.0),
        queue=Queue(depth_max=depth, overflow_depth=chance.choice([2, 10, 50])),
        routing=Routing(chance.choice(["adaptive", "adaptive", "round_robin"])),
    )
    return snapshot, secrets


def _traffic(chance: Random, plan: Plan, load: float) -> list[Request]:
    """`load` requests a second from several sources, each one tenant's work of one class on one route."""
    shares = [chance.expovariate(1.0) for _ in range(chance.randint(4, 10))]
    requests: list[Request] = []
    for source, share in enumerate(shares):
        own = Random(f"{plan.seed}/{source}")  # so that a source can be left out and the others stay
        rate = load * share / sum(shares)
        tenant, route = own.choice(list(plan.snapshot.tenants)), own.choice(list(plan.snapshot.routes))
        rank = own.choices(range(5), (2, 3, 3, 2, 2))[0]
        bursty, size = own.random() < 0.3, own.choice([20, 100, 400])
        at = BEGIN_S
        while True:
            at += own.expovariate(rate * (3 if bursty else 1))
            if at >= BEGIN_S + plan.seconds:
                break
            if bursty and int(at / 10) % 3:
                continue
            requests.append(
                _request(own, f"{source}-{len(requests)}", at, tenant, route, rank, size, plan.replicas)
            )
    return sorted(requests, key=lambda one: one.at)


def _request(
    own: Random, name: str, at: float, tenant: str, route: str, rank: int, size: int, replicas: int
) -> Request:
    input_ = max(1, int(own.lognormvariate(0, 0.6) * size))
    if own.random() < 0.01:
        input_ *= 50  # sometimes more than any key allows
    output = max(1, int(own.lognormvariate(0, 0.6) * size / 2))
    guess = own.choice([1.0, 1.0, 1.0, 0.7, 1.6])
    ends = None
    if own.random() < 0.08:
        ends = own.randint(1, 6), own.random() < 0.6
    return Request(
        name, at, tenant, route, rank, input_, output,
        own.choice([None, output, output * 3]),
        int(input_ / 0.27 * guess),
        own.random() < 0.4,
        deadline_s=own.choice([1.0, 5.0, 30.0, 90.0]) if own.random() < 0.15 else None,
        leaves_after_s=own.expovariate(1 / 10) if own.random() < 0.05 else None,
        ends_at_await=ends,
        replica=own.randrange(replicas),
    )  # fmt: skip


def _trouble(chance: Random, plan: Plan) -> None:
    """Bad moments of keys and providers, other users, providers that tell and that do not."""
    for key in plan.snapshot.provider_keys:
        if chance.random() < 0.5:
            plan.tells |= {key.id}
        plan.latency_s[key.id] = chance.choice([0.05, 0.3, 1.0])
        for _ in range(chance.choice([0, 0, 1, 2])):
            begin = BEGIN_S + chance.uniform(5, plan.seconds)
            fault = Fault(chance.choice(_KINDS), begin, begin + chance.expovariate(1 / 8))
            plan.faults.setdefault(key.id, []).append(fault)
        if chance.random() < 0.2 and key.limits.rpm:
            rate, at = key.limits.rpm / 60 * chance.uniform(0.1, 0.6), BEGIN_S
            while (at := at + chance.expovariate(rate)) < BEGIN_S + plan.seconds:
                plan.outsiders.setdefault(key.id, []).append(at)
    sliced = {key.provider.id for key in plan.snapshot.provider_keys if key.burst_s is not None}
    for provider in plan.snapshot.providers:
        if chance.random() < 0.25:
            begin = BEGIN_S + chance.uniform(5, plan.seconds)
            # Who dials for longer than a slice sends in another one than it was charged in: a 429 is the backstop.
            kind = chance.choice(["down"] if provider in sliced else ["down", "dial"])
            fault = Fault(kind, begin, begin + chance.uniform(2, 30))
            plan.host_faults.setdefault(provider, []).append(fault)


def _outage(chance: Random, plan: Plan) -> None:
    """In some worlds the first target of a route is dead for long: its provider is away, or all its keys fail."""
    firsts = [
        route.targets[0].provider.id for route in plan.snapshot.routes.values() if len(route.targets) > 1
    ]
    if not firsts or chance.random() < 0.5:
        return
    provider = chance.choice(firsts)
    begin = BEGIN_S + chance.uniform(1, plan.seconds / 2)
    end = begin + chance.uniform(20, plan.seconds / 2)
    lose(plan, provider, Fault(chance.choice(["down", "error"]), begin, end))


def lose(plan: Plan, provider: str, fault: Fault) -> None:
    """All of the provider's keys have that fault, before any others; `down`: nor can it be connected to."""
    if fault.kind == "down":
        plan.host_faults.setdefault(provider, []).insert(0, fault)
    for key in plan.snapshot.provider_keys:
        if key.provider.id == provider:
            plan.faults.setdefault(key.id, []).insert(0, fault)


def _share(chance: Random, plan: Plan) -> None:
    """Replicas that die, a ledger that is lost and comes back knowing nothing, calls that go wrong."""
    sliced = any(key.burst_s is not None for key in plan.snapshot.provider_keys)
    # In slices nothing is set aside for who is cut off: there a provider's refusal is the backstop (`alone.py`).
    mode = chance.choice(["closed", "safe_share"])
    plan.snapshot = replace(plan.snapshot, on_ledger_loss="closed" if sliced else mode)
    begin, end = BEGIN_S + 2, BEGIN_S + plan.seconds
    if chance.random() >= _SPARED:
        plan.link_loses = chance.choice([0.01, 0.05])
    if chance.random() >= _SPARED:
        for _ in range(chance.choice([1, 1, 2])):
            plan.crashes.append((chance.uniform(begin, end), chance.randrange(plan.replicas)))
    if chance.random() >= _SPARED:
        lost = chance.uniform(begin, end)
        plan.ledger_away.append((lost, lost + chance.choice([0.5, 3.0, 10.0])))
        if len({number for _, number in plan.crashes}) == plan.replicas:
            plan.crashes.pop()  # what nobody knows any more cannot be told


assert len(PRIORITIES) == len(CLASSES)

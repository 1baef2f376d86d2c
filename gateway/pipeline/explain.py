"""A dry run of a request: where it would go, in the order in which that is tried, and why not elsewhere.

Nothing is taken, charged or changed. The choice between keys of one target also depends on chance and on what last
served the prompt's beginning, so keys that could serve equally well stand in the order of the configuration.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from math import inf
from typing import Any

from gateway.admission.dimension import CONCURRENCY
from gateway.admission.eligibility import look_at, opens_at
from gateway.admission.grantor import Grantor
from gateway.admission.memory_ledger import LedgerTime
from gateway.charge import Charge, Estimate
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.pipeline.account import Account
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.budget_outlook import BudgetOutlook, Funds
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.router import Router, Way, speaks
from gateway.settings.assemble import RefusedPool
from gateway.settings.snapshot import (
    PRIORITIES,
    RANKS,
    ModelRoute,
    ProviderKey,
    Snapshot,
    Target,
    Tenant,
    TenantKey,
)

Row = dict[str, object]
_OUTPUT_TOKENS = 500
_LEDGER_AWAY = "the shared ledger is away"
#: What a shared ledger may take to answer, which is no wait for room.
_ASKED_MS = 250


class NotKnownError(Exception):
    """What was asked about is not configured."""


class Explainer:
    """`router` gives the one of the configuration in force, `refused_pools` what the database has of pools that are
    not; without `budgets` none are told of."""

    def __init__(
        self,
        router: Callable[[], Router],
        dispatcher: Dispatcher,
        grantor: Grantor,
        time: LedgerTime,
        clock: Clock,
        reservations: Reservations,
        budgets: BudgetOutlook | None = None,
        worker: int = 0,
        refused_pools: Callable[[], Sequence[RefusedPool]] = tuple,
    ) -> None:
        self._router = router
        self._dispatcher = dispatcher
        self._grantor = grantor
        self._time = time
        self._clock = clock
        self._reservations = reservations
        self._budgets = budgets
        self._worker = worker
        self._refused_pools = refused_pools

    async def explain(self, asked: Mapping[str, Any]) -> Row:
        """`asked` as `ExplainBody` has it. Raises NotKnownError."""
        router = self._router()
        tenant = router.snapshot.tenants.get(asked["tenant"])
        if tenant is None:
            raise NotKnownError("There is no such tenant in force.")
        key = _key_of(router.snapshot, tenant, asked["key"])
        rank = _rank(asked["priority"], key)
        output = asked["max_tokens"]
        estimate = Estimate(
            asked["input_tokens"], asked["input_tokens"], _OUTPUT_TOKENS if output is None else output, output,
            guessed=output is None,
        )  # fmt: skip
        said: Row = {
            "worker": self._worker,
            "tenant": tenant.id,
            "key": None if key is None else key.id,
            "model": asked["model"],
            "api": asked["api"],
            "priority": PRIORITIES[rank],
            "generation": router.snapshot.generation,
            "limits": [] if key is None else self._limits_of(key, estimate),
            "budgets": None,
        }
        found, refused = None, None
        try:
            found = router.candidates(tenant, asked["model"], asked["api"])
        except GatewayError as error:
            refused = {"code": error.condition.code, "message": error.message}
        funds = Funds({})
        if self._budgets is not None:
            funds = await self._budgets.funds(tenant, key, found, asked)
            said["budgets"] = funds.rows()
        route = router.snapshot.resolve(tenant, asked["model"])
        ways = [] if found is None else [way for keys in found.targets for way in keys]
        rows = [self._way(way, ways, rank, estimate, funds) for way in ways]
        used = {(way.target, way.key_id) for way in ways}
        for target in () if route is None else route.targets:
            rows += _barred(router.snapshot, tenant, target, asked["api"], used)
            rows += _not_in_force(router.snapshot, target, self._refused_pools())
        local = () if found is None else found.overflow
        overflow = [self._way(way, local, rank, estimate, funds) for way in local]
        models = _known_of(route)
        return {**said, "refused": refused, "candidates": rows, "overflow": overflow, "models": models}

    def _way(self, way: Way, ways: Sequence[Way], rank: int, estimate: Estimate, funds: Funds) -> Row:
        now, account = self._clock.monotonic(), way.account
        charge = account.adapter.at_start(estimate)
        usage = self._grantor.usage(account.id, self._time.at(now)) if account.limited else ()
        reasons = [*self._reasons(way, ways, rank, charge, now), *funds.why_not(way)]
        history = way.health.history
        return {
            "target": str(way.target),
            "pool": way.key_id,
            "account": account.id,
            "usable": not reasons,
            "why_not": reasons,
            "in_flight": account.in_flight,
            "health": {"state": way.health.state, "reason": history[-1].reason if history else None},
            "charge": dict(zip(("requests", "input", "output", "tokens"), charge.units(), strict=True)),
            "balances": [
                {
                    "dimension": one.dimension,
                    "used": one.used,
                    "limit": one.limit,
                    "free": max(0, one.limit - one.used),
                    "blocked_s": one.blocked_ms / 1000,
                }
                for one in usage
            ],
            **funds.of(way),
        }

    def _reasons(self, way: Way, ways: Sequence[Way], rank: int, charge: Charge, now: float) -> Iterator[str]:
        """Why it would not go that way of those `ways` now."""
        account, health = way.account, way.health
        retries = self._dispatcher.retries
        if opens_at(way, ways, rank, now, retries) > now:
            at = look_at(way, ways, rank, now, retries)
            when = f"for {at - now:.1f} s"
            if at == inf:
                mends = f"a person mends it (kaze pool verify {way.key_id})"
                when = f"until {'it is there again' if health.credential.is_away else mends}"
            why = f": {health.history[-1].reason}" if health.history else ""
            failed = health.state == "healthy" and health.doubted
            state = f"{health.state}, but the last attempt failed" if failed else health.state
            yield f"its health is {state}, {when}{why}"
        if now < account.blocked_until:
            yield f"blocked for {account.blocked_until - now:.1f} s, by what its provider said of it lately"
        if account.limited:
            wait_ms = self._grantor.next_free_in(account.id, charge, rank, self._time.at(now))
            if wait_ms is None:
                yield "the request is larger than one of its ceilings"
            elif wait_ms > 0 and self._grantor.is_shut(account.id, self._time.at(now)):
                yield f"{_LEDGER_AWAY}: until it answers nothing goes there (on_ledger_loss)"
            elif wait_ms > 0 and self._grantor.is_cut_off(account.id, self._time.at(now)):
                share = "this worker's safe share is used up (on_ledger_loss)"
                yield f"{_LEDGER_AWAY}, and {share}: room when it answers, or in {wait_ms / 1000:.1f} s"
            elif wait_ms > _ASKED_MS or (wait_ms > 0 and not self._has_room(account, charge, now)):
                yield f"one of its ceilings is used up: room in {wait_ms / 1000:.1f} s"
        if self._dispatcher.line.waits_for(account.id, rank):
            yield "requests of this or a more urgent class wait for it"

    def _has_room(self, account: Account, charge: Charge, now: float) -> bool:
        """For all that this worker knows: a shared ledger has yet to be asked."""
        usage = self._grantor.usage(account.id, self._time.at(now))
        return all(
            one.used + (1 if dimension.axis == CONCURRENCY else charge[dimension.axis]) <= one.limit
            for one, dimension in zip(usage, account.terms.dimensions, strict=True)
        )

    def _limits_of(self, key: TenantKey, estimate: Estimate) -> list[Row]:
        """The tenant key's own ceilings."""
        allowance = self._reservations.allowance(key)
        if allowance is None:
            return []
        account = allowance.account
        now = self._time.at(self._clock.monotonic())
        is_shut = self._grantor.is_shut(account, now)
        try:
            charge = allowance.charge(estimate)
        except GatewayError:  # it never fits
            charge = Charge(1, estimate.input, estimate.output, estimate.input + estimate.output)
        needed = {"itpm": charge.input, "otpm": charge.output, "tpm": charge.tokens}
        return [
            {
                "dimension": one.dimension,
                "used": one.used,
                "limit": one.limit,
                "free": max(0, one.limit - one.used),
                "fits": not is_shut and one.used + needed.get(one.dimension, 1) <= one.limit,
                "problem": f"{_LEDGER_AWAY} (on_ledger_loss)" if is_shut else None,
            }
            for one in self._grantor.usage(account, now)
        ]


def _key_of(snapshot: Snapshot, tenant: Tenant, name: str | None) -> TenantKey | None:
    if name is None:
        return None
    for key in snapshot.tenant_keys.values():
        if key.id == name and key.tenant.id == tenant.id:
            return key
    raise NotKnownError("There is no such key of that tenant in force.")


def _known_of(route: ModelRoute | None) -> Row:
    """By target, what is known of the model: which requests it suits, and who said so."""
    if route is None:
        return {}
    targets = route.targets if route.overflow is None else (*route.targets, route.overflow)
    return {str(target): target.facts.told() for target in targets}


def _rank(priority: str | None, key: TenantKey | None) -> int:
    """The class that it would get: never above the key's own bound."""
    wanted = RANKS[priority or ("conversation" if key is None else key.priority)]
    return wanted if key is None else max(wanted, RANKS[key.priority_max])


def _barred(
    snapshot: Snapshot, tenant: Tenant, target: Target, api: str, used: Set[tuple[Target | None, str]]
) -> Iterator[Row]:
    """The keys of its provider that are not for such a request at all."""
    keys = [key for key in snapshot.provider_keys if key.provider.id == target.provider.id]
    if not keys:
        yield _unusable(target, None, "no key of its provider is in force")
    for key in keys:
        if (target, key.id) not in used:
            yield _unusable(target, key.id, *_why_barred(key, tenant, target, api))


def _not_in_force(snapshot: Snapshot, target: Target, refused: Sequence[RefusedPool]) -> Iterator[Row]:
    """The pools of its provider that the database names and that could not be taken."""
    if refused:
        known = {key.id for key in snapshot.provider_keys}
        for pool in refused:
            if pool.provider == target.provider.id and pool.id not in known:
                yield _unusable(target, pool.id, f"it is not in force: {pool.why}")


def _unusable(target: Target, pool: str | None, *why_not: str) -> Row:
    return {"target": str(target), "pool": pool, "usable": False, "why_not": list(why_not)}


def _why_barred(key: ProviderKey, tenant: Tenant, target: Target, api: str) -> Iterator[str]:
    if not speaks(target, api):
        yield f"its provider does not offer '{api}' in this dialect"
    if key.tenants is not None and tenant.id not in key.tenants:
        yield "it is not for this tenant"
    if not key.serves(target.model):
        yield "it is not for this model"
    state = getattr(key, "state", "enabled")
    if state != "enabled":
        yield f"it is {state}"

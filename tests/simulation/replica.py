"""One gateway process of a world: the real pipeline from the key check to the settlement, on the world's network.

Only what touches a socket is the world's: the caller's connection, and the loop below the upstream connections.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zlib import crc32

import orjson
from prometheus_client import CollectorRegistry

from gateway.admission.affinity import Affinity
from gateway.admission.choice import Choice
from gateway.admission.dimension import SET_ASIDE_PERMILLE
from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.hedge import Hedging
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.retry_budget import RetryBudget
from gateway.charge import Makeup
from gateway.dialects.openai_stream import CompletionStream
from gateway.dialects.sealed_ids import SealedIds
from gateway.exchange import Exchange, Sized
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.attempt import Sender
from gateway.pipeline.authenticate import Authenticator
from gateway.pipeline.call import Upstream
from gateway.pipeline.charging import Charging
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.pipeline import Generation, Pipeline
from gateway.pipeline.relay import Relay
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.router import Candidates, Router
from gateway.pipeline.settle import Settlement
from gateway.pipeline.work import Work
from gateway.pipeline.written import Written
from gateway.request_log import RequestLog
from gateway.settings.snapshot import PRIORITIES, ProviderKey, Snapshot, Target
from gateway.upstream.pool import Pool
from tests.simulation.caller_end import CallerEnd, EndingAt
from tests.simulation.observed import Observed, ObservedMetrics, Witness
from tests.simulation.plan import Request
from tests.simulation.shared import Link
from tests.simulation.virtual_time import VirtualLoop

_BIRTH = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
_TEXT = 0  # kind of content


class WorldClock:
    """The clock of a world: its loop's."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time

    def utc(self) -> datetime:
        return _BIRTH + timedelta(seconds=self.monotonic())

    def unix(self) -> float:
        return self.utc().timestamp()


class Replica:
    """The gateway's parts as `gateway.app` puts them together, with a witness."""

    def __init__(
        self,
        name: str,
        snapshot: Snapshot,
        clock: WorldClock,
        grantor: Grantor,
        time: LedgerTime,
        witness: Witness,
        chance: Random,
        *,
        link: Link | None = None,
    ) -> None:
        self.name, self.witness, self.link = name, witness, link
        self.snapshot, self.grantor, self.time, self.clock = snapshot, grantor, time, clock
        metrics = ObservedMetrics(CollectorRegistry(), witness)
        self._estimator = estimator = Estimator(metrics)
        health = HealthTable(snapshot.provider_keys)
        self.accounts = accounts = Accounts(
            grantor, snapshot.provider_keys, set_aside_permille(snapshot, link), time.now()
        )
        retries = RetryBudget(snapshot.bounds.attempts_ratio)
        choice = Choice[Account](snapshot.routing.strategy, Affinity(), chance, retries)
        self.dispatcher = dispatcher = Observed(
            accounts, grantor, choice, Charging(estimator), retries, snapshot, time, clock, metrics, witness
        )
        witness.dispatchers.append(dispatcher)
        metrics.dispatcher = dispatcher
        if isinstance(grantor, Leases):
            grantor.watch(dispatcher.waiters)
        hedging = Hedging(snapshot.hedge)
        lessons = Lessons(dispatcher, grantor, health, hedging, metrics, time, clock)
        self._pools: dict[str, Pool] = {}
        sender = Sender(dispatcher, lessons, self._pool_of, snapshot.bounds, clock)
        upstream = Upstream(dispatcher, lessons, sender, hedging, clock)
        relay = Relay(
            snapshot.bounds, SealedIds(snapshot.pepper), Written(self.grantor, estimator, time, clock)
        )
        generation = Generation(
            snapshot, Authenticator(snapshot, clock.utc), dispatcher, lessons, upstream, relay
        )
        self._router = Router(snapshot, accounts, health, time, clock)
        settlement = Settlement(clock, metrics, RequestLog(metrics.log_dropped, bound=0), estimator)
        self.reservations = Reservations(grantor, time)
        self.pipeline = Pipeline(generation, self._router.renewed, clock, settlement, self.reservations)

    async def serve(self, request: Request, secret: str, end: CallerEnd) -> None:
        """One request to its end, as its plan has it."""
        headers = [
            (b"authorization", b"Bearer " + secret.encode()),
            (b"x-gateway-priority", _priority(request)),
        ]
        if request.deadline_s is not None:
            headers.append((b"x-gateway-deadline-ms", b"%d" % (request.deadline_s * 1000)))
        end.named = dict(headers)
        run = self.pipeline.run(
            end, headers, "chat", "openai", lambda exchange, _: self._prepare(exchange, request)
        )
        if request.ends_at_await is None:
            await run
        else:
            await EndingAt(run, *request.ends_at_await, end.leave)

    def _prepare(self, exchange: Exchange, request: Request) -> tuple[Work, Candidates]:
        """As `gateway.api.inference` does with a body."""
        assert exchange.tenant_key is not None
        self.witness.began(request, exchange, self.dispatcher)
        tenant = exchange.tenant_key.tenant
        candidates = self._router.candidates(tenant, request.route, "chat")
        exchange.route, exchange.model = candidates.route, request.route
        exchange.streaming, exchange.body_bytes = request.stream, request.text_bytes
        made_of = Makeup(((_TEXT, request.text_bytes),), 4, 8, 256, 1, request.output_max)
        target = candidates.first_target
        assert target is not None and candidates.route is not None
        estimate = self._estimator.estimate(made_of, tenant.id, candidates.route.label, target.model)
        exchange.sizing = Sized(made_of, estimate)

        def body(target: Target | None) -> bytes:
            assert target is not None
            return self._body(request, exchange, target)

        stream = (lambda: CompletionStream(False)) if request.stream else None
        # Not `hash`, which is another one in every process: a seed is to give the same world again.
        prefix = crc32(request.tenant.encode()) if request.text_bytes % 2 else 0
        return Work("POST", "chat", "/chat/completions", body, stream=stream, prefix=prefix), candidates

    def _body(self, request: Request, exchange: Exchange, target: Target) -> bytes:
        attempt = self.witness.attempt(request.id)
        told: dict[str, Any] = {
            "id": request.id, "attempt": attempt, "replica": self.name, "model": target.model, "in": request.input,
            "out": request.output, "max": request.output_max, "stream": request.stream,
        }  # fmt: skip
        return orjson.dumps(told)

    def _pool_of(self, key: ProviderKey) -> Pool:
        pool = self._pools.get(key.provider.id)
        if pool is None:
            pool = self._pools[key.provider.id] = Pool(key.provider.origin, self.snapshot.bounds)
        return pool

    def crash(self) -> None:
        """Nothing that it knows is told to anybody any more. Its exchanges are the world's to end."""
        assert self.link is not None
        self.link.cut = True
        self.dispatcher.close()
        assert isinstance(self.grantor, Leases)
        self._closing = asyncio.get_running_loop().create_task(self.grantor.aclose())

    async def aclose(self) -> None:
        self.dispatcher.close()
        if isinstance(self.grantor, Leases):
            await self.grantor.aclose()
        for pool in self._pools.values():
            await pool.aclose()


def set_aside_permille(snapshot: Snapshot, link: Link | None) -> int:
    """As `gateway.pipeline.shared_ledger`."""
    return SET_ASIDE_PERMILLE if link is not None and snapshot.on_ledger_loss == "safe_share" else 0


def _priority(request: Request) -> bytes:
    return PRIORITIES[request.rank].encode()

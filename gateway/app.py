"""Builds everything once and closes it in reverse. The only module that knows all classes."""

import asyncio
from functools import partial
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gateway.admission.affinity import Affinity
from gateway.admission.choice import Choice
from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.hedge import Hedging
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.retry_budget import RetryBudget
from gateway.api.admin import admin_app
from gateway.api.data_plane import DataPlane
from gateway.api.health import health_routes
from gateway.api.inference import Inference
from gateway.api.models import ModelCatalogue
from gateway.clock import Clock, SystemClock
from gateway.dialects.sealed_ids import SealedIds
from gateway.loop_lag import LoopLag
from gateway.metrics import Metrics
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.authenticate import Authenticator
from gateway.pipeline.call import Upstream
from gateway.pipeline.charging import Charging
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.pipeline import Generation, Pipeline
from gateway.pipeline.queue_readings import QueueReadings
from gateway.pipeline.readings import Readings, lease_counts
from gateway.pipeline.relay import Relay
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.router import Router
from gateway.pipeline.settle import Settlement
from gateway.pipeline.shared_ledger import set_aside_permille, shared_ledger
from gateway.pipeline.unread import Unread
from gateway.pipeline.written import Written
from gateway.request_log import RequestLog
from gateway.settings.server import Settings
from gateway.settings.snapshot import Provider, ProviderKey
from gateway.upstream.pool import Pool


class App:
    """One worker's gateway. `data` and `admin` are the ASGI applications of its two listeners.

    `unread` is to be told of what the data plane's listener refuses by itself.
    """

    def __init__(
        self, settings: Settings, *, worker: int = 0, clock: Clock | None = None, log_fd: int = 1
    ) -> None:
        snapshot = settings.snapshot
        clock = clock or SystemClock()
        self._settings = settings
        self._worker = worker
        self._pools: dict[Provider, Pool] = {}
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, lambda: self.live)
        metrics.config_generation = snapshot.generation
        self._log = RequestLog(metrics.log_dropped, fd=log_fd)
        self._lag = LoopLag(metrics.lagged)
        ids = SealedIds(snapshot.pepper)
        self.ledger_time = time = LedgerTime(clock)
        self._shared = shared_ledger(settings, clock)
        self._leases = self._leased(settings, time, metrics)
        self.ledger: Grantor = MemoryLedger(time) if self._leases is None else self._leases
        grantor = self.ledger
        estimator = Estimator(metrics)
        health = HealthTable(snapshot.provider_keys)
        accounts = Accounts(grantor, snapshot.provider_keys, set_aside_permille(settings), time.now())
        retries = RetryBudget(snapshot.bounds.attempts_ratio)
        choice = Choice[Account](snapshot.routing.strategy, Affinity(), Random(), retries)
        self._dispatcher = dispatcher = Dispatcher(
            accounts, grantor, choice, Charging(estimator), retries, snapshot, time, clock, metrics
        )
        if self._leases is not None:
            self._leases.watch(dispatcher.waiters)
        hedging = Hedging(snapshot.hedge)
        lessons = Lessons(dispatcher, grantor, health, hedging, metrics, time, clock)
        upstream = Upstream(dispatcher, lessons, self._pool_of, snapshot.bounds, hedging, clock)
        generation = Generation(
            snapshot,
            Authenticator(snapshot),
            dispatcher,
            lessons,
            upstream,
            Relay(snapshot.bounds, ids, Written(grantor, estimator, time, clock)),
        )
        router = Router(snapshot, accounts, health, time, clock)
        self._readings = Readings(accounts, dispatcher, grantor, health, time, clock)
        metrics.also(self._readings.gauges)
        settlement = Settlement(clock, metrics, self._log, estimator)
        reservations = Reservations(grantor, time)
        reservations.open(snapshot.tenant_keys.values())
        self.pipeline = pipeline = Pipeline(generation, clock, settlement, reservations)
        self.unread = Unread(clock, metrics, self._log)
        probes = Starlette(routes=health_routes(lambda: pipeline.draining))
        catalogue = ModelCatalogue(snapshot, clock.utc())
        self.data = DataPlane(pipeline, Inference(router, ids, estimator), catalogue, probes)
        queue = QueueReadings(worker, dispatcher, clock)
        self.admin = admin_app(
            settings.admin_key, self.registry, self.state, queue, lambda: pipeline.draining
        )

    @property
    def live(self) -> int:
        """Exchanges in flight."""
        return len(self.pipeline.live)

    async def start(self) -> None:
        self._log.start()
        self._lag.start(asyncio.get_running_loop())

    def drain(self) -> None:
        """Not ready any more; new exchanges are refused, those in flight go on."""
        self.pipeline.drain()

    def end_streams(self) -> None:
        """The grace time is over: end what is still in flight."""
        self.pipeline.end_all()

    def state(self) -> dict[str, object]:
        """Live state for the admin API."""
        snapshot = self._settings.snapshot
        source = self._settings.source
        return {
            "worker": {
                "worker": self._worker,
                "in_flight": self.live,
                "draining": self.pipeline.draining,
                "connections": [
                    {"provider": provider.id, **pool.state()} for provider, pool in self._pools.items()
                ],
            },
            "pools": [self._readings.pool(key) for key in snapshot.provider_keys],
            "config": {
                "generation": snapshot.generation,
                "source": str(Path(source)) if source else None,
                "providers": sorted(snapshot.providers),
                "models": sorted(snapshot.routes),
                "tenants": sorted(snapshot.tenants),
            },
        }

    async def aclose(self) -> None:
        """Close upstream connections, then write out the log."""
        self._lag.stop()
        self._dispatcher.close()
        for pool in self._pools.values():
            await pool.aclose()
        if self._leases is not None:
            await self._leases.aclose()
        if self._shared is not None:
            await self._shared.aclose()
        await asyncio.to_thread(self._log.close)

    def _leased(self, settings: Settings, time: LedgerTime, metrics: Metrics) -> Leases | None:
        """This worker's part of the shared ledger; None where there is none."""
        if self._shared is None:
            return None
        mode = settings.snapshot.on_ledger_loss
        leases = Leases(
            self._shared,
            time,
            f"worker-{self._worker}",
            on_ledger_loss=mode,
            workers=settings.workers,
            on_degraded=partial(metrics.degraded, "ledger", mode),
            on_call=metrics.ledger_called,
        )
        metrics.degraded("ledger", mode, False)
        metrics.also(partial(lease_counts, leases))
        return leases

    def _pool_of(self, key: ProviderKey) -> Pool:
        provider = key.provider
        pool = self._pools.get(provider)
        if pool is None:
            pool = self._pools[provider] = Pool(
                provider.origin,
                self._settings.snapshot.bounds,
                proxy=provider.egress_proxy,
                proxy_auth=provider.egress_proxy_auth,
                ca_file=provider.ca_file,
            )
        return pool

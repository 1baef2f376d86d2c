"""Builds everything once and closes it in reverse. The only module that knows all classes."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from budgets.price_file import load_seed
from budgets.price_table import PriceTable
from budgets.treasury import Treasury
from gateway.admission.affinity import Affinity
from gateway.admission.choice import Choice
from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.hedge import Hedging
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.retry_budget import RetryBudget
from gateway.api.admin import Administered, admin_app
from gateway.api.data_plane import DataPlane
from gateway.api.health import health_routes
from gateway.api.inference import Inference
from gateway.api.live import OwnLive
from gateway.api.models import ModelCatalogue
from gateway.api.resources.configured import Configured
from gateway.api.rest.anchors import FILE, Anchors
from gateway.api.rest.answer import Problem
from gateway.api.rest.service import Service
from gateway.clock import Clock, SystemClock
from gateway.dialects.replay_memory import ReplayMemory
from gateway.dialects.sealed_ids import SealedIds
from gateway.errors import KEYS_UNAVAILABLE, GatewayError
from gateway.loop_lag import LoopLag
from gateway.metrics import Metrics, Reading
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.attempt import Sender
from gateway.pipeline.authenticate import Authenticator, UnknownKeyError
from gateway.pipeline.budget_outlook import BudgetOutlook
from gateway.pipeline.call import Upstream
from gateway.pipeline.charging import Charging
from gateway.pipeline.connections import Connections
from gateway.pipeline.databases import Databases
from gateway.pipeline.departed import Departed
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.explain import Explainer
from gateway.pipeline.key_use import KeyUse
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.money_watch import MoneyWatch
from gateway.pipeline.pipeline import Generation, Pipeline
from gateway.pipeline.provider_secrets import ProviderSecrets
from gateway.pipeline.queue_readings import QueueReadings
from gateway.pipeline.readings import Readings, lease_counts
from gateway.pipeline.reinstatement import Reinstatement
from gateway.pipeline.relay import Relay
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.response_store import ResponseStore
from gateway.pipeline.router import Router
from gateway.pipeline.secret_sources import secret_sources
from gateway.pipeline.settle import Settlement
from gateway.pipeline.shared_ledger import set_aside_permille, shared_ledger
from gateway.pipeline.spending import Spending
from gateway.pipeline.stored_answers import StoredAnswers
from gateway.pipeline.swap import Swap
from gateway.pipeline.unread import Unread
from gateway.pipeline.written import Written
from gateway.request_log import RequestLog
from gateway.settings.following import Following
from gateway.settings.server import Settings
from gateway.settings.snapshot import ProviderKey, Snapshot
from gateway.upstream.fetch import Fetcher
from keys.digest import Pepper, digest


class App:
    """One worker's gateway. `data` and `admin` are the ASGI applications of its two listeners.

    `unread` is to be told of what the data plane's listener refuses by itself. Without `database_dsn` there is no
    database. `reread` reads the configuration file again: without it there is no `reload`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker: int = 0,
        clock: Clock | None = None,
        log_fd: int = 1,
        database_dsn: str | None = None,
        reread: Callable[[], Settings] | None = None,
        administers: bool = False,
    ) -> None:
        snapshot = settings.snapshot
        clock = clock or SystemClock()
        self._clock = clock
        self._data_dir = settings.data_dir
        self._worker = worker
        self._connections = connections = Connections(snapshot.bounds)
        self._fetcher = Fetcher(snapshot.bounds)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, lambda: self.live)
        self.databases = Databases(settings.database, database_dsn, clock.monotonic)
        self._log = RequestLog(metrics.log_dropped, fd=log_fd)
        self._lag = LoopLag(metrics.lagged)
        ids = SealedIds(snapshot.pepper, snapshot.pepper_previous)
        self.ledger_time = time = LedgerTime(clock)
        self._shared = shared_ledger(settings, clock)
        self._leases = self._leased(settings, time, metrics)
        self.ledger: Grantor = MemoryLedger(time) if self._leases is None else self._leases
        grantor = self.ledger
        estimator = Estimator(metrics)
        health, departed = HealthTable(snapshot.in_service, clock.monotonic()), Departed(grantor)
        accounts = Accounts(grantor, snapshot.in_service, set_aside_permille(settings), time.now(), departed)
        self._dispatcher = dispatcher = self._dispatching(snapshot, accounts, estimator, time, metrics)
        anchored = Anchors(settings.data_dir / FILE, clock.utc).add
        self._key_use = KeyUse(self.databases.primary, clock, Pepper(snapshot.pepper).version, anchored)
        hedging = Hedging(snapshot.hedge)
        lessons = Lessons(dispatcher, grantor, health, hedging, metrics, time, clock)
        sender = Sender(dispatcher, lessons, connections.of, snapshot.bounds, clock)
        upstream = Upstream(dispatcher, lessons, sender, hedging, clock)
        known = Authenticator(snapshot, clock.utc, self._key_use.used, self._key_use.outdated)
        relay = Relay(snapshot.bounds, ids, Written(grantor, estimator, time, clock))
        generation = Generation(snapshot, known, dispatcher, lessons, upstream, relay)
        router = Router(snapshot, accounts, health, time, clock)
        self._readings = Readings(accounts, dispatcher, grantor, health, time, clock)
        reservations = Reservations(grantor, time, departed)
        self.pipeline = pipeline = Pipeline(
            generation, router.renewed, clock, Settlement(clock, metrics, self._log, estimator), reservations
        )
        self.unread = Unread(clock, metrics, self._log)
        reading = Inference(router, ids, estimator, ReplayMemory(), self._fetcher, clock)
        catalogue = ModelCatalogue(snapshot, clock.utc())
        self.data = DataPlane(pipeline, reading, catalogue, self._probes())
        self._swap = Swap(
            pipeline, accounts, health, router, reservations, dispatcher, connections, departed, metrics,
            time, clock,
        )  # fmt: skip
        self._swap.followers.append(catalogue.configure)
        self._secrets = self._provider_secrets(settings, health, metrics, lessons, upstream)
        self.following = Following(
            settings, self.databases, reread, self._secrets.warm, self._put_in_force, clock.monotonic
        )
        pipeline.unknown = self._unknown_key
        self._spending = pipeline.spending = self._books(settings, snapshot, metrics, router)
        self._stored_answers = self._kept_for_all(pipeline, snapshot)
        self._responses = self._kept_responses(snapshot, reading)
        metrics.also(partial(self._scraped, metrics))
        #: What runs, as the admin API shows it.
        self.running = self._shown(router, health)
        self.admin = self._operated(settings, administers)

    def _is_draining(self) -> bool:
        return self.pipeline.draining

    def _probes(self) -> Starlette:
        return Starlette(routes=health_routes(self._is_draining))

    @property
    def live(self) -> int:
        """Exchanges in flight."""
        return len(self.pipeline.live)

    async def start(self) -> None:
        self._log.start()
        self._lag.start(asyncio.get_running_loop())
        await self.databases.start()
        if self._spending is not None:
            self._spending.priced_by(await asyncio.to_thread(load_seed, self._data_dir / "prices"))
            await self._spending.treasury.start()
        if self._stored_answers is not None:
            self._stored_answers.start()
        if self._responses is not None:
            self._responses.start()
        await self._secrets.start()
        await self._secrets.warm(self.following.snapshot)
        self._renew()
        await self.following.start()
        self._key_use.start()

    async def reload(self) -> str | None:
        """Read the configuration file again; what is wrong with it, and then nothing has changed."""
        return await self.following.reload()

    async def reload_by_signal(self) -> None:
        """The same, and that it was is written down."""
        await self.admin.reloaded_by_signal(await self.reload())

    def drain(self) -> None:
        """Not ready any more; new exchanges are refused, those in flight go on."""
        self.pipeline.drain()

    def end_streams(self) -> None:
        """The grace time is over: end what is still in flight."""
        self.pipeline.end_all()

    def state(self) -> dict[str, Any]:
        """Live state for the admin API."""
        snapshot = self.pipeline.generation.snapshot
        return {
            "worker": {
                "worker": self._worker,
                "in_flight": self.live,
                "draining": self.pipeline.draining,
                "connections": self._connections.state(),
            },
            "pools": [self._readings.pool(key) for key in snapshot.provider_keys],
            "config": self._configuration(),
        }

    def _keys(self) -> dict[str, ProviderKey]:
        return {key.id: key for key in self.pipeline.generation.snapshot.provider_keys}

    async def _reload_now(self) -> dict[str, object]:
        problem = await self.reload()
        if problem is not None:
            raise Problem(422, problem)
        return self._configuration()

    def _configuration(self) -> dict[str, object]:
        vault = self._secrets.vault
        return {**self.following.state(), "vault": None if vault is None else vault.why_away() or "answers"}

    async def aclose(self) -> None:
        """Close upstream connections, then write out the log."""
        self._lag.stop()
        self._swap.close()
        self._dispatcher.close()
        await self.following.close()
        await self._secrets.close()
        await self._key_use.close()
        if self._stored_answers is not None:
            await self._stored_answers.close()
        if self._responses is not None:
            await self._responses.close()
        if self._spending is not None:
            await self._spending.treasury.close()
        await self.databases.close()
        self._fetcher.close()
        await self._connections.aclose()
        if self._leases is not None:
            await self._leases.aclose()
        if self._shared is not None:
            await self._shared.aclose()
        await asyncio.to_thread(self._log.close)

    def _dispatching(
        self, snapshot: Snapshot, accounts: Accounts, estimator: Estimator, time: LedgerTime, metrics: Metrics
    ) -> Dispatcher:
        """Who goes next, and by which way."""
        retries = RetryBudget(snapshot.bounds.attempts_ratio)
        choice = Choice[Account](snapshot.routing.strategy, Affinity(), Random(), retries)
        charging = Charging(estimator)
        made = Dispatcher(
            accounts, self.ledger, choice, charging, retries, snapshot, time, self._clock, metrics
        )
        if self._leases is not None:
            self._leases.watch(made.waiters)
        return made

    def _operated(self, settings: Settings, administers: bool) -> Service:
        """The admin listener's application; what changes the database only where this is the only process."""
        return admin_app(
            settings.admin_key,
            self.running,
            lambda: Configured(self.following.snapshot, self.following.file, self.following.refused),
            self._clock,
            self._is_draining,
            Administered.of(self.databases, settings.data_dir) if administers else None,
        )

    def _provider_secrets(
        self, settings: Settings, health: HealthTable, metrics: Metrics, lessons: Lessons, upstream: Upstream
    ) -> ProviderSecrets:
        """The secrets of provider keys, which are looked at again when a provider refuses one."""
        monotonic = self._clock.monotonic
        sources = secret_sources(settings.vault, settings.declared.environ, monotonic)
        taken = frozenset({digest(settings.snapshot.pepper, settings.admin_key.reveal())})
        made = ProviderSecrets(sources, health, metrics, monotonic, self._renew, taken)
        lessons.refused, upstream.has_another_secret = made.refused, made.has_another
        return made

    def _books(
        self, settings: Settings, snapshot: Snapshot, metrics: Metrics, router: Router
    ) -> Spending | None:
        """The money of this worker; None where there is no database to keep the books."""
        if self.databases.primary is None:
            return None
        clock, watched = self._clock, MoneyWatch(metrics)
        treasury = Treasury(
            settings.data_dir / "spool",
            self.databases.primary,
            PriceTable(None),
            clock.unix,
            clock.monotonic,
            watched.watch,
            reconciles=self._worker == 0,
        )
        spending = Spending(treasury, snapshot, router.renewed, clock)
        self._swap.followers.append(spending.configure)
        metrics.also(spending.readings)
        metrics.also(watched.readings)
        return spending

    def _shown(self, router: Router, health: HealthTable) -> OwnLive:
        budgets = None
        if self._spending is not None and self.databases.reads is not None:
            budgets = BudgetOutlook(self._spending, self.databases.reads)
        grantor, time, clock = self.ledger, self.ledger_time, self._clock
        explainer = Explainer(
            lambda: router, self._dispatcher, grantor, time, clock, self.pipeline.reservations, budgets,
            self._worker, lambda: self.following.refused_pools,
        )  # fmt: skip
        queue = QueueReadings(self._worker, self._dispatcher, clock)
        by_person = Reinstatement(
            self._keys, health, self._secrets, self._connections, self._dispatcher, clock
        )
        return OwnLive(
            self.registry, self.state, queue, explainer, by_person=by_person, reload=self._reload_now
        )  # fmt: skip

    def _kept_for_all(self, pipeline: Pipeline, snapshot: Snapshot) -> StoredAnswers | None:
        """Answers to idempotency keys; None where each worker has only its own."""
        if self.databases.primary is None:
            return None
        bounds, sweeps = snapshot.bounds, self._worker == 0
        made = StoredAnswers(self.databases.primary, bounds.idempotent_answer_bytes // 4, sweeps=sweeps)
        pipeline.idempotency.stored = made
        return made

    def _kept_responses(self, snapshot: Snapshot, reading: Inference) -> ResponseStore | None:
        """Responses that callers may go on from; None where there is no database."""
        if self.databases.primary is None:
            return None
        bounds, sweeps = snapshot.bounds, self._worker == 0
        made = ResponseStore(self.databases.primary, bounds.stored_bytes, sweeps=sweeps)
        reading.responses.store = made
        return made

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

    def _put_in_force(self, snapshot: Snapshot) -> None:
        self._swap.to(self._secrets.filled(snapshot))

    def _renew(self) -> None:
        """A provider's secret is another one."""
        self._swap.renew(self._secrets.filled(self.following.snapshot))

    async def _unknown_key(self, error: UnknownKeyError) -> None:
        """It may have been made a moment ago. What cannot be looked up now is not refused for good."""
        in_vault = self._secrets.awaited.are_away
        if not error.may_be_one and not in_vault:
            raise error
        if not await self.following.look() or in_vault:
            raise GatewayError(
                KEYS_UNAVAILABLE, "This key cannot be checked at the moment.", retry_after_s=1.0
            )

    def _scraped(self, metrics: Metrics) -> Iterator[Reading]:
        """What nobody counts, as it is at a scrape."""
        yield from self._readings.gauges()
        yield from self.databases.readings(metrics)
        yield from self._configuration_readings()

    def _configuration_readings(self) -> Iterator[Reading]:
        refused = [((), float(len(self.following.refused)))]
        yield Reading("config_rows_refused", "Rows of the database that do not count.", (), refused)

"""Another configuration while requests run: all that depends on the snapshot follows it at once, on the loop.

What is known of a provider key or a tenant key goes on under its id: what is under way there, how full its windows
are, how it does. Exchanges that are under way end with what they began with. What is no longer configured takes
nothing new and leaves when its last exchange has ended; who waits for it in line goes elsewhere, or is told.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from gateway.admission.health_table import HealthTable
from gateway.admission.memory_ledger import LedgerTime
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.pipeline.account import Accounts
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.connections import Connections
from gateway.pipeline.departed import Departed
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.reexamine import reexamine
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.router import Router
from gateway.settings.snapshot import Snapshot

_LOOK_S = 1.0
_HOUR_S = 3600.0

log = logging.getLogger("gateway")


class Swap:
    """`to` is the whole of it. `followers` are told of each snapshot when it is in force."""

    def __init__(
        self,
        pipeline: Pipeline,
        accounts: Accounts,
        health: HealthTable,
        router: Router,
        reservations: Reservations,
        dispatcher: Dispatcher,
        connections: Connections,
        departed: Departed,
        metrics: Metrics,
        time: LedgerTime,
        clock: Clock,
    ) -> None:
        self._pipeline = pipeline
        self._accounts = accounts
        self._health = health
        self._router = router
        self._reservations = reservations
        self._dispatcher = dispatcher
        self._connections = connections
        self._departed = departed
        self._metrics = metrics
        self._time = time
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self.followers: list[Callable[[Snapshot], None]] = []

    def to(self, snapshot: Snapshot) -> None:
        """This one from now on."""
        moved = self.renew(snapshot)
        for follow in self.followers:
            follow(snapshot)
        self._sweep()
        log.info(
            "configuration %d is in force: %d tenants with %d keys, %d pools, %d models; %d waiting requests moved",
            snapshot.generation,
            len(snapshot.tenants),
            len(snapshot.tenant_keys),
            len(snapshot.provider_keys),
            len(snapshot.routes),
            moved,
        )

    def renew(self, snapshot: Snapshot) -> int:
        """The same for one that differs in its provider keys' secrets alone; how many who wait were moved."""
        now = self._clock.monotonic()
        before = self._pipeline.generation
        self._accounts.configure(snapshot.in_service, self._time.at(now))
        self._health.configure(snapshot.in_service, now)
        self._router.configure(snapshot)
        self._reservations.configure(snapshot.tenant_keys)
        self._connections.retain(snapshot.providers)
        before.upstream.configure()
        self._pipeline.generation = replace(
            before, snapshot=snapshot, authenticator=before.authenticator.succeeded_by(snapshot)
        )
        self._metrics.config_generation = snapshot.generation
        moved = reexamine(self._dispatcher.line, self._router)
        self._dispatcher.room_anywhere()  # a ceiling may be higher now
        return moved

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        """Let those leave whose last exchange has ended; look again while there are others."""
        waits = self._dispatcher.line.waiting_at
        leaving = self._accounts.sweep(lambda account: waits(account) > 0, self._time.now())
        leaving = self._connections.sweep() or leaving
        self._departed.sweep(self._time.now())
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S if leaving else _HOUR_S, self._sweep)

"""What an exchange must hold of its tenant key's own limits before it may queue; money is `spending`'s.

Taken before anything goes upstream, or refused at once: these limits are the tenant's, so nobody waits for them.
One request and the tokens it is thought to take are charged, and at its end what it really used; what never went
upstream is as if it had never come. A key without limits has no reservation, no account and no call to a ledger.
When the ledger is away the grantor decides, as for everybody else.
"""

from collections.abc import Mapping

from gateway.admission.concurrency import LOOK_AGAIN_MS
from gateway.admission.dimension import account_of_tenant_key
from gateway.admission.grantor import Grant, Grantor
from gateway.admission.memory_ledger import LedgerTime
from gateway.charge import Charge
from gateway.exchange import NO_USAGE, Exchange
from gateway.pipeline.allowance import Allowance
from gateway.pipeline.departed import Departed
from gateway.record import Record
from gateway.settings.snapshot import TenantKey

#: Tenant keys' accounts are not paced: whatever its class, a request finds the same room.
_RANK = 0


class Reservations:
    """The tenant keys that have limits, and what their exchanges hold."""

    __slots__ = ("_allowances", "_departed", "_former", "_grantor", "_time")

    def __init__(self, grantor: Grantor, time: LedgerTime, departed: Departed | None = None) -> None:
        self._grantor = grantor
        self._time = time
        self._departed = Departed(grantor) if departed is None else departed
        #: Of keys that were used; None where they have no limits.
        self._allowances: dict[TenantKey, Allowance | None] = {}
        #: By account, of keys as they were before they changed or went.
        self._former: dict[str, Allowance] = {}

    def configure(self, keys: Mapping[bytes, TenantKey]) -> None:
        """These are the keys from now on, by digest. What they were charged before stays charged."""
        for key, allowance in list(self._allowances.items()):
            if keys.get(key.digest) is not key:
                del self._allowances[key]
                if allowance is not None:
                    self._former[allowance.terms.id] = allowance
                    self._departed.went(allowance.terms.id, self._time.now())
        self._former = {id_: one for id_, one in self._former.items() if self._departed.remembers(id_)}

    def allowance(self, key: TenantKey) -> Allowance | None:
        """What a key that is in force may use; None when it has no limits."""
        try:
            return self._allowances[key]
        except KeyError:
            return self._opened(key)

    def _opened(self, key: TenantKey) -> Allowance | None:
        """Of a key that is used for the first time since it is as it is."""
        terms = account_of_tenant_key(key)
        allowance = None
        if terms.dimensions:
            self._grantor.open_account(terms, self._time.now())
            self._departed.came_back(terms.id)
            allowance = self._former.pop(terms.id, None) or Allowance(key.id, terms, self._grantor)
            allowance.configure(terms)
        self._allowances[key] = allowance
        return allowance

    def begin(self, exchange: Exchange) -> "Reservation | None":
        """For an authenticated exchange what will hold its place; None when its key has no limits."""
        assert exchange.tenant_key is not None
        allowance = self.allowance(exchange.tenant_key)
        return None if allowance is None else Reservation(exchange, allowance, self._grantor, self._time)


class Reservation(Record, eq=False):
    """One exchange's place within its key's limits: nothing until `take` or `obtain`, and again after `end`."""

    _exchange: Exchange
    _allowance: Allowance
    _grantor: Grantor
    _time: LedgerTime
    _grant: Grant | None = None

    def take(self, now: float) -> bool:
        """Take the place if that can be said at once; otherwise `obtain` is to be asked.

        `now` is monotonic. Raises GatewayError when no waiting would help.
        """
        now_ms, allowance = self._time.at(now), self._allowance
        charge = self._charge()
        grant = self._grant = self._grantor.take(allowance.account, charge, _RANK, now_ms)
        if grant is None:
            return False
        allowance.charged(charge, now_ms)
        return True

    async def obtain(self) -> None:
        """Take the place after `take` could not. Raises GatewayError when there is none."""
        allowance = self._allowance
        account, charge = allowance.account, self._charge()
        grant = self._grant = await self._grantor.obtain(account, charge, _RANK)
        now = self._time.now()
        if grant is None:
            if self._grantor.is_shut(account, now):
                raise allowance.unknown()
            wait_ms = self._grantor.next_free_in(account, charge, _RANK, now)
            raise allowance.used_up(charge, wait_ms or LOOK_AGAIN_MS, now)
        allowance.charged(charge, now)

    def _charge(self) -> Charge:
        sizing = self._exchange.sizing
        return self._allowance.charge(sizing.estimate().read(sizing.reads()))

    def answered(self) -> bytes:
        """The caller has their whole answer: the place is free, unless what was used is yet to be estimated.

        What is still to come from the provider, the end of its framing, must not keep out their next request.
        Returns `head` as it is then, for an answer that is sent at once.
        """
        now = self._time.now()
        if self._exchange.usage is not NO_USAGE:
            self._end(now)
        return self._allowance.head(self._exchange.dialect, now)

    def end(self) -> None:
        """Charge what was used in place of what was thought; nothing at all, if it never went upstream."""
        if self._grant is not None:
            self._end(self._time.now())

    def _end(self, now: int) -> None:
        exchange, grant = self._exchange, self._grant
        if grant is None:
            return
        self._grant = None
        if not exchange.attempts:
            self._grantor.give_back(grant, now)
            return
        usage = exchange.usage if exchange.ran_model else NO_USAGE
        charged = Charge(1, usage.input, usage.output, usage.input + usage.output)
        if charged.input > grant.charge.input or charged.output > grant.charge.output:
            self._allowance.newest = now  # what its old window no longer holds is charged now
        self._grantor.settle(grant, charged, now)

    def head(self) -> bytes:
        """The header lines that say how full the key's limits are."""
        return self._allowance.head(self._exchange.dialect, self._time.now())

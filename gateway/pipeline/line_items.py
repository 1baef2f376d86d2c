"""Tickets as the line knows them: on which accounts one may go, what it would be charged, how long it may wait."""

from math import inf

from gateway.admission.classes import CLASSES
from gateway.admission.grantor import Grantor
from gateway.admission.item import Item
from gateway.admission.memory_ledger import LedgerTime
from gateway.pipeline.account import share_of
from gateway.pipeline.attempts import group_of
from gateway.pipeline.charging import Charging
from gateway.pipeline.outlook import AccountOutlook
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Ticket
from gateway.pipeline.turned_away import full, no_credential, no_key, too_large


class LineItems:
    """Made of tickets, for the dispatcher."""

    def __init__(
        self, grantor: Grantor, charging: Charging, outlook: AccountOutlook, time: LedgerTime
    ) -> None:
        self._grantor = grantor
        self._charging = charging
        self._outlook = outlook
        self._time = time

    def of(self, ticket: Ticket, now: float) -> Item:
        """The ticket as the line knows it. Raises GatewayError when no way will be open to it in time."""
        exchange, rank = ticket.exchange, ticket.rank
        assert exchange.tenant_key is not None
        tenant, route = exchange.tenant_key.tenant, ticket.candidates.route
        ways = self.fitting(ticket, CLASSES[rank].ttl_s, now)
        charge = self._charging.of(ticket, ways[0])
        return Item(
            exchange.request_id,
            tuple(dict.fromkeys(way.account.id for way in ways)),
            rank,
            tenant.id,
            charge,
            share_of(ways[0].account, charge),
            exchange.body_bytes,
            exchange.arrived,
            CLASSES[rank].ttl_s,
            weight=tenant.weight,
            deadline=exchange.deadline or None,
            group=group_of(ticket, ways[0].health.model),
            hint=route.hint if route is not None else None,
            guessed=any(way.account.is_guess or self._charging.guessed(ticket, way) for way in ways),
            owner=ticket,
        )

    def fitting(self, ticket: Ticket, within_s: float, now: float) -> list[Way]:
        """The ways that the ticket may ever go. Raises GatewayError when none of them opens in time."""
        ways = list(ticket.ways())
        opens_in = min((self._outlook.way_opens_in(ticket, way, now) for way in ways), default=inf)
        if opens_in > within_s:
            if self._outlook.are_full(ticket, within_s, now):
                raise full(opens_in)
            away = [way.health.credential.is_away for way in ways]
            if ways and all(away):
                raise no_credential()
            refused = all(way.health.state == "invalid" for way in ways)
            raise no_key(opens_in, permanent=refused and not any(away))
        small = [way for way in ways if self._too_large(ticket, way, now)]
        ticket.tried = (*ticket.tried, *small)
        if len(small) == len(ways):
            raise too_large(self._charging.of(ticket, ways[0]), ways[0].account.terms)
        return [way for way in ways if way not in small]

    def _too_large(self, ticket: Ticket, way: Way, now: float) -> bool:
        if not way.account.limited:
            return False
        charge = self._charging.of(ticket, way)
        return self._grantor.next_free_in(way.account.id, charge, ticket.rank, self._time.at(now)) is None

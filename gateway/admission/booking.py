"""A batch booked into an account's state: the executable model of `ledger.lua`. Pure; integer milliseconds.

Order as in reference §2.4: membership, then what is booked once for a number, then the row of what waits,
then asks one by one, then stock. A contradiction (`Membership.contradicted`) starts the account's state anew.
"""

from collections.abc import Sequence

from gateway.admission.account_model import NO_HOLD, AccountModel
from gateway.admission.dimension import CONCURRENCY, AccountTerms
from gateway.admission.ledger import Answer, Ask, Batch, Settle, StockAsk, Verdict
from gateway.admission.membership import CLOCK_BACK_MS, FORGOTTEN_MS, Membership
from gateway.admission.relearning import Relearning
from gateway.admission.tenant_tags import TenantTags
from gateway.admission.waiting import Row, Waiting, by_axis, hold
from gateway.admission.window import LEASE_MS_MAX
from gateway.charge import Charge

#: Stock is for plenty: this much of every rate must be free, and one worker gets at most this part of what is.
STOCK_FREE_PERCENT = 30
STOCK_SHARE_DIVISOR = 10
STOCK_UNITS_MAX = 4096
#: When to ask again for room that is there but kept for others.
HELD_WAIT_MS = 50

_TOO_LARGE = Verdict(-1)


class Book:
    """Everything a ledger keeps of one account."""

    __slots__ = ("account", "last", "membership", "tags", "waiting")

    def __init__(
        self, terms: AccountTerms, now: int, epoch: int, relearning: Relearning | None = None
    ) -> None:
        self.last = now
        self.account = AccountModel(terms, now)
        self.membership = Membership(epoch, relearning)
        self.waiting = Waiting()
        self.tags = TenantTags()


def book(kept: Book | None, batch: Batch, now: int) -> tuple[Book, Answer]:
    """The account's state after `batch`, and the answer. Without `kept`, or when it is contradicted, a new one.

    `now` is the ledger's clock; small steps back are waited out. The epoch of a new state is its birth.
    """
    if kept is not None and kept.last - CLOCK_BACK_MS <= now < kept.last:
        now = kept.last
    if kept is None or now < kept.last or kept.membership.contradicted(batch, now):
        kept = _anew(kept, batch, now)
    kept.last = now
    kept.account.configure(batch.account, now)
    kept.account.touch(now)
    member = kept.membership.meet(batch, now)
    fresh = member.applied < batch.number
    if fresh:
        kept.membership.relearn(batch, kept.account, now)
    learning = kept.membership.learning(now)
    if not learning:
        _assume(kept)
    closed = learning or not member.joined
    if fresh:
        member.applied = batch.number
        _book_once(kept, batch, now, known=_is_known(kept, batch), closed=closed)
    return kept, _decide(kept, batch, now, learning=learning, joined=member.joined)


def _anew(former: Book | None, batch: Batch, now: int) -> Book:
    if former is None:
        return Book(batch.account, now, epoch=now)
    relearning = Relearning(now) if former.membership.known() else None
    made = Book(batch.account, now, max(now, former.membership.epoch + 1), relearning)
    for day in made.account.days:
        for old in former.account.days:
            day.inherit(old)
    return made


def _is_known(kept: Book, batch: Batch) -> bool:
    """Whether the batch's reports are about grants of this state."""
    return batch.seen is None or batch.seen.epoch == kept.membership.epoch


def _assume(kept: Book) -> None:
    """What was sent and nobody tells."""
    relearning, account = kept.membership.relearning, kept.account
    if relearning is not None:
        lump, at = relearning.lump(account.limits())
        former = relearning.charged(lump, at)
        if former != (lump, at):
            account.assume(former, lump, at)


def _book_once(kept: Book, batch: Batch, now: int, *, known: bool, closed: bool) -> None:
    account = kept.account
    if known:
        for report in batch.reports:
            to = min(report.at, max(report.sent_at, report.at - LEASE_MS_MAX))
            if to < report.at:
                account.move(report.charge, report.at, to)
        for back in batch.returns:
            account.give_back(back.charge, back.rank, back.at)
    for settle in batch.settles:
        # To a state that never saw the grant only what adds to it is news.
        delta = settle.delta if known else Charge(*(max(0, units) for units in settle.delta))
        account.settle(delta, settle.rank, _settled_at(settle, now), now)
    for observation in batch.observations:
        # What is missing here before all have told is not somebody else's use.
        account.observe(observation._replace(remaining=None) if closed else observation, now)
    if batch.served:
        kept.tags.book(batch.served, now)


def _settled_at(settle: Settle, now: int) -> int:
    return min(settle.at, now + LEASE_MS_MAX)


def _decide(kept: Book, batch: Batch, now: int, *, learning: bool, joined: bool) -> Answer:
    account, membership = kept.account, kept.membership
    if account.concurrency is not None:
        account.concurrency.beat(batch.worker, batch.in_flight, now)
    rows, elsewhere = kept.waiting.elsewhere(batch.worker, now)
    verdicts, refused, turn_ms = _verdicts(kept, batch, rows, now, closed=learning or not joined)
    kept.waiting.put(batch, refused, now)
    live = membership.live(now)
    # Who waits here besides those who asked and got it is served from the stock.
    plenty = not (rows or refused or learning or not joined)
    stock, stock_at = 0, 0
    if batch.stock is not None and plenty:
        stock_at = now + min(max(batch.stock.lease_ms, 0), LEASE_MS_MAX)
        stock = _stock(account, batch.stock, batch.worker, live, now, stock_at)
    waiting = [0] * 5
    for row in rows:
        waiting[row.rank] += row.requests
    return Answer(
        membership.epoch, membership.version, now, not joined, learning, tuple(verdicts), stock, stock_at,
        bool(rows), tuple(waiting), live, membership.known(), turn_ms, account.usage(now),
        account.served(), tuple(kept.tags.of(one.rank, one.tenant) for one in batch.served), elsewhere,
    )  # fmt: skip


def _verdicts(
    kept: Book, batch: Batch, rows: list[Row], now: int, *, closed: bool
) -> tuple[list[Verdict], list[Ask], int]:
    """The asks one by one. What one is refused for is kept from those behind it: small must not starve large.

    Also who was refused, and when it is the turn of the first of them.
    """
    account, tag_of = kept.account, kept.tags.of
    at = now + min(max(batch.lease_ms, 0), LEASE_MS_MAX)
    verdicts: list[Verdict] = []
    refused: list[Ask] = []
    ahead = [0] * len(NO_HOLD)
    wait_ms = turn_ms = 0
    for ask in batch.asks:
        if account.too_large(ask.charge):
            verdicts.append(_TOO_LARGE)
            continue
        held: Sequence[int] = ahead
        if rows:
            held = [sum(pair) for pair in zip(ahead, hold(rows, ask, tag_of, account.served()), strict=True)]
        if not closed and account.fits(ask.charge, ask.rank, held, now, at):
            account.commit(ask.charge, ask.rank, at, batch.worker)
            verdicts.append(Verdict(at))
            continue
        if not refused:
            wait_ms = account.free_at(ask.charge, ask.rank, now) - now or HELD_WAIT_MS
            before = hold(rows, ask, tag_of, account.served(), turn=True)
            turn_ms = max(wait_ms, account.free_at(ask.charge, ask.rank, now, before) - now)
        verdicts.append(Verdict(0, wait_ms))
        refused.append(ask)
        ahead = [sum(pair) for pair in zip(ahead, by_axis(ask.charge, 1), strict=True)]
    return verdicts, refused, turn_ms


def _stock(account: AccountModel, ask: StockAsk, owner: str, live: int, now: int, at: int) -> int:
    """As many leases as one worker's part of the free room has, and as fit at once like those of a paced class."""
    if account.free_share() <= STOCK_FREE_PERCENT or account.too_large(ask.charge):
        return 0
    most = min(ask.units, STOCK_UNITS_MAX)
    for rate in account.rates:
        if units := ask.charge[rate.axis]:
            free = rate.ceiling.limit - rate.window.used
            most = min(most, free // (STOCK_SHARE_DIVISOR * max(1, live)) // units)
            most = min(most, max(1, rate.at_once(paced=account.paced) // units))
    for day in account.days:
        if units := ask.charge[day.axis]:
            free = max(0, day.ceiling.limit - day.used(at))
            most = min(most, free // (STOCK_SHARE_DIVISOR * max(1, live)) // units)
    if account.concurrency is not None:
        free = account.concurrency.ceiling.limit - account.concurrency.in_use
        most = min(most, free // (STOCK_SHARE_DIVISOR * max(1, live)))
    whole = Charge(*(units * most for units in ask.charge))
    if most < 1 or not account.fits(whole, 1, NO_HOLD, now, at):
        return 0
    account.commit(whole, 1, at, owner)
    if account.concurrency is not None:
        account.concurrency.add(owner, most - 1)
    return most


assert len(NO_HOLD) == CONCURRENCY + 1
assert LEASE_MS_MAX < FORGOTTEN_MS

"""A worker's money from one end to the other: slices, spool, flush and books, on a real PostgreSQL."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from budgets.books import Books
from budgets.holder import Holder
from budgets.leasing import Waiting
from budgets.lost_workers import close_lost, lost_slices
from budgets.period import span
from budgets.reconciliation import Reconciliation
from budgets.reservation import Reservation, Unavailable
from budgets.slice import Budget, Want
from budgets.slices import Exhausted, Levels
from budgets.spool.claim import claim
from budgets.spool.segment import segments
from budgets.treasury import LATE_S, Treasury
from budgets.watch import Watch
from storage.connection import Row
from storage.database import ADMIN, EVERY_TENANT, FLUSHES, READS, Database
from tests.budgets.money_world import begin, held, open_treasury, reserve, settle, treasury
from tests.postgres import Stored

ALL = Budget("all", 10**6, "total")
KEY = Budget("key:a/web", 1000, "day", tenant="a")
SOFT = Budget("tenant:a", 100, "month", hard=False, tenant="a")
NOWHERE = "postgresql://kaze@/kaze?host=/nonexistent"


async def rows(database: Database, query: str) -> list[Row]:
    async with database.reads.transaction(EVERY_TENANT) as connection:
        return await connection.fetch(query)


async def posted(database: Database) -> dict[str, int]:
    found = await rows(
        database, "SELECT account, sum(posted_nusd)::bigint AS n FROM budget_posted GROUP BY 1"
    )
    return {row["account"]: row["n"] for row in found}


async def until(true: Callable[[], object]) -> None:
    """Real time passes: others have something to do for it."""
    while not true():
        await asyncio.sleep(0.01)


async def test_a_request_is_paid_for(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        reservation = await held(opened, "r1", (ALL, KEY), 300)
        assert [budget for budget, _ in reservation.accounts] == ["all", "key:a/web"]
        (balance,) = opened.balances([KEY])
        assert (balance.reserved, balance.spent, balance.span) == (300, 0, span("day", time.time()))
        assert settle(opened, begin(opened, reservation), 120) == 120
        opened.end(reservation)  # twice is once
        assert dict(opened.used_ratios()) == {"all": 0.00012, "key:a/web": 0.12}
        assert opened.readings().open_reservations == 0
    assert await posted(database) == {"all": 120, "key:a/web": 120}
    assert await rows(database, "SELECT 1 FROM budget_slices") == []  # nothing is kept by who has gone
    (row,) = await rows(database, "SELECT request_id, cost_nusd, reserved_nusd, tenant FROM usage_log")
    assert tuple(row.values()) == ("r1", 120, 300, "a")
    assert await Books(database.flushes).reconcile() == []


async def test_without_budgets_nobody_is_asked_and_all_is_written_down(
    database: Database, tmp_path: Path
) -> None:
    async with open_treasury(tmp_path, database) as opened:
        reservation = opened.reserve("r1", Levels(()), 300, 0.0)
        assert isinstance(reservation, Reservation)
        settle(opened, begin(opened, reservation), 7)
        unused = opened.reserve("r2", Levels(()), 300, 0.0)
        assert isinstance(unused, Reservation)
        opened.end(unused)
    assert [row["cost_nusd"] for row in await rows(database, "SELECT cost_nusd FROM usage_log")] == [7]


async def test_what_is_used_up_is_refused_and_what_is_free_passes(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        first = await held(opened, "r1", (KEY,), 900)
        settle(opened, begin(opened, first), 900)
        refused = await reserve(opened, "r2", (ALL, KEY), 101)
        assert isinstance(refused, Exhausted)
        assert (refused.budget, refused.left) == (KEY, 100) and refused.span.end > time.time()
        opened.end(await held(opened, "r3", (ALL, KEY), 100))
        opened.end(await held(opened, "r4", (ALL, KEY), 0))


async def test_soft_budgets_warn(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        warnings = []
        for number in range(3):
            reservation = await held(opened, f"r{number}", (SOFT,), 50)
            warnings.append(reservation.warnings)
            settle(opened, begin(opened, reservation), 50)
    assert warnings == [(), (("tenant:a", 100),), (("tenant:a", 100),)]
    assert await posted(database) == {"tenant:a": 150}


async def test_a_void_attempt_leaves_its_money_to_the_next(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        reservation = await held(opened, "r1", (KEY,), 600)
        first = begin(opened, reservation)
        with pytest.raises(ValueError, match="one attempt at a time"):
            begin(opened, reservation, 2)
        opened.void(first, "refused")
        settle(opened, begin(opened, reservation, 2), 80)
        with pytest.raises(ValueError, match="until it is over"):
            begin(opened, reservation, 3)
        with pytest.raises(ValueError, match="once"):
            opened.void(first)
    (row,) = await rows(database, "SELECT attempt, cost_nusd FROM usage_log")
    assert tuple(row.values()) == (2, 80)


async def test_who_is_given_up_pays_what_was_reserved_until_more_is_known(
    database: Database, tmp_path: Path
) -> None:
    unknown: list[str] = []
    async with open_treasury(tmp_path, database, Watch(unknown=unknown.append)) as opened:
        settled, void, silent = [
            begin(opened, await held(opened, name, (KEY,), 100)) for name in ("s", "v", "n")
        ]
        for attempt in (settled, void, silent):
            opened.end(attempt.reservation)
        assert unknown == ["s", "v", "n"]
        assert settle(opened, settled, 30) == 30
        opened.void(void, "never sent")
        with pytest.raises(ValueError, match="once"):
            opened.void(void)
    costs = await rows(database, "SELECT request_id, cost_nusd FROM usage_log ORDER BY request_id, number")
    assert [tuple(row.values()) for row in costs] == [
        ("n", 100),
        ("s", 100),
        ("s", -70),
        ("v", 100),
        ("v", -100),
    ]
    assert await posted(database) == {"key:a/web": 130}
    assert await Books(database.flushes).reconcile() == []


async def test_what_costs_more_than_was_reserved_is_counted(database: Database, tmp_path: Path) -> None:
    over: list[tuple[str, int]] = []
    async with open_treasury(tmp_path, database, Watch(overrun=lambda *said: over.append(said))) as opened:
        settle(opened, begin(opened, await held(opened, "r1", (KEY,), 100)), 130)
    assert over == [("r1", 30)] and await posted(database) == {"key:a/web": 130}


async def test_reservations_that_nobody_ends_end_by_themselves(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        long_ago = asyncio.get_running_loop().time() - LATE_S - 1
        opened.end(await held(opened, "r0", (KEY,), 100))
        stock = opened.balances([KEY])[0].free
        sent, unsent = (
            opened.reserve("r1", Levels((SOFT,)), 70, long_ago),
            opened.reserve("r2", Levels((SOFT,)), 50, long_ago),
        )
        assert isinstance(sent, Reservation) and isinstance(unsent, Reservation) and stock >= 0
        begin(opened, sent)
        await until(lambda: sent.over and unsent.over)
        assert opened.balances([SOFT])[0].spent == 70


async def test_who_stops_waiting_holds_nothing(database: Database, tmp_path: Path) -> None:
    async with open_treasury(tmp_path, database) as opened:
        first = await held(opened, "r1", (KEY,), 800)
        waiting = opened.reserve("r2", Levels((KEY,)), 800, asyncio.get_running_loop().time() + 600)
        assert isinstance(waiting, Waiting)
        task = asyncio.create_task(waiting.decided())
        behind = opened.reserve("r3", Levels((KEY,)), 10, asyncio.get_running_loop().time() + 600)
        assert isinstance(behind, Waiting)  # nobody overtakes who came before
        reservation = await behind.decided()  # but whom nobody can serve holds up nobody
        assert isinstance(reservation, Reservation)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        late = opened.reserve("r4", Levels((KEY,)), 800, asyncio.get_running_loop().time())
        assert isinstance(late, Waiting) and isinstance(await late.decided(), Unavailable)
        for one in (first, reservation):
            opened.end(one)
        opened.end(await held(opened, "r5", (KEY,), 1000))
    assert await posted(database) == {}


async def test_without_a_database_slices_are_spent_then_hard_budgets_are_unavailable(
    database: Database, tmp_path: Path
) -> None:
    absent = Database(NOWHERE)
    await absent.start()
    opened = treasury(tmp_path, absent)
    await opened.start()
    refused = await reserve(opened, "r1", (KEY,), 100)
    assert isinstance(refused, Unavailable) and refused.reason == "away"
    assert isinstance(opened.reserve("r2", Levels((KEY,)), 100, 1e12), Unavailable)  # at once
    soft = opened.reserve("r3", Levels((SOFT,)), 60, 1e12)
    assert isinstance(soft, Reservation)
    settle(opened, begin(opened, soft), 60)
    left = begin(opened, await held(opened, "r4", (), 10))
    assert opened.readings().spool_records == 3
    await opened.close(within_s=1.0)
    await absent.close()
    assert left.state.name == "UNDER_WAY"
    async with open_treasury(tmp_path, database) as again:  # the same seat, another epoch
        await until(lambda: not segments(tmp_path / "spool-0000"))
        assert again.readings().spool_records == 0
    costs = await rows(database, "SELECT request_id, cost_nusd, source FROM usage_log ORDER BY 1")
    assert [tuple(row.values()) for row in costs] == [("r3", 60, "provider"), ("r4", 10, "unknown")]


async def test_books_that_are_locked_are_away_before_their_time_outs_say_so(
    database: Database, stored: Stored, tmp_path: Path
) -> None:
    patient = Database(
        stored.application, lanes=(READS, replace(FLUSHES, statement_s=90.0, lock_s=60.0), ADMIN)
    )
    await patient.start()
    await patient.answering()
    async with open_treasury(tmp_path, patient) as opened:
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            refused = await reserve(opened, "r1", (KEY,), 100)
            assert isinstance(refused, Unavailable) and refused.reason == "away"
            assert isinstance(opened.reserve("r2", Levels((KEY,)), 100, 1e12), Unavailable)  # at once
        await until(lambda: not opened._leasing.away())
        opened.end(await held(opened, "r3", (KEY,), 100))
    await patient.close()


async def test_a_sibling_posts_what_the_dead_left_and_then_frees_its_slices(
    database: Database, tmp_path: Path
) -> None:
    recovered: list[int] = []
    dead = treasury(tmp_path, database)
    await dead.start()
    lost = begin(dead, await held(dead, "r1", (KEY,), 600))
    for task in dead._tasks:  # as if it was killed here
        task.cancel()
    await asyncio.gather(*dead._tasks, return_exceptions=True)
    async with open_treasury(tmp_path, database, Watch(recovered=recovered.append)) as sibling:
        busy = sibling.reserve("r2", Levels((KEY,)), 500, asyncio.get_running_loop().time())
        assert isinstance(busy, Waiting) and isinstance(await busy.decided(), Unavailable)
        await dead._writer.close()
        dead._claim.close()
        await sibling.recover()
        assert recovered == [1] and lost.intent.reserved == 600
        refused = await reserve(sibling, "r3", (KEY,), 500)
        assert isinstance(refused, Exhausted) and refused.left == 400
        opened_again = claim(tmp_path / "spool-0000")
        assert opened_again is not None and segments(opened_again.path) == []
        opened_again.close()
        await sibling.recover()
        assert recovered == [1]
    assert await posted(database) == {"key:a/web": 600}


async def _left_damaged(root: Path, database: Database) -> None:
    """A worker is killed that spent 600 of the key's 1000, and of the first of two requests nothing can be read."""
    dead = treasury(root, database)
    await dead.start()
    dead._tasks[1].cancel()  # nothing is posted
    first = await held(dead, "r1", (KEY,), 300)
    settle(dead, begin(dead, first), 300)
    settle(dead, begin(dead, await held(dead, "r2", (KEY,), 300)), 300)
    for task in dead._tasks:
        task.cancel()
    await asyncio.gather(*dead._tasks, return_exceptions=True)
    await dead._writer.close()
    dead._claim.close()
    (segment,) = segments(root / "spool-0000")
    data = bytearray(segment.path.read_bytes())
    for at in (at for at in range(len(data)) if data.startswith(b'"r1"', at)):
        data[at + 1] ^= 1
    segment.path.write_bytes(data)


async def _decided_now(opened: Treasury) -> str:
    """Of 500 for the key: `held` by others, as long as nobody says that it is spent."""
    asked = opened.reserve("r3", Levels((KEY,)), 500, asyncio.get_running_loop().time())
    decided = await asked.decided() if isinstance(asked, Waiting) else asked
    return "held" if isinstance(decided, Unavailable) else str(decided)


async def test_what_a_damaged_spool_does_not_tell_any_more_is_not_freed(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _left_damaged(tmp_path, database)
    began = datetime.now(UTC)
    damaged: list[int] = []
    kept: list[int] = []
    async with open_treasury(tmp_path, database, Watch(damaged=damaged.append, kept=kept.append)) as again:
        await again.recover()
        assert await _decided_now(again) == "held"  # 600 are spent, of which the books know 300
    assert await posted(database) == {"key:a/web": 300} and damaged == [1] and kept[-1] == 1
    (path,) = (tmp_path / "spool-0000").glob("*.damaged")
    assert f"{path}: " in caplog.text and " bytes at 0 are no usage record" in caplog.text
    async with open_treasury(tmp_path, database, Watch(kept=kept.append)) as later:  # and after any restart
        await later.recover()
        assert await _decided_now(later) == "held" and kept[-1] == 1
    async with database.admin.transaction(EVERY_TENANT) as connection:
        (lost,) = await lost_slices(connection, 10)
        assert lost.worker.endswith("-damaged") and lost.held >= 300
        assert lost.seen_at is not None and began <= lost.seen_at <= datetime.now(UTC)
        assert await close_lost(connection, lost.worker, time.time(), {}) == [lost]
        assert await lost_slices(connection, 10) == []
        dated = await connection.fetchval("SELECT started_at FROM usage_log WHERE source = 'unreconciled'")
        assert abs(dated - lost.seen_at) < timedelta(seconds=1)
    assert await posted(database) == {"key:a/web": 300 + lost.held}
    assert await Books(database.flushes).reconcile() == []


async def test_a_worker_that_finds_its_own_spool_damaged_frees_nothing_at_its_end(
    database: Database, tmp_path: Path
) -> None:
    opened = treasury(tmp_path, database)
    await opened.start()
    opened._tasks[1].cancel()
    for name in ("r1", "r2"):
        settle(opened, begin(opened, await held(opened, name, (KEY,), 300)), 300)
    (segment,) = segments(tmp_path / "spool-0000")
    with segment.path.open("r+b") as file:
        file.seek(segment.path.read_bytes().rindex(b'"r1"') + 1)
        file.write(b"x")
    settle(opened, begin(opened, await held(opened, "r3", (KEY,), 10)), 10)
    await opened.close()
    async with database.admin.transaction(EVERY_TENANT) as connection:
        assert [one.worker.endswith("-damaged") for one in await lost_slices(connection, 10)] == [True]


async def test_a_record_that_the_database_refuses_holds_up_no_other(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[str] = []
    async with open_treasury(tmp_path, database, Watch(refused=refused.append)) as opened:
        for number in range(5):
            reservation = await held(opened, f"r{number}", (), 0)
            settle(opened, begin(opened, reservation), 0, status=2**40 if number == 2 else 200)
    assert len(await rows(database, "SELECT 1 FROM usage_log")) == 4
    assert len(refused) == 1 and '"r2"' in refused[0] and "set aside" in caplog.text
    assert (tmp_path / "spool-0000" / "refused.ndjson").read_text() == refused[0] + "\n"


async def test_when_the_database_goes_slices_are_spent_and_no_more(
    database: Database, tmp_path: Path
) -> None:
    wide = Budget("all", 10**9, "month")
    async with open_treasury(tmp_path, database) as opened:
        for number in range(50):
            settle(opened, begin(opened, await held(opened, f"r{number}", (wide,), 1000)), 1000)
        await until(lambda: opened.balances([wide])[0].free >= 2000)
        await database.close()
        free = opened.balances([wide])[0].free
        served = 0
        while isinstance(decided := await reserve(opened, f"late-{served}", (wide,), 1000), Reservation):
            settle(opened, begin(opened, decided), 1000)
            served += 1
        assert isinstance(decided, Unavailable) and 1 <= served <= free // 1000
        assert isinstance(opened.reserve("free", Levels((wide,)), 0, 1e12), Reservation)
        assert opened.readings().spool_records >= served
        assert opened.admitted_classes() == 5


async def test_differences_are_told_and_old_slices_forgotten(database: Database, tmp_path: Path) -> None:
    told: list[int] = []
    now = 1_795_000_000.0
    books = Books(database.flushes)
    watch = Watch(differ=lambda found: told.append(len(found)))
    reconciliation = Reconciliation(books, lambda: now, watch)
    old, today = span("day", now - 50 * 86_400).key, span("day", now).key
    wants = [Want("all", period, 10, 10, 10 if period == old else 0, 1, ALL) for period in (old, today)]
    assert await books.exchange(Holder("w", 1), sorted(wants))
    await reconciliation.compare()
    assert [row["period"] for row in await rows(database, "SELECT period FROM budget_slices")] == [today]
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute("UPDATE budget_accounts SET committed_nusd = 11 WHERE period = $1", today)
    await reconciliation.compare()
    assert told == [0, 1]

"""Leases over a real server and a real connection that is cut, mute, mended; and a server that comes back empty."""

from pathlib import Path

from gateway.admission.dimension import Dimension
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.redis_ledger import RedisLedger
from gateway.charge import Charge
from tests.admission.ledgers import terms
from tests.admission.servers import Server, binaries
from tests.clock import LoopClock, until
from tests.cut_proxy import CutProxy

ONE = Charge(1)


async def test_cut_off_mute_and_mended(servers: dict[str, Server]) -> None:
    clock, away = LoopClock(), list[bool]()
    account = terms(Dimension("rpm", 100_000), set_aside_permille=10)
    async with CutProxy(str(servers["valkey"].socket)) as proxy:
        ledger = RedisLedger(f"redis://127.0.0.1:{proxy.port}", clock)
        leases = Leases(ledger, LedgerTime(clock), "w", on_ledger_loss="closed", on_degraded=away.append)
        time, sent = LedgerTime(clock), 0
        leases.open_account(account, time.now())

        def send() -> bool:
            nonlocal sent
            grant = leases.take(account.id, ONE, 1, time.now())
            if grant is None:
                return False
            sent += 1
            leases.settle(grant, ONE, time.now())
            return True

        await until(send)
        await proxy.cut()
        await until(lambda: away == [True])
        await until(lambda: not send())  # what was in hand is spent, or has ended
        assert leases.mode(time.now() + 5_000) == "closed"
        await proxy.mend()
        await until(lambda: away == [True, False])
        await until(send)
        proxy.mute = True  # booked, and the answer lost
        await until(lambda: away == [True, False, True])
        proxy.mute = False
        await until(lambda: len(away) == 4)
        await until(send)
        await leases.aclose()
        usage = leases.usage(account.id, time.now())[0]
        # What a lost answer granted stays charged.
        assert sent <= usage.used <= sent + 3 * 64
        await ledger.aclose()


async def test_restarted_empty(tmp_path: Path) -> None:
    server = Server(binaries()["valkey"], tmp_path)
    server.start()
    clock, away = LoopClock(), list[bool]()
    time, account = LedgerTime(clock), terms(Dimension("rpm", 20))
    ledger = RedisLedger(server.url, clock)
    leases = Leases(ledger, time, "w", on_degraded=away.append)
    leases.open_account(account, time.now())
    granted = [await leases.obtain(account.id, ONE, 0) for _ in range(20)]
    assert None not in granted
    server.stop()
    await until(lambda: away == [True])
    server.start()
    await until(lambda: away == [True, False])
    await until(lambda: leases.usage(account.id, time.now())[0].used == 20)
    assert await leases.obtain(account.id, ONE, 0) is None
    await leases.aclose()
    await ledger.aclose()
    server.stop()

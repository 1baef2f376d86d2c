"""Redis cut off, mute, restarted and without the script: told within a second, and booked once when it is back."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Batch, LedgerUnavailableError, Return
from gateway.admission.redis_connection import connect
from gateway.admission.redis_ledger import RedisLedger
from gateway.charge import Charge
from gateway.clock import SystemClock
from tests.admission.ledgers import asks, granted, terms
from tests.admission.servers import Server, binaries
from tests.clock import LoopClock, standing
from tests.cut_proxy import CutProxy

CANCELLED = 2000


async def test_cut_off_and_mended(servers: dict[str, Server]) -> None:
    account = terms(Dimension("rpm", 10))
    async with CutProxy(str(servers["valkey"].socket)) as proxy:
        ledger = RedisLedger(f"redis://127.0.0.1:{proxy.port}", LoopClock())
        first = await ledger.exchange(Batch(account, "w", 1, asks=asks(10)))
        assert granted(first) == 10
        back = Batch(account, "w", 2, first.seen(1), returns=(Return(first.verdicts[0].at, Charge(1), 0),))
        await proxy.cut()
        with pytest.raises(LedgerUnavailableError):
            await ledger.exchange(back)
        await proxy.mend()
        proxy.mute = True  # booked, and the answer lost
        with pytest.raises(LedgerUnavailableError):
            await ledger.exchange(back)
        proxy.mute = False
        answer = await ledger.exchange(back._replace(asks=asks(2)))
        assert granted(answer) == 1 and answer.epoch == first.epoch
        await ledger.aclose()


async def test_restarted_empty(tmp_path: Path) -> None:
    server = Server(binaries()["valkey"], tmp_path)
    server.start()
    ledger = RedisLedger(server.url, SystemClock())
    account = terms(Dimension("rpm", 10))
    first = await ledger.exchange(Batch(account, "w", 1, asks=asks(10)))
    server.stop()
    with pytest.raises(LedgerUnavailableError):
        await ledger.exchange(Batch(account, "w", 2, first.seen(1)))
    server.start()  # it has lost its scripts as well
    answer = await ledger.exchange(Batch(account, "w", 2, first.seen(1), asks=asks(1)))
    assert answer.relearn and granted(answer) == 0
    await ledger.aclose()
    server.stop()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:1/2", "rediss://u:p%40@h", "unix:///tmp/s", "redis+sentinel://u:p@a:1,b/kaze/3",
        "rediss+sentinel://a/kaze", "redis+cluster://u:p@a:7000", "rediss+cluster://[::1]:7000",
    ],
)  # fmt: skip
async def test_every_kind_of_url_makes_a_client(url: str) -> None:
    await connect(url).aclose()


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1",
        "unix:///tmp/kz-none",
        "redis+sentinel://127.0.0.1:1/kaze",
        "redis+cluster://127.0.0.1:1",
    ],
)
async def test_nobody_there_is_told_in_one_way(url: str) -> None:
    ledger = RedisLedger(url, LoopClock())
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError):
            await ledger.exchange(Batch(terms(Dimension("rpm", 1)), "w", 1))
    await ledger.aclose()


async def test_a_cancelled_call_gives_nobody_anothers_answer(servers: dict[str, Server]) -> None:
    """D19: calls given up at any moment; each account has a ceiling of its own, by which its answer is known."""
    ledger, chance, cut = RedisLedger(servers["valkey"].url, LoopClock()), Random(19), 0

    async def own_answer(number: int) -> None:
        ceiling = 1 + number % 37
        account = terms(Dimension("rpm", ceiling))
        answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(ceiling + 2)))
        assert granted(answer) == ceiling and len(answer.verdicts) == ceiling + 2

    async def given_up(number: int) -> bool:
        task = asyncio.create_task(own_answer(number))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        task.cancel()
        return isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)

    with standing():  # no answer comes too late, however slow the machine is
        for number in range(0, CANCELLED, 20):
            cut += sum(await asyncio.gather(*(given_up(number + one) for one in range(20))))
            await asyncio.gather(*(own_answer(number + one) for one in range(5)))
    assert cut > CANCELLED // 2
    await ledger.aclose()

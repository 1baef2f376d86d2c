"""Reaching an origin: several addresses, black holes, limits, and a dial that is given up half way."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream import dial
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from tests.clock import LIMIT_S, passes, turns
from tests.upstream.wire import GET, HELLO, LIMIT, Provider, overdue, sending

INET, INET6 = socket.AF_INET, socket.AF_INET6


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[object, ...]]) -> None:
    """The operating system's resolver is the only thing replaced in this suite: tests have no name server."""

    async def answer(*_args: object, **_kwargs: object) -> list[object]:
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]

    # uvloop's loop takes no attributes, so the resolver is put in front of it.
    class Resolving:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop

        def __getattr__(self, name: str) -> object:
            return answer if name == "getaddrinfo" else getattr(self._loop, name)

    class Asyncio:
        def get_running_loop(self) -> Resolving:
            return Resolving(asyncio.get_running_loop())

        def __getattr__(self, name: str) -> object:
            return getattr(asyncio, name)

    monkeypatch.setattr(dial, "asyncio", Asyncio())


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that takes no connection and refuses none: a listener whose backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    yield address
    for filler in fillers:
        filler.close()
    listener.close()


async def test_a_black_hole_before_a_good_address(
    provider: Provider, black_hole: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, (INET, black_hole), (INET, ("127.0.0.1", provider.origin.port)))
    pool = Pool(Origin("http", "provider.example", 80), Bounds())
    task = sending(pool)
    await passes(dial._STAGGER_S)
    wire = await provider.accept()
    assert await wire.request() == GET
    await wire.say(HELLO)
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
    await pool.aclose()


async def test_a_refusal_before_a_good_address(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, (INET, ("127.0.0.1", 1)), (INET, ("127.0.0.1", provider.origin.port)))
    pool = Pool(Origin("http", "provider.example", 80), Bounds())
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    await wire.say(HELLO)
    (await task).release()
    await pool.aclose()


async def test_every_address_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, (INET, ("127.0.0.1", 1)), (INET, ("127.0.0.1", 2)))
    with pytest.raises(UpstreamFailure) as failed:
        await sending(Pool(Origin("http", "provider.example", 80), Bounds()))
    assert (failed.value.kind, failed.value.sent) == ("connect", False)


@pytest.mark.parametrize("addresses", [1, 2])
async def test_only_black_holes(
    black_hole: tuple[str, int], addresses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, *[(INET, black_hole)] * addresses)
    pool = Pool(Origin("http", "provider.example", 80), Bounds(connect_s=LIMIT_S))
    task = sending(pool)
    await turns()  # the limit holds
    assert not (await overdue(task, "connect_timeout")).sent
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")
    await pool.aclose()


async def test_closing_a_pool_that_is_dialling(black_hole: tuple[str, int]) -> None:
    pool = Pool(Origin("http", *black_hole), Bounds(connect_s=LIMIT_S))
    task = sending(pool)
    await turns()
    closing = asyncio.create_task(pool.aclose())
    await overdue(task, "connect_timeout")
    await closing


def test_families_take_turns() -> None:
    found = [(INET6, ("a", 1)), (INET6, ("b", 1)), (INET, ("c", 1)), (INET6, ("d", 1))]
    assert [address[1][0] for address in dial._interleaved(found)] == ["a", "c", "b", "d"]  # type: ignore[arg-type]


async def test_no_delay(provider: Provider) -> None:
    pool = provider.pool()
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    (connection,) = pool._all
    assert connection._transport is not None
    sock = connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await wire.say(HELLO)
    (await task).release()


async def test_a_provider_that_answers_before_it_is_asked_and_leaves() -> None:
    """A full balancer does that. Whether it is heard before or after we write, it is a failure."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        pool = Pool(Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1]), Bounds())
        for _ in range(20):
            try:
                response = await sending(pool)
            except UpstreamFailure as failure:
                assert failure.kind in ("connect", "reset", "garbage")
            else:
                assert response.status == 503
                response.release()
        await pool.aclose()

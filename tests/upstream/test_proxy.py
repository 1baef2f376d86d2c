"""The egress proxy: one CONNECT, then the provider's own bytes through it."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.proxy import connect_request
from keys.secret import Secret
from tests.clock import LIMIT_S
from tests.upstream.authority import Authority
from tests.upstream.test_tls import hello
from tests.upstream.tls_provider import TLSProvider
from tests.upstream.wire import GET, HELLO, LIMIT, Provider, overdue, sending

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def tunnelling(tls: object = None) -> AsyncIterator[tuple[Origin, list[bytes]]]:
    """A real forwarding proxy, and the heads it was sent."""
    heads: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(ESTABLISHED)
        await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)  # type: ignore[arg-type]
    async with server:
        scheme = "https" if tls else "http"
        yield Origin(scheme, "127.0.0.1", server.sockets[0].getsockname()[1]), heads
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_https_through_a_proxy_is_end_to_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TLSProvider(authority.server("127.0.0.1"), hello) as provider:
        async with tunnelling() as (proxy, heads):
            pool = Pool(
                provider.origin,
                Bounds(),
                proxy=proxy,
                proxy_auth=Secret("user:pass"),
                ca_file=str(authority.ca_file),
            )
            for reused in (False, True):
                response = await sending(pool)
                assert await response.read(LIMIT) == b"hello"
                assert response.reused is reused
                response.release()
            await pool.aclose()
        authority_form = f"127.0.0.1:{provider.port}".encode()
        assert heads == [
            b"CONNECT " + authority_form + b" HTTP/1.1\r\nHost: " + authority_form + b"\r\n"
            b"Proxy-Authorization: Basic " + base64.b64encode(b"user:pass") + b"\r\n\r\n"
        ]
    assert provider.handshakes == ["TLSv1.3"]


async def test_tls_in_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TLSProvider(authority.server("127.0.0.1"), hello) as provider:
        async with tunnelling(authority.server("127.0.0.1")) as (proxy, heads):
            pool = Pool(provider.origin, Bounds(), proxy=proxy, ca_file=str(authority.ca_file))
            response = await sending(pool)
            assert await response.read(LIMIT) == b"hello"
            response.release()
            await pool.aclose()
        assert len(heads) == 1
    assert provider.handshakes == ["TLSv1.3"]


async def test_a_proxy_that_cannot_prove_its_name_sees_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with tunnelling(authority.server("other.example")) as (proxy, heads):
        pool = Pool(
            Origin("https", "provider.invalid", 443),
            Bounds(),
            proxy=proxy,
            proxy_auth=Secret("user:pass"),
            ca_file=str(authority.ca_file),
        )
        with pytest.raises(UpstreamFailure) as failed:
            await sending(pool)
    assert (failed.value.kind, failed.value.sent) == ("tls", False)
    assert heads == []


async def test_a_provider_that_cannot_prove_its_name_behind_a_proxy(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TLSProvider(authority.server("other.example"), hello) as provider:
        async with tunnelling() as (proxy, _):
            pool = Pool(provider.origin, Bounds(), proxy=proxy, ca_file=str(authority.ca_file))
            with pytest.raises(UpstreamFailure) as failed:
                await sending(pool)
            await pool.aclose()
    assert (failed.value.kind, failed.value.sent) == ("tls", False)
    assert not provider.handshakes[0].startswith("TLS")


async def test_http_through_a_proxy(provider: Provider) -> None:
    async with tunnelling() as (proxy, heads):
        pool = Pool(provider.origin, Bounds(), proxy=proxy)
        for reused in (False, True):
            task = sending(pool)
            if not reused:
                wire = await provider.accept()
            assert await wire.request() == GET
            await wire.say(HELLO)
            response = await task
            assert await response.read(LIMIT) == b"hello"
            assert response.reused is reused
            response.release()
        await pool.aclose()
    assert len(heads) == 1
    assert b"Proxy-Authorization" not in heads[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 2000 Almost\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"x" * 20_000,
        ESTABLISHED + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    ],
)
async def test_a_proxy_that_refuses_is_a_failure_to_connect(provider: Provider, answer: bytes) -> None:
    pool = Pool(Origin("http", "provider.invalid", 80), Bounds(), proxy=provider.origin)
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    await wire.try_say(answer)
    wire.fin()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert (failed.value.kind, failed.value.sent) == ("connect", False)
    await wire.gone()
    assert GET not in wire.got
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_a_silent_proxy_is_bounded(provider: Provider) -> None:
    pool = Pool(Origin("https", "provider.invalid", 443), Bounds(connect_s=LIMIT_S), proxy=provider.origin)
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    assert not (await overdue(task, "connect_timeout")).sent
    await wire.gone()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


@pytest.mark.parametrize("refuse", [lambda w: w.fin(), lambda w: w.reset()])
async def test_a_proxy_that_leaves_after_the_tunnel_stands(
    provider: Provider, refuse: Callable[[object], None]
) -> None:
    pool = Pool(Origin("https", "provider.invalid", 443), Bounds(), proxy=provider.origin)
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    await wire.say(ESTABLISHED)
    await wire.receive()  # the first bytes of TLS
    refuse(wire)
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind in ("connect", "tls")
    assert not failed.value.sent


def test_an_ipv6_origin_is_bracketed() -> None:
    assert connect_request(Origin("https", "::1", 443), None).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")

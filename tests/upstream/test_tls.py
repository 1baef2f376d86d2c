"""Who the provider must prove to be before a byte of a request goes out, and how TLS ends a body."""

import asyncio
import ssl
from pathlib import Path

import pytest

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.tls import client_context
from tests.upstream.authority import Authority
from tests.upstream.tls_provider import TLSProvider, read_head
from tests.upstream.wire import HELLO, LIMIT, OK, sending


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def hello(sock: ssl.SSLSocket) -> None:
    while read_head(sock):
        sock.sendall(HELLO)


async def refused(server: ssl.SSLContext, ca_file: Path | None) -> UpstreamFailure:
    with TLSProvider(server, hello) as provider:
        pool = Pool(provider.origin, Bounds(), ca_file=str(ca_file) if ca_file else None)
        with pytest.raises(UpstreamFailure) as failed:
            await sending(pool)
        await pool.aclose()
        assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")
    assert len(provider.handshakes) == 1
    assert not provider.handshakes[0].startswith("TLS"), "a byte of the request was sent"
    return failed.value


async def test_a_private_authority_is_trusted_when_named(authority: Authority) -> None:
    with TLSProvider(authority.server("127.0.0.1"), hello) as provider:
        pool = Pool(provider.origin, Bounds(), ca_file=str(authority.ca_file))
        for reused in (False, True):
            response = await sending(pool)
            assert (response.status, response.reused) == (200, reused)
            assert await response.read(LIMIT) == b"hello"
            response.release()
        await pool.aclose()
    assert provider.handshakes == ["TLSv1.3"]


@pytest.mark.parametrize("case", ["expired", "wrong name", "self-signed", "unknown authority"])
async def test_whoever_cannot_prove_its_name_gets_no_byte(authority: Authority, case: str) -> None:
    server = {
        "expired": lambda: authority.server("127.0.0.1", days=-1),
        "wrong name": lambda: authority.server("other.example"),
        "self-signed": lambda: authority.server("127.0.0.1", self_signed=True),
        "unknown authority": lambda: authority.server("127.0.0.1"),
    }[case]()
    failure = await refused(server, None if case == "unknown authority" else authority.ca_file)
    assert (failure.kind, failure.sent) == ("tls", False)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_protocol_is_refused(authority: Authority) -> None:
    server = authority.server("127.0.0.1")
    server.minimum_version = ssl.TLSVersion.TLSv1
    server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    failure = await refused(server, authority.ca_file)
    assert (failure.kind, failure.sent) == ("tls", False)


async def test_a_plain_server_is_no_tls(authority: Authority) -> None:

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 This is plain\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        origin = Origin("https", "127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(UpstreamFailure) as failed:
            await sending(Pool(origin, Bounds()))
    assert (failed.value.kind, failed.value.sent) == ("tls", False)


async def test_a_ca_file_that_is_not_there_is_a_failure_and_not_less_trust(tmp_path: Path) -> None:
    pool = Pool(Origin("https", "127.0.0.1", 9), Bounds(), ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(UpstreamFailure) as failed:
        await sending(pool)
    assert failed.value.kind in ("tls", "connect")
    assert not failed.value.sent


def test_the_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    copy = tmp_path / "ca.pem"
    copy.write_bytes(authority.ca_file.read_bytes())
    context = client_context(str(copy))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None
    assert client_context(str(copy)) is context
    assert client_context(None) is client_context(None)


@pytest.mark.parametrize("notify", [True, False])
async def test_a_body_without_length_is_whole_only_with_close_notify(
    authority: Authority, notify: bool
) -> None:
    def serve(sock: ssl.SSLSocket) -> None:
        read_head(sock)
        sock.sendall(OK + b"\r\nhello")
        if notify:
            sock.unwrap()

    with TLSProvider(authority.server("127.0.0.1"), serve) as provider:
        pool = Pool(provider.origin, Bounds(), ca_file=str(authority.ca_file))
        response = await sending(pool)
        if notify:
            assert await response.read(LIMIT) == b"hello"
        else:
            with pytest.raises(UpstreamFailure) as failed:
                await response.read(LIMIT)
            assert failed.value.kind in ("incomplete", "reset")
        assert response.complete is notify
        response.release()
        await pool.aclose()

"""URLs that callers name: fetched where they are anybody's, on real sockets, and nothing else ever reached."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.fetch import FetchBounds, Fetched, Fetcher, NotFetchedError
from gateway.upstream.public_address import is_public
from tests.behind import behind_every_dialect
from tests.gateway.wire import Reply, exchange, request
from tests.running import OTHER_KEY, ProviderSim, RunningGateway
from tests.sdk import openai_client
from tests.upstream.authority import Authority

NAME = "files.example"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
IMAGE = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: %d\r\n\r\n%b" % (len(PNG), PNG)


class Site:
    """A host that answers with what it is told to, and remembers what it was asked."""

    def __init__(self, authority: Authority, context: ssl.SSLContext) -> None:
        self.ca_file = str(authority.ca_file)
        self.context = context
        self.answers: dict[str, bytes] = {"/": IMAGE}
        self.heads: list[str] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            answer = self.answers.get(self.heads[-1].split(" ")[1])
            if answer is None:
                await reader.read()  # it never answers
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}/"

    def fetcher(self, addresses: Sequence[str] = ("127.0.0.1",), **more: Any) -> Fetcher:
        """One that may reach this machine, and finds the name there."""
        limits = FetchBounds(**{"bytes_max": 4096, "ports": frozenset({self.port}), **more})
        return Fetcher(
            Bounds(),
            limits,
            allows=lambda address: address == "127.0.0.1" or is_public(address),
            look_up=lambda _, port, *__: [(0, 0, 0, "", (one, port)) for one in addresses],
            ca_file=self.ca_file,
        )


@asynccontextmanager
async def listening(folder: Path, name: str = NAME) -> AsyncIterator[Site]:
    authority = Authority(folder)
    site = Site(authority, authority.server(name))
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=site.context)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with listening(tmp_path) as running:
        yield running


async def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(NotFetchedError) as caught:
        await fetcher.fetch(url, "a")
    fetcher.close()
    return str(caught.value)


async def test_what_anybody_may_get(site: Site) -> None:
    fetcher = site.fetcher()
    assert await fetcher.fetch(f"{site.url}", "a") == Fetched("image/png", PNG)
    fetcher.close()
    [head] = site.heads
    assert head.startswith(f"GET / HTTP/1.1\r\nhost: {NAME}:{site.port}\r\n")
    assert {line.partition(":")[0] for line in head.split("\r\n")[1:] if line} == {
        "host", "user-agent", "accept", "accept-encoding", "connection",
    }  # fmt: skip


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
        "[fec0::1]", "[fd00:ec2::254]", "169.254.169.254", "[::ffff:169.254.169.254]", "10.0.0.1", "172.16.0.1",
        "192.168.1.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "[ff02::1]", "[2001::1]",
    ],
)  # fmt: skip
async def test_no_address_but_a_public_one(site: Site, host: str) -> None:
    fetcher = Fetcher(Bounds(), FetchBounds(ports=frozenset({site.port})), ca_file=site.ca_file)
    assert (
        await refusal(fetcher, f"https://{host}:{site.port}/") == "its host has an address that is not public"
    )
    assert site.connections == 0


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888", "168.63.129.15"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1111%1", "", "localhost", "127.1"])
def test_what_is_no_plain_address(address: str) -> None:
    assert not is_public(address)


async def test_each_of_several_addresses_must_be_public(site: Site) -> None:
    for addresses in (["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], []):
        assert "host" in await refusal(site.fetcher(addresses), site.url)
    assert site.connections == 0


async def test_a_name_is_looked_up_once(site: Site) -> None:
    """One that leads elsewhere when it is looked up again."""
    asked: list[str] = []

    def look_up(host: str, port: int, *_: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    site.answers["/"] = b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n"
    site.answers["/there"] = IMAGE
    fetcher = Fetcher(
        Bounds(),
        FetchBounds(ports=frozenset({site.port})),
        allows=lambda address: address == "127.0.0.1",
        look_up=look_up,
        ca_file=site.ca_file,
    )
    assert (await fetcher.fetch(site.url, "a")).data == PNG
    fetcher.close()
    assert asked == [NAME]


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/", "ftp://files.example/", "file:///etc/passwd", "gopher://files.example/",
        "https://me@files.example/", "https://me:secret@files.example/", "https://@files.example/",
        "https://files.example:22/", "https://files.example:99999/", "https://files.example:x/", "https:///x",
        "https://files.example\\@10.0.0.1/", "https://files.example/\r\nx-injected: 1", "https://files.example/ x",
        "https://f\u00fcr.example/", "https://[fe80::1%25eth0]/", "https://[::1/", "//files.example/", "",
        "https://files.example/" + "x" * 3000,
    ],
)  # fmt: skip
async def test_what_is_no_url_that_is_fetched(site: Site, url: str) -> None:
    await refusal(site.fetcher(), url)
    assert site.connections == 0


@pytest.mark.parametrize(
    "to",
    [
        "https://other.example/", "http://files.example/", "//127.0.0.1/", "https://files.example/", "file:///x",
        "", "/",
    ],
)  # fmt: skip
async def test_redirects_lead_nowhere_else(site: Site, to: str) -> None:
    """The last is a circle; the one before it, and the port that is left out, are other places."""
    site.answers["/"] = f"HTTP/1.1 307 Go\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()
    said = await refusal(site.fetcher(ports=frozenset({site.port, 443})), site.url)
    assert site.connections == (4 if to in ("", "/") else 1), said


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "fetched"),
        (b"HTTP/1.1 206 Part\r\ncontent-length: 1\r\n\r\nx", "fetched"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx", "fetched"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\nx", "larger than 4096"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"800\r\n" + bytes(0x800) + b"\r\n",
            "fetched",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            + 3 * (b"800\r\n" + bytes(0x800) + b"\r\n"),
            "larger than 4096",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", "fetched"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "fetched"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, "fetched"),
    ],
)
async def test_what_a_host_may_answer(site: Site, answer: bytes, why: str) -> None:
    site.answers["/"] = answer
    assert why in await refusal(site.fetcher(), site.url)


async def test_a_host_that_does_not_answer(site: Site) -> None:
    del site.answers["/"]
    assert "in time" in await refusal(site.fetcher(seconds=0.3), site.url)


async def test_a_host_that_cannot_show_who_it_is(tmp_path: Path) -> None:
    async with listening(tmp_path, "other.example") as site:
        assert await refusal(site.fetcher(), site.url) == "it could not be fetched"
        assert site.heads == []


async def test_one_tenant_leaves_places_for_others(site: Site) -> None:
    del site.answers["/"]
    site.answers["/quick"] = IMAGE
    fetcher = site.fetcher(seconds=20.0)
    waiting = [asyncio.create_task(fetcher.fetch(site.url, "a")) for _ in range(30)]
    while site.connections < 4:
        await asyncio.sleep(0)
    assert (await fetcher.fetch(f"{site.url}quick", "b")).data == PNG
    assert site.connections == 5
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    fetcher.close()


@pytest.fixture
async def gateway(sim: ProviderSim, site: Site) -> AsyncIterator[RunningGateway]:
    """Tenant `a` has its URLs fetched."""
    configured = behind_every_dialect(sim)
    configured["tenants"][0]["fetch_urls"] = True
    async with RunningGateway(configured) as running:
        running.app.data.inference.fetcher = site.fetcher()
        yield running


def shown(url: str) -> Any:
    image = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image, image]}]


async def test_a_model_that_cannot_get_it_has_it_inline(
    gateway: RunningGateway, sim: ProviderSim, site: Site
) -> None:
    async with openai_client(gateway) as client:
        await client.chat.completions.create(model="gemini", messages=shown(site.url))
    sent = json.loads(sim.requests()[-1]["body"])
    inline = {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}
    assert [part.get("inlineData") for part in sent["contents"][0]["parts"]] == [None, inline, inline]
    assert site.connections == 1


async def test_what_cannot_be_fetched_is_the_callers_to_mend(
    gateway: RunningGateway, sim: ProviderSim, site: Site
) -> None:
    site.answers["/page"] = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
    async with openai_client(gateway) as client:
        for url, why in (
            (f"{site.url}page", "there is no image"),
            ("https://10.0.0.1/a.png", "port is not"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(model="gemini", messages=shown(url))
            assert caught.value.param == "messages[0].content[1]"
            assert why in caught.value.message
    assert sim.requests() == []


@pytest.mark.parametrize("model", ["gemini", "ollama"])
async def test_it_is_off_unless_the_tenant_has_it_on(
    gateway: RunningGateway, sim: ProviderSim, site: Site, model: str
) -> None:
    async with openai_client(gateway, OTHER_KEY) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model=model, messages=shown(site.url))
    assert (caught.value.param, caught.value.code) == ("messages[0].content[1]", "unsupported_value")
    assert "`fetch_urls`" in caught.value.message, "what is to be done about it"
    assert site.connections == 0 and sim.requests() == []


_FILM = "https://www.youtube.com/watch?v=1"


@pytest.mark.parametrize("model", ["openai", "anthropic", "ollama", "openai/gpt-6.1-sol"])
@pytest.mark.parametrize("uri", [_FILM, "https://youtu.be/1", "HTTPS://YouTube.com/watch?v=1"])
async def test_a_film_that_google_watches_is_nobody_elses(
    gateway: RunningGateway, sim: ProviderSim, site: Site, model: str, uri: str
) -> None:
    reply = await _asked(gateway, model, {"fileUri": uri})
    assert reply.status == 400
    assert "`contents[0].parts[0].fileData`: only Google's models can get it" in reply.error()["message"]
    assert site.connections == 0 and sim.requests() == []


async def test_google_gets_the_film_itself(gateway: RunningGateway, sim: ProviderSim) -> None:
    parts = [{"type": "image_url", "image_url": {"url": _FILM}}]
    body = {"model": "gemini", "messages": [{"role": "user", "content": parts}]}
    assert (await exchange(gateway, request(body))).status == 200
    assert {"fileUri": _FILM} in [
        part.get("fileData") for part in json.loads(sim.requests()[-1]["body"])["contents"][0]["parts"]
    ]


@pytest.mark.parametrize("model", ["openai", "anthropic", "ollama"])
async def test_a_text_that_an_api_has_no_url_for_is_fetched(
    gateway: RunningGateway, sim: ProviderSim, site: Site, model: str
) -> None:
    site.answers["/a.txt"] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nwords"
    reply = await _asked(gateway, model, {"fileUri": f"{site.url}a.txt", "mimeType": "text/plain"})
    assert (reply.status, site.connections) == (200, 1)
    sent = sim.requests()[-1]["body"]
    assert site.url not in sent
    assert "words" in sent or base64.b64encode(b"words").decode() in sent


async def test_a_film_of_anybodys_is_no_document(gateway: RunningGateway, sim: ProviderSim) -> None:
    """By its name it is no PDF: no URL of such goes to Anthropic, and fetching it makes it none."""
    reply = await _asked(gateway, "anthropic", {"fileUri": "https://files.example/a.mp4"})
    assert reply.status == 400
    assert sim.requests() == []


async def _asked(gateway: RunningGateway, model: str, file: dict[str, str]) -> Reply:
    """By one of Google's callers, about a file."""
    body = {"contents": [{"parts": [{"fileData": file}]}]}
    return await exchange(gateway, request(body, path=f"/v1beta/models/{model}:generateContent"))


@pytest.mark.parametrize("scheme", ["HTTPS", "Https"])
async def test_a_scheme_in_capitals_is_fetched(
    gateway: RunningGateway, sim: ProviderSim, site: Site, scheme: str
) -> None:
    messages = shown(site.url.replace("https", scheme))
    assert (await exchange(gateway, request({"model": "gemini", "messages": messages}))).status == 200
    assert site.connections == 1 and "inlineData" in sim.requests()[-1]["body"]

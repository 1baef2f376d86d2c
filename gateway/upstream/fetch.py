"""Getting what a caller named by URL, without letting them reach anything that is not everybody's (SSRF).

The URL is read once, and what was read is what is used: https, a port of the list, no credentials. Its name is
looked up once; every address must be public, and the connection goes to one of those that were looked at, with the
name for TLS and Host, so that another answer to a second look-up changes nothing. Redirects are followed on the
same origin alone. Nothing of the caller's goes with it, no proxy of the environment is asked, and time, bytes,
kinds and how many are under way are bounded (reliability reference §3.4).
"""

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit
from weakref import WeakValueDictionary

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.public_address import is_public
from gateway.upstream.request_head import AGENT, host_header
from gateway.upstream.response import Response
from gateway.upstream.send import send

_HTTPS = 443
_URL_MAX = 2048
_URL = re.compile(
    r"[!-\[\]-~]+"
)  # no space, no control character, and no backslash: parsers differ about that
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MAX = 3
_LOOKUPS = 4
_AT_ONCE = 16
_AT_ONCE_OF_ONE = 4
_HEAD = (
    b"GET %b HTTP/1.1\r\nhost: %b\r\nuser-agent: %b\r\naccept: */*\r\naccept-encoding: identity\r\n"
    b"connection: close\r\n\r\n"
)


class NotFetchedError(Exception):
    """Why not, in words for who named it. They tell nothing of what stands where the URL leads."""


class Fetched(NamedTuple):
    media_type: str  # as it is said there, in lower case; "" where nothing is
    data: bytes


class FetchBounds(NamedTuple):
    """Of one URL."""

    bytes_max: int = 10 * 1024 * 1024
    seconds: float = 10.0
    ports: frozenset[int] = frozenset({_HTTPS})


class Fetcher:
    """One worker's. `allows` says which addresses may be reached."""

    def __init__(
        self,
        bounds: Bounds,
        limits: FetchBounds | None = None,
        *,
        allows: Callable[[str], bool] = is_public,
        look_up: Callable[..., Sequence[tuple[Any, ...]]] = socket.getaddrinfo,
        ca_file: str | None = None,
    ) -> None:
        self._bounds = bounds
        self._limits = limits or FetchBounds()
        self._allows = allows
        self._look_up = look_up
        self._ca_file = ca_file
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        #: Of its own: names that are never answered must not hold up anybody else's.
        self._threads = ThreadPoolExecutor(_LOOKUPS, "fetch-lookup")

    async def fetch(self, url: str, owner: str) -> Fetched:
        """What is there now, for tenant `owner`. Raises NotFetchedError."""
        own = self._own.get(owner)
        if own is None:
            own = self._own[owner] = asyncio.Semaphore(_AT_ONCE_OF_ONE)
        try:
            async with asyncio.timeout(self._limits.seconds), own, self._places:
                return await self._fetch(self._checked(url))
        except TimeoutError:
            raise NotFetchedError("it could not be fetched in time") from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _fetch(self, url: SplitResult) -> Fetched:
        assert url.hostname is not None
        origin = Origin("https", url.hostname, url.port or _HTTPS)
        pool = Pool(origin, self._bounds, address=await self._address(origin), ca_file=self._ca_file)
        try:
            for _ in range(_REDIRECTS_MAX + 1):
                response = await self._ask(pool, url)
                if response.status not in _REDIRECTS:
                    return await self._taken(response)
                response.abort()
                url = self._redirected(url, response)
            raise NotFetchedError("it is redirected too often")
        except UpstreamFailure as failure:
            if failure.kind == "too_large":
                raise NotFetchedError(f"it is larger than {self._limits.bytes_max} bytes") from None
            raise NotFetchedError("it could not be fetched") from None
        finally:
            await pool.aclose()

    async def _ask(self, pool: Pool, url: SplitResult) -> Response:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        head = _HEAD % (target.encode("ascii"), host_header(pool.origin), AGENT)
        return await send(pool, head, None, self._limits.seconds, self._limits.seconds)

    async def _taken(self, response: Response) -> Fetched:
        try:
            if response.status != 200 or response.header(b"content-encoding") not in (None, b"identity"):
                raise NotFetchedError("it could not be fetched")
            data = await response.read(self._limits.bytes_max)
            said = (response.header(b"content-type") or b"").partition(b";")[0].strip().lower()
            return Fetched(said.decode("ascii", "replace"), data)
        finally:
            response.abort()

    def _checked(self, url: str) -> SplitResult:
        """Raises NotFetchedError for what is no URL that may be fetched, wherever it leads."""
        if len(url) > _URL_MAX or not _URL.fullmatch(url):
            raise NotFetchedError("it is not a URL that can be fetched")
        try:
            found = urlsplit(url)
            port = found.port or _HTTPS
        except ValueError:
            raise NotFetchedError("it is not a URL that can be fetched") from None
        if found.scheme != "https" or "@" in found.netloc or not _HOST.fullmatch(found.hostname or ""):
            raise NotFetchedError("only https URLs without credentials are fetched")
        if port not in self._limits.ports:
            raise NotFetchedError("its port is not fetched from")
        return found

    def _redirected(self, url: SplitResult, response: Response) -> SplitResult:
        to = (response.header(b"location") or b"").decode("latin-1")
        found = self._checked(urljoin(url.geturl(), to))
        if (found.hostname, found.port or _HTTPS) != (url.hostname, url.port or _HTTPS):
            raise NotFetchedError("it is redirected to another place, where it is not followed")
        return found

    async def _address(self, origin: Origin) -> str:
        """The address that is connected to. Every one of the name's must be public: which is used is chance."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, self._look_up, origin.host, origin.port, 0, socket.SOCK_STREAM
            )
        except (OSError, UnicodeError):
            raise NotFetchedError("its host is not found") from None
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        if not addresses:
            raise NotFetchedError("its host is not found")
        if not all(map(self._allows, addresses)):
            raise NotFetchedError("its host has an address that is not public")
        return addresses[0]

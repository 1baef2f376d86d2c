"""Which Redis a URL means, and the one way its library is used: no retries of its own, every wait bounded.

A URL that names nothing is a ValueError; everything a server or the network can do wrong
is one of REDIS_ERRORS. Nothing connects before the first command.

redis:// and rediss:// (TLS, verified) · unix:// · redis+sentinel://host:port,host:port/service[/db] ·
redis+cluster://host:port — the last two also as rediss+…; user and password as in any URL.
"""

from collections.abc import Awaitable
from typing import Any, Protocol, cast
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

CONNECT_S = 0.5
REPLY_S = 0.5
_PORT = 6379
_SENTINEL_PORT = 26379

REDIS_ERRORS = (RedisError, OSError, TimeoutError)
ScriptUnknownError = NoScriptError


class Scripted(Protocol):
    """The part of the library's clients that a ledger uses."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: str | bytes) -> Awaitable[Any]: ...

    def eval(self, script: str, numkeys: int, *keys_and_args: str | bytes) -> Awaitable[Any]: ...

    async def aclose(self) -> None: ...


def connect(url: str) -> Scripted:
    """A client for `url`; raises ValueError when it names none."""
    scheme = url.partition("://")[0]
    if scheme in ("redis", "rediss", "unix"):
        return cast(Scripted, Redis.from_url(url, **_bounds()))
    parts = urlsplit(url)
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _by_sentinel(parts)
    if scheme in ("redis+cluster", "rediss+cluster"):
        return _cluster(parts)
    raise ValueError(f"no Redis is meant by {scheme}://")


def _bounds() -> dict[str, Any]:
    # A command that is repeated by the library would ask twice: repeating is the ledger's decision.
    return {
        "socket_timeout": REPLY_S,
        "socket_connect_timeout": CONNECT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _by_sentinel(parts: SplitResult) -> Scripted:
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("a sentinel URL ends in /SERVICE, the name of what it watches")
    login = _login(parts)
    sentinel = Sentinel(_hosts(parts, _SENTINEL_PORT), sentinel_kwargs=_bounds())  # type: ignore[no-untyped-call]
    tls: dict[str, Any] = {"ssl": True} if parts.scheme.startswith("rediss") else {}
    return cast(Scripted, sentinel.master_for(service, db=int(database or 0), **login, **tls, **_bounds()))


def _cluster(parts: SplitResult) -> Scripted:
    host, port = _hosts(parts, _PORT)[0]
    tls = parts.scheme.startswith("rediss")
    # Being sent on to the node that now has the slot is not asking twice.
    bounds = _bounds() | {"retry": Retry(NoBackoff(), 2)}
    return cast(Scripted, RedisCluster(host=host, port=port, ssl=tls, **_login(parts), **bounds))


def _login(parts: SplitResult) -> dict[str, Any]:
    login = {"username": parts.username, "password": parts.password}
    return {name: unquote(value) for name, value in login.items() if value}


def _hosts(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    """`host:port,host:port`, as one URL may name several."""
    found = []
    for one in parts.netloc.rpartition("@")[2].split(","):
        host, _, number = one.partition(":") if "]" not in one else one[1:].partition("]:")
        if not host or not (number or "0").isdigit():
            raise ValueError("hosts are given as host:port,host:port")
        found.append((host, int(number or port)))
    return found

"""Clients for a ledger's URL, and the one way their library is used: no retries of its own, every wait bounded.

A URL that names nothing is a ValueError; everything a server or the network can do wrong is one of REDIS_ERRORS.
Nothing connects before the first command.
"""

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, SlotNotCoveredError

from gateway.settings.ledger_url import LedgerUrl, Login, parse

LOOK_S = 1.0

REDIS_ERRORS = (RedisError, RedisClusterException, OSError, TimeoutError)
ScriptUnknownError = NoScriptError


class Waits(NamedTuple):
    """How long for what, in seconds."""

    connect_s: float = 0.5
    reply_s: float = 0.5
    call_s: float = 1.0  # for all that one call needs
    sentinels_s: float = 0.6  # of it for asking all sentinels in turn, the silent ones too


class Connection:
    """The part of the library's clients that a ledger uses."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def evalsha(self, sha: str, keys: list[str], arguments: list[str | bytes]) -> Any:
        return await self._client.evalsha(sha, len(keys), *keys, *arguments)

    async def eval(self, script: str, keys: list[str], arguments: list[str | bytes]) -> Any:
        return await self._client.eval(script, len(keys), *keys, *arguments)

    def home(self, _key: str) -> object:
        """Which server answers for the key, as far as is known now; None before the first call."""
        return None

    async def aclose(self) -> None:
        await self._client.aclose()


class _MasterBySentinel(Connection):
    """The server that the sentinels call the master. They are asked with every new connection, and while it is used
    once in LOOK_S beside the calls: who was the master takes calls for ten seconds more when it lives.
    """

    def __init__(self, named: LedgerUrl, waits: Waits) -> None:
        each_s = min(waits.connect_s, waits.sentinels_s / len(named.hosts))
        options = {**_bounds(Waits(each_s, each_s)), **_login(named.sentinel_login), **_tls(named)}
        self._sentinels = Sentinel(named.hosts, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        super().__init__(
            self._sentinels.master_for(named.service, db=named.database, **_options(named, waits))
        )
        self._look_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def evalsha(self, sha: str, keys: list[str], arguments: list[str | bytes]) -> Any:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._look_at and (self._looking is None or self._looking.done()):
            self._look_at = loop.time() + LOOK_S
            self._looking = loop.create_task(self._look(), name="ledger-master")
        return await super().evalsha(sha, keys, arguments)

    def home(self, _key: str) -> object:
        return self._client.connection_pool.master_address

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        try:
            await super().aclose()
        finally:
            await self._sentinels.aclose()

    async def _look(self) -> None:
        """Leaves the connections to who is the master no more."""
        pool = self._client.connection_pool
        before = pool.master_address
        with suppress(*REDIS_ERRORS):  # then the calls themselves tell
            if await pool.get_master_address() != before:  # which ends those that nobody uses
                await pool.update_active_connections_for_reconnect()


class _NoCommands:
    """Scripts name their keys. To learn where other commands have theirs the library asks the first node for them
    all, whenever one is lost: that holds up everything for 80 ms, and fails when the first is the lost one.
    """

    async def initialize(self, _node: object) -> None:
        """Nothing is asked."""


class _Cluster(Connection):
    """Whichever node has the key: the client is sent on to it, which is not asking twice."""

    def __init__(self, named: LedgerUrl, waits: Waits) -> None:
        nodes = [ClusterNode(host, port) for host, port in named.hosts]
        client = RedisCluster(startup_nodes=nodes, **_options(named, waits))
        client.commands_parser = _NoCommands()  # type: ignore[assignment]
        super().__init__(client)

    def home(self, key: str) -> object:
        try:
            return self._client.get_node_from_key(key).name
        except SlotNotCoveredError:
            return None


def connect(url: str, waits: Waits = Waits()) -> Connection:  # noqa: B008 (immutable)
    """A client for `url`; raises ValueError when it names none."""
    named = parse(url)
    if named.form == "sentinel":
        return _MasterBySentinel(named, waits)
    if named.form == "cluster":
        return _Cluster(named, waits)
    if named.socket:
        address: dict[str, Any] = {"unix_socket_path": named.socket}
    else:
        ((host, port),) = named.hosts
        address = {"host": host, "port": port}
    return Connection(Redis(db=named.database, **address, **_options(named, waits)))


def _options(named: LedgerUrl, waits: Waits) -> dict[str, Any]:
    return {**_bounds(waits), **_login(named.login), **_tls(named)}


def _bounds(waits: Waits) -> dict[str, Any]:
    # A command that is repeated by the library would ask twice: repeating is the ledger's decision.
    return {
        "socket_timeout": waits.reply_s,
        "socket_connect_timeout": waits.connect_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _login(login: Login) -> dict[str, Any]:
    given = {"username": login.username, "password": login.password.reveal()}
    return {name: value for name, value in given.items() if value}


def _tls(named: LedgerUrl) -> dict[str, Any]:
    return {"ssl": True, **named.tls_files} if named.tls else {}

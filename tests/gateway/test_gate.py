"""The gate of the data plane: no route without a key, whatever goes wrong inside, and one decision for one caller.

Reliability D1, D2, D4, D5, D6, D15, D16, D77. The admin plane's is in `tests/admin/test_authorisation.py`.
"""

import asyncio
import base64
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from gateway.api.data_plane import _HEALTH
from gateway.api.routes import OWNED, exact_routes
from gateway.errors import GatewayError
from gateway.pipeline.authenticate import Authenticator
from tests.gateway.wire import CHAT, Line, Reply, chat, exchange, get, parsed, post, request
from tests.running import ADMIN_KEY, OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: What answers without a key: a route that is added here is one that somebody meant to be open.
OPEN = frozenset({b"/healthz", b"/readyz"})
CATALOGUE = ("/v1/models", "/models", "/v1/models/smart", "/models/smart")
CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path that is served, but for the open ones."""
    for method, path in exact_routes():
        yield method, path.decode()
    for method, collection, action in OWNED:
        yield method, f"/v1/{collection}/some-id" + (f"/{action}" if action else "")
    for path in CATALOGUE:
        yield "GET", path
    yield "POST", "/openai/deployments/smart/chat/completions?api-version=2024-10-21"


async def test_every_route_and_method_without_a_key(gateway: RunningGateway, sim: ProviderSim) -> None:
    """D1, D2: the table itself is walked, so that a new route is asked without being named here."""
    assert _HEALTH == OPEN
    served = set(routes())
    paths = {path for _, path in served}
    assert len(served) > 70
    statuses = set()
    for path in sorted(paths):
        async with Line(gateway) as line:  # one connection for all methods of a path
            for method in METHODS:
                line.send(request(None, path=path, method=method, key=None, close=False))
                head = await line.until(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                if method != "HEAD":
                    await line.reader.readexactly(length)
                assert status == 401 if (method, path) in served else status in (401, 404, 405), (
                    method,
                    path,
                )
                statuses.add(status)
    assert 401 in statuses and sim.requests() == []


async def test_operators_pages_are_not_on_the_public_listener(gateway: RunningGateway) -> None:
    """D77."""
    for path in (
        "/metrics", "/", "/admin", "/admin/v1/tenants", "/admin/v1/openapi.json", "/openapi.json", "/docs",
        "/redoc", "/console", "/debug", "/v1/metrics", "//metrics", "/%6detrics", "/v1/../metrics",
    ):  # fmt: skip
        for key in (None, TENANT_KEY, ADMIN_KEY):
            assert (await get(gateway, path, key=key)).status == 404, path
    for path in ("/metrics", "/admin/v1/openapi.json", "/admin/v1/tenants", "/"):
        own = await exchange(gateway, request(None, path=path, method="GET", key=None), admin=True)
        assert own.status == 401


class Failing(Mapping[bytes, Any]):
    """Keys of which none can be looked up."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def get(self, key: bytes, default: Any = None) -> NoReturn:
        raise self._error

    def __getitem__(self, key: bytes) -> NoReturn:
        raise self._error

    def __iter__(self) -> NoReturn:
        raise self._error

    def __len__(self) -> NoReturn:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [Exception("x"), TimeoutError(), KeyError("k"), MemoryError(), RecursionError(), PermissionError()],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_fails_in_the_gate_is_a_refusal(
    gateway: RunningGateway, sim: ProviderSim, error: Exception
) -> None:
    """D4: in the look-up, and in looking for a key that may have been made a moment ago."""
    known: Authenticator = gateway.app.pipeline.generation.authenticator
    snapshot = known._snapshot
    known._snapshot = replace(snapshot, tenant_keys=Failing(error))  # type: ignore[arg-type]
    statuses = {(await post(gateway, chat())).status, (await post(gateway, chat(), path="/v1/files")).status}
    known._snapshot = snapshot

    async def fails(_: object) -> None:
        raise error

    gateway.app.pipeline.unknown = fails
    statuses.add((await post(gateway, chat(), key="another-key-0123456789abcdef")).status)
    assert statuses <= {401, 403, 500, 503} and sim.requests() == []
    assert (await post(gateway, chat())).status == 200  # the next one is served


async def test_a_cancellation_in_the_gate_is_a_refusal(gateway: RunningGateway, sim: ProviderSim) -> None:
    """D4."""

    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    gateway.app.pipeline.unknown = cancelled
    async with Line(gateway) as line:
        line.send(request(chat(), key="another-key-0123456789abcdef"))
        raw = await line.rest()
    assert not raw or parsed(raw).status >= 400
    assert sim.requests() == []


def odd_credentials(chance: random.Random) -> Iterator[str]:
    """Header lines: SQL, templates, other schemes and encodings, a key too many, nearly right ones, long ones."""
    pieces = [
        "' OR 1=1 --", '" OR ""="', "kz_web_", "\t", "\xff", "ü", "%00", "\\x00", "Basic ", "Bearer ", "bearer",
        "${jndi:ldap://x}", "{{7*7}}", "../", ";", ",", "=", TENANT_KEY[:-1], TENANT_KEY[1:], "null", "x" * 60,
    ]  # fmt: skip
    while True:
        value = "".join(chance.choices(pieces, k=chance.randint(0, 5)))
        name = chance.choice(CREDENTIALS)
        shape = chance.random()
        if shape < 0.5:
            yield f"{name}: Bearer {value}\r\n"
        elif shape < 0.7:
            yield f"{name}: {value}\r\n"
        elif shape < 0.8:
            yield f"authorization: Basic {base64.b64encode(value.encode()).decode()}\r\n"
        elif shape < 0.9:  # of two that differ none is right
            yield f"authorization: Bearer {TENANT_KEY}\r\nx-api-key: x{value}\r\n"
        elif shape < 0.98:
            yield f"{name}: Bearer {value}\r\n" * chance.randint(2, 5)
        else:
            yield f"{name}: Bearer {'y' * chance.randint(1000, 30_000)}\r\n"


async def test_odd_credentials(gateway: RunningGateway, sim: ProviderSim) -> None:
    """D5: each is refused with 400, 401 or 431, nothing is sent, and the next honest one is served.

    Ten thousand meet the gate itself, two thousand of another sort come over sockets.
    """
    known: Authenticator = gateway.app.pipeline.generation.authenticator
    lines = odd_credentials(random.Random(6))
    for _ in range(10_000):
        headers = [
            (name.encode(), value.encode("latin-1"))
            for name, value in (line.split(": ", 1) for line in next(lines).split("\r\n") if line)
        ]
        with pytest.raises(GatewayError) as refused:
            known.authenticate(headers, dict(headers), 0.0)
        assert refused.value.condition.status in (400, 401)
    chance, count = random.Random(5), 2000
    odd = odd_credentials(chance)
    asked, seen = 0, dict[int, int]()
    while asked < count:
        async with Line(gateway, limit=2**20) as line:
            while asked < count:
                batch = [
                    request(b"{}", path=CHAT, key=None, headers=next(odd), close=False) for _ in range(20)
                ]
                line.send(b"".join(batch))
                statuses = [await _status(line) for _ in batch]
                asked += sum(status != 0 for status in statuses)
                for status in statuses:
                    seen[status] = seen.get(status, 0) + 1
                if 0 in statuses:
                    break  # refused for its framing, and closed
    seen.pop(0, None)
    assert seen.keys() <= {400, 401, 431} and seen[401] > count // 2 and seen[400] > 100
    huge = await post(gateway, chat(), key="z" * 100_000)
    assert huge.status == 431 and sim.requests() == []
    assert (await post(gateway, chat())).status == 200


async def _status(line: Line) -> int:
    """Of the next answer; 0 when none comes any more."""
    try:
        head = await line.until(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await line.reader.readexactly(length)
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    return int(head.split(b" ", 2)[1])


async def test_one_caller_is_decided_about_in_one_way(gateway: RunningGateway) -> None:
    """D15: by whichever header, on every route."""
    for method, path in sorted(set(routes())):
        for key in (TENANT_KEY, OTHER_KEY, "no-key-of-anybody-0123456789"):
            decided = set()
            reasons: defaultdict[bool, set[Any]] = defaultdict(set)
            for name in CREDENTIALS:
                value = f"Bearer {key}" if name == "authorization" else key
                body = None if method in ("GET", "DELETE") else b"{}"
                asked = request(body, path=path, method=method, key=None, headers=f"{name}: {value}\r\n")
                reply: Reply = await exchange(gateway, asked)
                decided.add(reply.status)
                if reply.status >= 400:
                    error = reply.error()  # lists of models speak as who asks for them
                    reasons["status" in error].add(error.get("code", error.get("type")))
            assert all(len(words) == 1 for words in reasons.values()), (method, path, reasons)
            assert len(decided) == 1, (method, path, decided)


async def test_a_wrong_key_takes_as_long_wherever_it_is_wrong(gateway: RunningGateway) -> None:
    """D16: medians of ten thousand look-ups each, taken in turn; the control differs from itself as much."""
    known: Authenticator = gateway.app.pipeline.generation.authenticator
    wrong = {
        "first": b"Bearer x" + TENANT_KEY[1:].encode(),
        "last": b"Bearer " + TENANT_KEY[:-1].encode() + b"x",
        "control": b"Bearer " + TENANT_KEY[:-1].encode() + b"x",
    }
    took: dict[str, list[int]] = {name: [] for name in wrong}
    for _ in range(10_000):
        for name, value in wrong.items():
            began = time.perf_counter_ns()
            try:
                known.authenticate([(b"authorization", value)], {b"authorization": value}, 0.0)
            except Exception:
                took[name].append(time.perf_counter_ns() - began)
    assert {len(times) for times in took.values()} == {10_000}
    first, last, control = (statistics.median(took[name]) for name in ("first", "last", "control"))
    assert abs(first - last) <= max(3 * abs(control - last), 0.05 * control)

"""A caller of the gateway that sees bytes: what an SDK would hide or mend."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.clock import passes, until
from tests.running import TENANT_KEY, ProviderSim, RunningGateway

CHAT = "/v1/chat/completions"


@dataclass(slots=True)
class Reply:
    """One answer. `whole` is false when its framing broke off; `raw` is everything that came."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    raw: bytes

    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found

    def data(self) -> list[bytes]:
        """The `data:` of each event of a stream."""
        return [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ")]

    def text(self) -> str:
        """What a chat stream says, of choice 0."""
        return "".join(
            choice["delta"].get("content") or ""
            for data in self.data()
            if data != b"[DONE]"
            for choice in json.loads(data).get("choices", ())
        )

    def failure(self) -> dict[str, Any]:
        """The error frame that ends a stream; there is no end marker beside it."""
        assert b"[DONE]" not in self.body
        found: dict[str, Any] = json.loads(self.data()[-1])["error"]
        return found


def chat(text: str = "Say hello to the lighthouse.", **more: Any) -> dict[str, Any]:
    return {"model": "smart", "messages": [{"role": "user", "content": text}], **more}


def request(
    body: Any,
    *,
    path: str = CHAT,
    method: str = "POST",
    key: str | None = TENANT_KEY,
    headers: str = "",
    close: bool = True,
) -> bytes:
    """One HTTP/1.1 request. `body` is bytes, or made JSON; None is no body."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = f"{method} {path} HTTP/1.1\r\nhost: gateway\r\n"
    lines += "connection: close\r\n" if close else ""
    lines += f"authorization: Bearer {key}\r\n" if key else ""
    if body is not None:
        lines += f"content-length: {len(data)}\r\n"
        lines += "" if "content-type" in headers.lower() else "content-type: application/json\r\n"
    return (lines + headers + "\r\n").encode("latin-1") + data


def parsed(raw: bytes) -> Reply:
    """The answer in `raw`, which is all that came until the connection ended."""
    head, found, body = raw.partition(b"\r\n\r\n")
    assert found, f"no whole head in {raw[:200]!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), f"a header twice: {lines}"
    whole = True
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _unchunked(body)
    elif "content-length" in headers:
        whole = len(body) == int(headers["content-length"])
    return Reply(int(first.split(" ")[1]), headers, body, whole, raw)


def _unchunked(body: bytes) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    while True:
        size, found, rest = body.partition(b"\r\n")
        if not found:
            return b"".join(parts), False
        length = int(size, 16)
        if length == 0:
            return b"".join(parts), rest == b"\r\n"
        if len(rest) < length + 2:
            return b"".join(parts), False
        parts.append(rest[:length])
        body = rest[length + 2 :]


class Line:
    """One connection to the gateway: `async with Line(gateway) as line`. Leaving resets nothing, it closes."""

    def __init__(self, gateway: RunningGateway, limit: int = 65_536, *, admin: bool = False) -> None:
        self._port, self._limit = gateway.port, limit
        if admin:
            self._port = int(gateway.admin_url.rpartition(":")[2])

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=self._limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):  # the gateway may have cut it: for the test to judge
            await self.writer.wait_closed()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def until(self, what: bytes, times: int = 1) -> bytes:
        """Everything up to the `times`-th occurrence of `what`."""
        received = b""
        for _ in range(times):
            received += await self.reader.readuntil(what)
        return received

    async def rest(self) -> bytes:
        """Everything until the connection ends, however it does."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                received += piece
        return received


async def exchange(gateway: RunningGateway, data: bytes, *, admin: bool = False) -> Reply:
    """Send `data`, take everything until the gateway closes."""
    async with Line(gateway, admin=admin) as line:
        line.send(data)
        return parsed(await line.rest())


async def post(gateway: RunningGateway, body: Any, **how: Any) -> Reply:
    """One request and its whole answer."""
    return await exchange(gateway, request(body, **how))


async def get(gateway: RunningGateway, path: str, **how: Any) -> Reply:
    return await exchange(gateway, request(None, path=path, method=how.pop("method", "GET"), **how))


async def settled(gateway: RunningGateway) -> None:
    """After quiet nothing is owed: no exchange, no place at a provider key, no upstream connection in use."""
    await gateway.quiet()
    state = gateway.app.state()
    assert [pool["in_flight"] for pool in state["pools"]] == [0] * len(state["pools"])
    await until(  # a connection that was cut leaves its pool in the loop's next turns
        lambda: not any(shown["active"] or shown["waiting"] for shown in _connections(gateway))
    )


async def arrived(sim: ProviderSim, count: int) -> None:
    """Until the provider has seen `count` requests."""
    await until(lambda: len(sim.requests()) >= count)


async def overdue(task: asyncio.Task[Reply], limit_s: float) -> Reply:
    """Its answer, which a limit from now on brings about, and not before it is over. Time must stand still."""
    await passes(0.9 * limit_s)
    assert not task.done()
    await passes(0.2 * limit_s)
    return await task


def _connections(gateway: RunningGateway) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = gateway.app.state()["worker"]["connections"]
    return shown


def sse(*events: str | bytes, done: bool = True) -> bytes:
    """A provider's whole HTTP answer with these `data:` values, framed by its length."""
    datas = [e if isinstance(e, bytes) else e.encode() for e in (*events, *(("[DONE]",) if done else ()))]
    return stream(b"".join(b"data: " + data + b"\n\n" for data in datas))


def stream(body: bytes) -> bytes:
    """A provider's whole HTTP answer with `body` as its event stream."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


def whole_json(body: bytes, *headers: bytes) -> bytes:
    """A provider's whole HTTP answer with `body` as JSON."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + b"".join(h + b"\r\n" for h in headers)
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunk(content: str | None = None, **more: Any) -> str:
    """One chat completion chunk, spaced as OpenAI sends it."""
    finish = more.pop("finish_reason", None)
    delta = {} if content is None else {"content": content}
    made = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-x",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return json.dumps(made, separators=(",", ":"))


STOP = chunk(finish_reason="stop")

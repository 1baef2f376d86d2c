"""The scripted providers of a world: they answer HTTP in memory, judge every request, and have their bad moments.

A provider counts what arrives when it arrives (`judge`), and says no by its own count. What a gateway knows or
believes is nowhere asked.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any, NamedTuple

import orjson

from tests.simulation.judge import AXES, Counted, Judge
from tests.simulation.virtual_time import Address
from tests.simulation.wire import Wire, way


class Fault(NamedTuple):
    """What is the matter with a key (or its provider, for `down` and `dial`) from `begin` to `end`."""

    kind: str  # down | dial | error | overloaded | limit | hang | slow | cut | quota | capacity
    begin: float
    end: float


class Attempt(NamedTuple):
    """A request as it left the gateway."""

    at: float
    request: str
    account: str
    replica: str


@dataclass
class Keyed:
    """One provider key at its provider."""

    id: str
    host: str
    judges: dict[str, Judge]  # by pattern of the model
    faults: Sequence[Fault] = ()
    tells: bool = False  # by headers what remains
    latency_s: float = 0.3
    concurrency: int | None = None

    def account(self, model: str) -> tuple[str, Judge]:
        for pattern, judge in self.judges.items():
            if pattern and fnmatchcase(model, pattern):
                return f"{self.id}/{pattern}", judge
        return self.id, self.judges[""]

    def fault(self, now: float) -> str | None:
        return next((one.kind for one in self.faults if one.begin <= now < one.end), None)


@dataclass
class Running:
    """What is under way on one connection."""

    body: dict[str, Any]
    key: Keyed
    account: str
    judge: Judge
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Providers:
    """All providers of a world: the network of its loop. `beyond` says what of a charge was not foreseen."""

    def __init__(
        self,
        keys: dict[str, Keyed],  # by secret
        faults: dict[str, Sequence[Fault]],  # by host
        worst_s: Mapping[str, float],  # by host, how much a way may be longer than another
        seed: int,
        beyond: Callable[[str, tuple[int, ...]], tuple[int, int, int, int]],
    ) -> None:
        self.keys = keys
        self._faults = faults
        self._beyond = beyond
        self._chances = {
            host: Random(f"{seed}/{host}") for host in worst_s
        }  # of each, so that none moves another
        self._ways = {
            host: way(self._chances[host], 0.005, min(0.01, worst), worst) for host, worst in worst_s.items()
        }
        self._running: dict[Wire, Running] = {}
        self._out: dict[Wire, str] = {}  # of each connection on which a request is under way, its account
        self.attempts: list[Attempt] = []
        self.refused: list[
            tuple[float, str, str]
        ] = []  # by a ceiling, as was foreseeable: when, account, which
        self.most_at_once: dict[str, int] = {}
        self._at_once: dict[str, int] = {}

    # ---- the network

    async def connect(self, address: Address) -> None:
        now = asyncio.get_running_loop().time()
        fault = next(
            (one.kind for one in self._faults.get(address[0], ()) if one.begin <= now < one.end), None
        )
        if fault == "down":
            await asyncio.sleep(self._ways[address[0]]())
            raise ConnectionRefusedError("down")
        await asyncio.sleep(
            self._chances[address[0]].uniform(0.4, 2.5) if fault == "dial" else 2 * self._ways[address[0]]()
        )

    def wire(self, address: Address, client: asyncio.BaseProtocol) -> asyncio.Transport:
        wire = Wire(self, client, self._ways[address[0]], self._left)
        wire.closed = lambda: self._came_back(wire)
        return wire

    def _left(self, wire: Wire, data: bytes) -> None:
        """A request leaves the gateway."""
        key, body = self._read(data)
        account, _ = key.account(body["model"])
        now = asyncio.get_running_loop().time()
        self.attempts.append(Attempt(now, body["id"], account, body["replica"]))
        self._out[wire] = account
        count = self._at_once[account] = self._at_once.get(account, 0) + 1
        self.most_at_once[account] = max(count, self.most_at_once.get(account, 0))

    def _came_back(self, wire: Wire) -> None:
        """Nothing of the connection's request is under way for the gateway any more."""
        account = self._out.pop(wire, None)
        if account is not None:
            self._at_once[account] -= 1

    # ---- the server

    def received(self, wire: Wire, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        key, body = self._read(data)
        account, judge = key.account(body["model"])
        units = (1, body["in"], body["out"], body["in"] + max(body["max"] or 0, body["out"]))
        beyond = self._beyond(body["attempt"], units)
        running = self._running[wire] = Running(body, key, account, judge)
        fault = key.fault(now)
        if fault == "down":
            self._running.pop(wire)
            wire.cut()
            return
        over = judge.exceeded(units, now)
        if over is not None or fault == "limit":
            judge.charge(Counted(now, (1, 0, 0, 0)))
            if over is not None and not any(beyond):
                self.refused.append((now, account, over))
            self._refuse(wire, running, 429, _limited(over or "rpm"), b"retry-after: 2\r\n")
            return
        judge.charge(Counted(now, units, beyond))
        self._answer(wire, running, fault, now)

    def lost(self, wire: Wire) -> None:
        running = self._running.pop(wire, None)
        for timer in running.timers if running is not None else ():
            timer.cancel()

    def outsider(self, key: Keyed) -> None:
        """Someone else uses the key."""
        now = asyncio.get_running_loop().time()
        judge = key.judges[""]
        units = (1, 100, 50, 200)
        if judge.exceeded(units, now) is None:
            judge.charge(Counted(now, units, ours=False))

    def _answer(self, wire: Wire, running: Running, fault: str | None, now: float) -> None:
        loop, key, body = asyncio.get_running_loop(), running.key, running.body
        first_s = key.latency_s * self._chances[key.host].uniform(0.5, 1.5) * (8 if fault == "slow" else 1)
        whole_s = first_s + body["out"] * 0.002
        if fault == "hang":
            return
        if fault == "capacity":
            self._refuse(wire, running, 429, _error("resource_unavailable", "Resource unavailable"), b"")
            return
        if fault == "quota":
            self._refuse(
                wire, running, 429, _error("insufficient_quota", "You exceeded your current quota"), b""
            )
            return
        if fault in ("error", "overloaded"):
            status, code = (500, "server_error") if fault == "error" else (503, "server_is_overloaded")
            running.timers.append(
                loop.call_later(first_s, self._refuse, wire, running, status, _error(code, "trouble"), b"")
            )
            return
        head = b"HTTP/1.1 200 OK\r\n" + self._headers(running, now)
        usage = {
            "prompt_tokens": body["in"],
            "completion_tokens": body["out"],
            "total_tokens": body["in"] + body["out"],
        }
        if body["stream"]:
            pieces = [
                (
                    first_s,
                    head
                    + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    + _frame("x"),
                ),
                (whole_s, _frame("y") + _frame("", "stop") + _chunk({"choices": [], "usage": usage})),
                (whole_s, _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"),
            ]
        else:
            text = orjson.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage})
            length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text)
            pieces = [(whole_s, head + length + text)]
        for at, (delay_s, piece) in enumerate(pieces):
            last = at == len(pieces) - 1
            if fault == "cut" and last:
                running.timers.append(loop.call_later(delay_s, self._cut, wire, piece[: len(piece) // 2]))
            else:
                running.timers.append(loop.call_later(delay_s, self._say, wire, piece, last))

    def _say(self, wire: Wire, piece: bytes, last: bool) -> None:
        if last:
            self._running.pop(wire, None)
            wire.say(piece, lambda: self._came_back(wire))
        else:
            wire.say(piece)

    def _cut(self, wire: Wire, piece: bytes) -> None:
        self._running.pop(wire, None)
        wire.say(piece)
        wire.cut()

    def _refuse(self, wire: Wire, running: Running, status: int, body: bytes, more: bytes) -> None:
        now = asyncio.get_running_loop().time()
        head = b"HTTP/1.1 %d No\r\n" % status + self._headers(running, now) + more
        length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._say(wire, head + length + body, last=True)

    def _headers(self, running: Running, now: float) -> bytes:
        if not running.key.tells:
            return b""
        lines, judge = b"", running.judge
        for name, what in (("rpm", b"requests"), ("tpm", b"tokens")):
            if name in judge.limits:
                limit = judge.limits[name]
                left = max(0, limit - judge.used(AXES.index(name), now))
                lines += b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %d\r\n" % (
                    what,
                    limit,
                    what,
                    left,
                )
        return lines

    def _read(self, data: bytes) -> tuple[Keyed, dict[str, Any]]:
        head, _, body = data.partition(b"\r\n\r\n")
        begin = head.lower().find(b"bearer ") + 7
        secret = head[begin:].partition(b"\r\n")[0].decode()
        return self.keys[secret], orjson.loads(body)


def _error(code: str, message: str) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": code, "code": code}})


def _limited(name: str) -> bytes:
    what = "requests" if name == "rpm" else "tokens"
    unit = "RPM" if name == "rpm" else "TPM"
    message = f"Rate limit reached for m on {what} per min ({unit}): Limit 1, Used 1. Please try again in 2s."
    return orjson.dumps({"error": {"message": message, "type": what, "code": "rate_limit_exceeded"}})


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _chunk(event: dict[str, Any]) -> bytes:
    return _chunked(b"data: " + orjson.dumps(event) + b"\n\n")


def _frame(text: str, finish: str | None = None) -> bytes:
    delta = {"content": text} if text else {}
    return _chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

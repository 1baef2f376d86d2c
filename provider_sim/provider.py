"""The life of a request in the simulator: who, what, may it, what goes wrong, what is said.

Order, as real providers have it: path, credential, body, ceilings, and only then the answer; faults strike after
the ceilings, because a request that fails upstream has used its allowance.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from provider_sim import control, credential
from provider_sim.account import Account
from provider_sim.answer import compose
from provider_sim.ask import Ask
from provider_sim.call import Call
from provider_sim.charge_log import ChargeLog
from provider_sim.delivery import delayed, plain, raw, steps
from provider_sim.determinism import Draw
from provider_sim.errors import Refusal, refusal_reply
from provider_sim.exchange import Exchange
from provider_sim.fault import NONE
from provider_sim.fault_refusals import redirect_reply, refused_by
from provider_sim.fault_rules import FaultRules
from provider_sim.frame_faults import bend
from provider_sim.head_identity import Identity
from provider_sim.limit_words import rate_headers, refusal_of
from provider_sim.limits import LimitsTable
from provider_sim.magic import magic, without_magic
from provider_sim.message import Reply, Request
from provider_sim.multipart import form_fields
from provider_sim.router import Router
from provider_sim.script import Script, ScriptQueue
from provider_sim.shelf import Shelf
from provider_sim.stats import Stats


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the simulator is set up. `tokens_per_s` 0 = as fast as it goes."""

    seed: int = 0
    latency_ms: float = 0.0
    tokens_per_s: float = 0.0
    magic: bool = True


class Provider:
    """All of the simulator's state, and `accept`, which turns a request into an exchange."""

    def __init__(self, behaviour: Behaviour, limits: LimitsTable) -> None:
        self.behaviour = behaviour
        self.limits = limits
        self.stats = Stats()
        self.charges = ChargeLog()
        self.scripts = ScriptQueue()
        self.rules = FaultRules(behaviour.seed)
        self.shelf = Shelf()
        self._accounts: dict[str, Account] = {}
        self._lines: dict[int, deque[Exchange]] = {}
        self._identity = Identity()
        self._router = Router()
        self._serial = 0

    def set_limits(self, limits: LimitsTable) -> None:
        """New ceilings for everyone; what was used so far is forgotten, exchanges in flight keep their places."""
        self.limits = limits
        self._accounts.clear()

    def reset(self) -> None:
        """Forget statistics, scripts, faults, stored objects and usage; ceilings stay."""
        fresh = Stats()
        fresh.connections, fresh.open_connections = self.stats.connections, self.stats.open_connections
        self.stats = fresh
        self.charges = ChargeLog()
        self.scripts.clear()
        self.rules = FaultRules(self.behaviour.seed)
        self.shelf.clear()
        self._accounts.clear()

    def accept(self, request: Request) -> Exchange:
        exchange = Exchange(request.keep_alive)
        if request.path.startswith("/sim/"):
            exchange.whole = plain(control.respond(self, request), b"", request.keep_alive)
            return exchange
        self._serial += 1
        endpoint, parameters, dialect = self._router.find(request)
        call = Call(request, endpoint, self.shelf, parameters, dialect, seed=self.behaviour.seed)
        call.request_id = f"req_{self._serial:024x}"
        extra: list[tuple[bytes, bytes]] = []
        script: Script | None = None
        try:
            self._identify(call, exchange)
            self._read(call)
            self._strike(call)
            extra = self._admit(call, exchange)
            script = self._script(call)
            reply = self._answer(call, exchange, script)
        except Refusal as refusal:
            reply = self._refused(call, exchange, refusal)
        reply.headers += extra
        if call.fault.echo:
            reply.headers.append((b"x-sim-echo", call.credential.encode()))
        self._prepare(call, exchange, reply, script)
        return exchange

    def _identify(self, call: Call, exchange: Exchange) -> None:
        try:
            call.credential = credential.accepted(call.dialect, call.request)
            name = call.credential
        except Refusal:
            name = credential.presented(call.dialect, call.request) or credential.ANONYMOUS
            raise
        finally:
            exchange.stats = self.stats
            exchange.tally, exchange.record = self.stats.arrived(name, call.endpoint.name, call.request)
            exchange.tally.in_flight += 1
            exchange.tally.max_in_flight = max(exchange.tally.max_in_flight, exchange.tally.in_flight)

    def _read(self, call: Call) -> None:
        """Parse the body and what it asks."""
        if call.endpoint.body == "json":
            call.body = _json_object(call.request)
        elif call.endpoint.body == "form":
            call.body = form_fields(call.request)
        if call.endpoint.read is not None:
            call.ask = call.endpoint.read(call)
            call.draw = Draw(self.behaviour.seed, call.ask.material())
        else:
            call.ask = Ask(str(call.body.get("model", "")), _prompt(call.body), generates=False)
            call.draw = Draw(self.behaviour.seed, call.request.target.encode() + call.request.body)

    def _strike(self, call: Call) -> None:
        """Which faults strike; magic in the prompt is laid over standing rules."""
        fault = NONE
        if self.rules.rules:
            fault = self.rules.take(call.credential, call.request.path, call.ask.model)
        if self.behaviour.magic and call.ask.last_user:
            try:
                fault = fault.merged(magic(call.ask.last_user))
            except ValueError as error:
                raise Refusal("invalid", f"sim magic: {error}") from error
            call.ask.last_user = without_magic(call.ask.last_user)
        call.fault = fault

    def _account(self, call: Call) -> Account:
        name, limits = self.limits.of(call.credential, call.ask.model)
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(limits.styled(call.dialect), time.monotonic())
            account.told = partial(self.charges.add, name)
        return account

    def _admit(self, call: Call, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        """Charge the ceilings. Returns their headers; raises Refusal when one refuses."""
        if call.endpoint.read is None and call.request.method == "GET":
            self.stats.accepted(exchange.tally, 0, 0)  # type: ignore[arg-type]
            return []
        account = self._account(call)
        now = time.monotonic()
        denied = account.admit(call.ask, now)
        headers = rate_headers(account, now, datetime.now(UTC))
        if denied is None:
            entered = account.enter()
            if entered is not True and entered is not False:
                denied = entered
                self.charges.add(call.credential, "refused", {})  # of rates nothing more was asked
        if denied is not None:
            self.stats.rejected(exchange.tally, denied.kind, denied.dimension)  # type: ignore[arg-type]
            refusal = refusal_of(call.dialect, denied, call.ask.model)
            refusal.headers = refusal.headers + headers
            raise _Counted(refusal)
        exchange.account = account
        if not entered:
            self._stand_in_line(account, exchange)
        exchange.release = partial(self._release, account, exchange)
        self.stats.accepted(exchange.tally, 0, int(account.charges(call.ask)["tokens"]))  # type: ignore[arg-type]
        return headers

    def _stand_in_line(self, account: Account, exchange: Exchange) -> None:
        exchange.place = asyncio.get_running_loop().create_future()
        if exchange.tally is not None:
            exchange.tally.waiting += 1
            exchange.tally.max_waiting = max(exchange.tally.max_waiting, exchange.tally.waiting)
        self._lines.setdefault(id(account), deque()).append(exchange)

    def _release(self, account: Account, exchange: Exchange) -> None:
        """Give the place to the first in line, or free it. One who leaves the line frees no place."""
        line = self._lines.get(id(account))
        if exchange.place is not None and line is not None and exchange in line:
            line.remove(exchange)
            self._left_line(account, exchange)
        elif line:
            first = line.popleft()
            self._left_line(account, first)
            if first.place is not None and not first.place.done():
                first.place.set_result(None)
        else:
            account.in_flight -= 1
        if line is not None and not line:
            self._lines.pop(id(account), None)

    def _left_line(self, account: Account, exchange: Exchange) -> None:
        account.waiting -= 1
        if exchange.tally is not None:
            exchange.tally.waiting -= 1

    def _script(self, call: Call) -> Script | None:
        script = self.scripts.take(call.credential, call.request.path, call.ask.model, call.ask.generates)
        if script is not None:
            call.fault = script.fault.merged(call.fault)
        return script

    def _answer(self, call: Call, exchange: Exchange, script: Script | None) -> Reply:
        fault = call.fault
        if fault is not NONE and exchange.tally is not None:
            exchange.tally.faults += bool(fault.changed())
        refusal = refused_by(call)
        if refusal is not None:
            raise refusal
        if fault.redirect is not None:
            return redirect_reply(fault)
        if script is not None and script.verbatim:
            return _verbatim(script)
        usage = call.answer.usage
        if call.endpoint.read is not None:
            if call.ask.generates:
                call.answer = compose(call.ask, call.draw, fault, script)
                usage = call.answer.usage
                exchange.output_tokens = usage.output * call.ask.n
            else:
                usage.input = call.ask.input_tokens if fault.input is None else fault.input
        if exchange.tally is not None and exchange.account is not None:
            exchange.tally.input_tokens += usage.input
            exchange.tally.second(int(time.monotonic() - self.stats.started))[4] += usage.input
            exchange.account.settle_input(call.ask, usage.input, usage.cached, time.monotonic())
        return call.endpoint.respond(call)

    def _refused(self, call: Call, exchange: Exchange, refusal: Refusal) -> Reply:
        if isinstance(refusal, _Counted):
            refusal = refusal.inner
        elif exchange.tally is not None:
            self.stats.rejected(exchange.tally, refusal.kind, refusal.code or "-")
        exchange.output_tokens = 0
        return refusal_reply(call.dialect, refusal, call.request_id)

    def _prepare(self, call: Call, exchange: Exchange, reply: Reply, script: Script | None) -> None:
        fault = call.fault
        if exchange.record is not None:
            exchange.record.status = reply.status
        if fault is not NONE:
            reply = bend(reply, fault, call.dialect, call.request_id)
        if fault.close:
            exchange.keep_alive = False
        exchange.writes_total = 1 if reply.frames is None else len(reply.frames) + 2
        identity = self._identity.lines(call.dialect, call.request_id)
        delay_s, gap_s = self._pace(call, exchange, reply)
        if script is not None and script.raw is not None:
            exchange.steps = raw(script.raw, script.then, delay_s)
            exchange.keep_alive = script.then == "keep"
        elif fault is NONE and not delay_s and not gap_s and exchange.place is None:
            exchange.whole = plain(reply, identity, exchange.keep_alive)
        else:
            made = steps(reply, identity, exchange.keep_alive, fault, gap_s)
            exchange.steps = delayed(made, delay_s)

    def _pace(self, call: Call, exchange: Exchange, reply: Reply) -> tuple[float, float]:
        """Seconds before the first byte and between frames. Refusals come at once unless told otherwise."""
        fault, behaviour = call.fault, self.behaviour
        token_s = 1 / behaviour.tokens_per_s if behaviour.tokens_per_s else 0.0
        gap_s = token_s if fault.gap_ms is None else fault.gap_ms / 1000
        delay_s = behaviour.latency_ms / 1000 if reply.status < 400 else 0.0
        if reply.frames is None:
            delay_s += token_s * exchange.output_tokens
            gap_s = gap_s if fault.drip is not None else 0.0
        return (delay_s if fault.delay_ms is None else fault.delay_ms / 1000), gap_s


class _Counted(Refusal):
    """A refusal that is already in the statistics, under its ceiling's name."""

    def __init__(self, inner: Refusal) -> None:
        super().__init__(inner.kind, inner.message)
        self.inner = inner


def _verbatim(script: Script) -> Reply:
    reply = Reply(script.status or 200, script.body or b"", frames=script.chunks)
    for name, value in script.headers:
        if name.lower() == "content-type":
            reply.content_type = value.encode("latin-1")
        else:
            reply.headers.append((name.encode("latin-1"), value.encode("latin-1")))
    return reply


def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
        )
        message += "your HTTP library correctly.)"
        raise Refusal("invalid", message) from None
    if not isinstance(body, dict):
        raise Refusal("invalid", "The JSON body of your request must be an object.")
    return body


def _prompt(body: dict[str, Any]) -> str:
    """Where magic may stand in requests that ask no chat model."""
    value = body.get("prompt") or body.get("input") or ""
    return value if isinstance(value, str) else ""

"""The simulator as an object: `async with ProviderSim(...) as sim`, for tests and for the command."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from provider_sim.fault_rules import FaultRule, rule_from
from provider_sim.limits import table_from
from provider_sim.provider import Behaviour, Provider
from provider_sim.script import Script, script_from
from provider_sim.server import Connection

TURNS_TO_CLOSE = 4


class ProviderSim:
    """A scripted provider listening on a port (0 = any free) or a unix socket.

    `limits` has the shape of a limits file (see `limits.py`). Everything the control endpoints do is a method
    here too, with the same words.
    """

    def __init__(
        self,
        limits: dict[str, Any] | None = None,
        seed: int = 0,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        uds: str | None = None,
        latency_ms: float = 0.0,
        tokens_per_s: float = 0.0,
        magic: bool = True,
    ) -> None:
        self.provider = Provider(Behaviour(seed, latency_ms, tokens_per_s, magic), table_from(limits))
        self._host, self._port, self._uds = host, port, uds
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def connect() -> Connection:
            return Connection(self.provider, self._connections)

        if self._uds is not None:
            self._server = await loop.create_unix_server(connect, self._uds)
        else:
            self._server = await loop.create_server(connect, self._host, self._port, backlog=4096)
            self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and break off what is running."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        # Aborted transports report their loss in the loop's next turns, and their tasks end after that.
        for _ in range(TURNS_TO_CLOSE):
            await asyncio.sleep(0)
        await self._server.wait_closed()
        self._server = None
        if self._uds is not None:
            Path(self._uds).unlink(missing_ok=True)  # noqa: ASYNC240  (a local socket file)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The bare root, as Anthropic, Gemini, Ollama and Azure clients want it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def openai_url(self) -> str:
        """With the version, as OpenAI clients want it."""
        return f"{self.url}/v1"

    def script(self, text: str | None = None, **values: Any) -> Script:
        """Queue one answer; the fields are those of `script.Script`."""
        made = script_from(values if text is None else {"text": text, **values})
        self.provider.scripts.add(made)
        return made

    def fault(
        self,
        *,
        credential: str | None = None,
        path: str | None = None,
        model: str | None = None,
        count: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
        **fault: Any,
    ) -> FaultRule:
        """Add a fault rule: `sim.fault(status=503, count=2)`; the other words are those of `fault.Fault`."""
        where = {"credential": credential, "path": path, "model": model, "count": count}
        rule = rule_from({"fault": fault, "skip": skip, "probability": probability, **where})
        self.provider.rules.rules.append(rule)
        return rule

    def clear_faults(self, credential: str | None = None) -> None:
        self.provider.rules.clear(credential)

    def limits(self, values: dict[str, Any] | None) -> None:
        """Replace all ceilings."""
        self.provider.set_limits(table_from(values))

    def stats(self, credential: str | None = None) -> dict[str, Any]:
        """The counters of one credential (all zero if it never came), or of all together."""
        made = self.provider.stats.as_json(credential)
        total: dict[str, Any] = made["total"]
        return total

    def series(self, credential: str) -> list[list[int]]:
        """Per-second rows: second, requests, accepted, rejected, input, output, charged tokens."""
        rows: dict[str, list[list[int]]] = self.provider.stats.as_json(credential, series=True)["series"]
        return rows.get(credential, [])

    def requests(self, count: int = 256, credential: str | None = None) -> list[dict[str, Any]]:
        """The last requests as received, oldest first: method, target, headers, body, outcome, …"""
        made: list[dict[str, Any]] = self.provider.stats.as_json(credential, requests=count)["requests"]
        return made

    def reset(self) -> None:
        """Forget statistics, scripts, faults, stored objects and what was used of ceilings."""
        self.provider.reset()

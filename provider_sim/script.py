"""Exact answers, queued: what a test wants said, word for word or byte for byte.

An answer is either *said* (text, tool calls, usage; the dialect renders it) or *verbatim* (status, headers and
body or chunks; or `raw`, everything that goes over the wire). Answers are used once each, first come first
served; those for a credential go before those for all.
"""

import base64
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson

from provider_sim.fault import NONE, Fault, fault_from

SAID = {"text", "pieces", "thinking", "refusal", "tool_calls", "finish", "usage", "model"}
VERBATIM = {"status", "headers", "body", "chunks", "raw", "raw_base64", "then"}
WHEN = {"delay_ms", "gap_ms", "fault", "repeat", "path", "match_model", "credential"}


@dataclass(slots=True)
class Script:
    """One queued answer.

    `tool_calls`: [{"name", "arguments" (object or raw text), "id"?}]. `usage`: {"input", "output", "cached",
    "cache_write", "reasoning"}, any of them. `pieces`: the text as the stream shall cut it. `then` (for `raw`):
    `keep`, `close` (default), `reset` or `hang`.
    """

    credential: str | None = None
    path: str | None = None
    match_model: str | None = None
    repeat: int = 1
    text: str | None = None
    pieces: list[str] | None = None
    thinking: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    finish: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    model: str | None = None
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    chunks: list[bytes] | None = None
    raw: bytes | None = None
    then: str = "close"
    fault: Fault = NONE

    @property
    def verbatim(self) -> bool:
        return any(value is not None for value in (self.status, self.body, self.chunks, self.raw))

    def matches(self, path: str, model: str, generates: bool) -> bool:
        if self.match_model is not None and not fnmatchcase(model, self.match_model):
            return False
        return generates if self.path is None else fnmatchcase(path, self.path)


class ScriptQueue:
    """Scripts waiting to be used."""

    def __init__(self) -> None:
        self._by_credential: dict[str | None, deque[Script]] = {}

    def add(self, script: Script) -> None:
        self._by_credential.setdefault(script.credential, deque()).append(script)

    def take(self, credential: str, path: str, model: str, generates: bool) -> Script | None:
        """The first script meant for this request, removed once its repeats are used up."""
        if not self._by_credential:
            return None
        for key in (credential, None):
            queue = self._by_credential.get(key)
            for script in queue or ():
                if script.matches(path, model, generates):
                    script.repeat -= 1
                    if script.repeat == 0 and queue is not None:
                        queue.remove(script)
                        if not queue:
                            del self._by_credential[key]
                    return script
        return None

    def clear(self) -> None:
        self._by_credential.clear()

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._by_credential.values())


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def script_from(values: dict[str, Any]) -> Script:
    """A script from JSON. Raises ValueError naming what is wrong. `repeat` 0 = for ever."""
    unknown = set(values) - SAID - VERBATIM - WHEN
    if unknown:
        raise ValueError(f"unknown script field {sorted(unknown)[0]!r}")
    made = {name: value for name, value in values.items() if name not in {"delay_ms", "gap_ms", "raw_base64"}}
    timing: dict[str, Any] = {name: values[name] for name in ("delay_ms", "gap_ms") if name in values}
    made["fault"] = fault_from({**(values.get("fault") or {}), **timing})
    if "raw_base64" in values:
        made["raw"] = base64.b64decode(values["raw_base64"])
    elif "raw" in values:
        made["raw"] = _bytes(values["raw"])
    if "chunks" in values:
        made["chunks"] = [_bytes(chunk) for chunk in values["chunks"]]
    if "body" in values:
        body = values["body"]
        made["body"] = orjson.dumps(body) if isinstance(body, dict | list) else _bytes(body)
    headers = values.get("headers") or []
    made["headers"] = [
        (str(k), str(v)) for k, v in (headers.items() if isinstance(headers, dict) else headers)
    ]
    return Script(**made)

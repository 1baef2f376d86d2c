"""The control endpoints, `/sim/…`: scripts, faults, ceilings, statistics, reset. Open to whoever reaches the port.

| request | does |
|---|---|
| `POST /sim/script` | queue answers: one script, or {"answers": [script, …], "credential"?} (`script.py`) |
| `POST /sim/faults` | add a rule, or {"rules": […]} (`fault_rules.py`); `GET` lists, `DELETE` clears |
| `POST /sim/limits` | replace all ceilings (`limits.py`); `GET` shows them |
| `GET /sim/stats` | counters; `?credential=`, `?requests=N` the last N requests, `?series=1` per-second rows |
| `GET /sim/series` | what every ceiling was asked for and when; `?since=N` from that row on (`charge_log.py`) |
| `POST /sim/reset` | forget statistics, scripts, faults, stored objects and what was used of ceilings |
| `GET /sim/health` | 200 when it serves |
"""

from dataclasses import asdict
from typing import Any, Protocol

import orjson

from provider_sim.charge_log import ChargeLog
from provider_sim.fault_rules import FaultRules, rule_from
from provider_sim.limits import LimitsTable, table_from
from provider_sim.message import Reply, Request
from provider_sim.script import ScriptQueue, script_from
from provider_sim.stats import Stats


class Controlled(Protocol):
    """What can be controlled."""

    stats: Stats
    charges: ChargeLog
    scripts: ScriptQueue
    rules: FaultRules
    limits: LimitsTable

    def set_limits(self, limits: LimitsTable) -> None: ...

    def reset(self) -> None: ...


def respond(provider: Controlled, request: Request) -> Reply:
    """Carry out one control request; 400 with a message for what is not understood."""
    handler = ROUTES.get((request.method, request.path.rstrip("/")))
    if handler is None:
        return _json({"error": f"no {request.method} {request.path}"}, 404)
    try:
        return _json(handler(provider, request))
    except (ValueError, TypeError, KeyError) as error:
        return _json({"error": str(error)}, 400)


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value))


def _body(request: Request) -> dict[str, Any]:
    value = orjson.loads(request.body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value


def _script(provider: Controlled, request: Request) -> Any:
    body = _body(request)
    answers = body.get("answers")
    shared = {name: value for name, value in body.items() if name != "answers"}
    scripts = [script_from(body)] if answers is None else [script_from({**shared, **one}) for one in answers]
    for script in scripts:
        provider.scripts.add(script)
    return {"queued": len(provider.scripts)}


def _faults(provider: Controlled, request: Request) -> Any:
    body = _body(request)
    rules = [rule_from(one) for one in body.get("rules", [body])]
    provider.rules.rules += rules
    return {"rules": len(provider.rules.rules)}


def _list_faults(provider: Controlled, request: Request) -> Any:  # noqa: ARG001
    rules = []
    for rule in provider.rules.rules:
        fault = {name: getattr(rule.fault, name) for name in rule.fault.changed()}
        rules.append({**asdict(rule), "fault": fault})
    return {"rules": rules}


def _clear_faults(provider: Controlled, request: Request) -> Any:
    provider.rules.clear(request.query.get("credential"))
    return {"rules": len(provider.rules.rules)}


def _limits(provider: Controlled, request: Request) -> Any:
    provider.set_limits(table_from(_body(request)))
    return _show_limits(provider, request)


def _show_limits(provider: Controlled, request: Request) -> Any:  # noqa: ARG001
    return asdict(provider.limits)


def _stats(provider: Controlled, request: Request) -> Any:
    query = request.query
    return provider.stats.as_json(
        query.get("credential"), int(query.get("requests") or 0), query.get("series") not in {None, "", "0"}
    )


def _series(provider: Controlled, request: Request) -> Any:
    return provider.charges.as_json(int(request.query.get("since") or 0))


def _reset(provider: Controlled, request: Request) -> Any:  # noqa: ARG001
    provider.reset()
    return {}


def _health(provider: Controlled, request: Request) -> Any:  # noqa: ARG001
    return {"status": "ok"}


ROUTES = {
    ("POST", "/sim/script"): _script,
    ("POST", "/sim/faults"): _faults,
    ("GET", "/sim/faults"): _list_faults,
    ("DELETE", "/sim/faults"): _clear_faults,
    ("POST", "/sim/limits"): _limits,
    ("GET", "/sim/limits"): _show_limits,
    ("GET", "/sim/stats"): _stats,
    ("GET", "/sim/series"): _series,
    ("POST", "/sim/reset"): _reset,
    ("GET", "/sim/health"): _health,
}

"""What operators see: metrics, live state and the request log (contract §4–6), with true values and no secrets."""

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.wire import CHAT, Line, Reply, arrived, chat, exchange, get, parsed, post, request, settled
from tests.running import (
    ADMIN_KEY,
    OTHER_KEY,
    PROVIDER_SECRET,
    TENANT_KEY,
    ProviderSim,
    RunningGateway,
    configuration,
)

FIELDS = [
    "ts", "request_id", "tenant", "key", "route", "model", "provider", "pool", "priority", "status", "code",
    "outcome", "queue_ms", "upstream_ms", "gateway_ms", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "cost_usd", "usage_source", "attempts", "agent", "task",
    "overflow", "warnings",
]  # fmt: skip


async def admin(
    gateway: RunningGateway, path: str, key: str | None = ADMIN_KEY, method: str = "GET"
) -> Reply:
    return await exchange(gateway, request(None, path=path, method=method, key=key), admin=True)


class Scrape:
    """One reading of `/metrics`."""

    def __init__(self, text: str) -> None:
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum over the samples that carry these labels."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def names(self) -> set[str]:
        return {s.name for s in self.samples}

    def labels(self, name: str) -> set[str]:
        return {label for s in self.samples if s.name == name for label in s.labels}


async def scrape(gateway: RunningGateway) -> Scrape:
    reply = await admin(gateway, "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    return Scrape(reply.body.decode())


async def test_everything_on_the_admin_listener_needs_its_key(gateway: RunningGateway) -> None:
    paths = (
        "/metrics",
        "/admin/v1/pools",
        "/admin/v1/config",
        "/admin/v1/workers",
        "/",
        "/none",
        "/admin/v1/../x",
    )
    for path in paths:
        for key in (None, "wrong", TENANT_KEY, ADMIN_KEY[:-1], ADMIN_KEY + "x", ""):
            for method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD"):
                reply = await admin(gateway, path, key, method)
                assert reply.status == 401, (path, key, method)
                assert reply.headers["content-type"] == "application/problem+json"
    missing = await admin(gateway, "/none")
    assert (missing.status, json.loads(missing.body)["status"]) == (404, 404)
    assert missing.headers["content-type"] == "application/problem+json"
    assert (await admin(gateway, "/metrics", method="DELETE")).status == 405


async def test_the_admin_key_opens_nothing_on_the_data_port(gateway: RunningGateway) -> None:
    assert (await post(gateway, chat(), key=ADMIN_KEY)).status == 401
    for path in ("/", "/metrics", "/admin/v1/pools", "/admin/v1/config"):
        assert (await get(gateway, path, key=ADMIN_KEY)).status == 404


_HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
#: Bytes that are refused before they are a request, and what is said.
UNREAD = [
    ("large head", _HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
    ("long url", b"GET /" + b"u" * 9000 + b" HTTP/1.1\r\nhost: gateway\r\n\r\n", 414, "uri_too_long"),
    ("two lengths", _HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "bad_framing"),
    ("no http", b"\x16\x03\x01 hello\r\n\r\n", 400, "bad_framing"),
    ("odd method", b"PURGE / HTTP/1.1\r\nhost: gateway\r\n\r\n", 405, "method_not_supported"),
    ("slow head", _HEAD, 408, "request_timeout"),
]


@pytest.mark.parametrize("row", UNREAD, ids=[row[0] for row in UNREAD])
async def test_what_http_refuses_has_its_line_and_counts(
    sim: ProviderSim, row: tuple[str, bytes, int, str]
) -> None:
    _, data, status, code = row
    config = configuration(sim.openai_url, bounds={"header_read_s": 0.3})
    async with RunningGateway(config) as gateway:
        reply = await exchange(gateway, data)
        assert (reply.status, reply.error()["code"]) == (status, code)
        assert ("allow" in reply.headers) == (status == 405)
        [line] = await gateway.log_lines(1)
        assert list(line) == FIELDS
        assert line["request_id"] == reply.headers["x-request-id"]
        assert (line["status"], line["code"], line["outcome"]) == (status, code, "refused")
        assert (line["attempts"], line["usage_source"]) == (0, "none")
        known = {"ts", "request_id", "status", "code", "outcome", "attempts", "usage_source", "overflow"}
        assert {name for name in line if line[name] is not None} == known
        assert (await exchange(gateway, data, admin=True)).status == status  # operators' are not callers'
        seen = await scrape(gateway)
        assert seen.value("gateway_requests_total", route="unread", outcome="refused") == 1
        assert seen.value("gateway_overhead_seconds_count") == 0
        assert len(await gateway.log_lines(1)) == 1


async def test_too_many_connections_are_told_and_logged(sim: ProviderSim) -> None:
    async with (
        RunningGateway(configuration(sim.openai_url, bounds={"connections": 1})) as gateway,
        Line(gateway) as line,
    ):
        line.send(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        await line.until(b"\r\n\r\n")  # it has its place
        async with Line(gateway) as late:
            reply = parsed(await late.rest())
        assert (reply.status, reply.error()["code"]) == (503, "overloaded")
        [logged] = await gateway.log_lines(1)
        assert (logged["status"], logged["code"], logged["outcome"]) == (503, "overloaded", "refused")


async def test_workers_show_their_connections_to_providers(gateway: RunningGateway, sim: ProviderSim) -> None:
    def of(reply: Reply) -> Any:
        [worker] = json.loads(reply.body)["data"]
        return worker["connections"]

    assert of(await admin(gateway, "/admin/v1/workers")) == []
    assert (await post(gateway, chat())).status == 200
    origin = sim.openai_url.removesuffix("/v1")
    free = {"provider": "sim", "origin": origin, "active": 0, "idle": 1, "waiting": 0}
    assert of(await admin(gateway, "/admin/v1/workers")) == [free]
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:frames=300 gap_ms=10]]", stream=True)))
        await line.until(b"\n\n", 2)
        assert of(await admin(gateway, "/admin/v1/workers")) == [{**free, "active": 1, "idle": 0}]
        line.writer.transport.abort()


async def test_health_on_both_listeners(gateway: RunningGateway) -> None:
    async def statuses() -> list[int]:
        data = [(await get(gateway, path, key=None)).status for path in ("/healthz", "/readyz")]
        return data + [(await admin(gateway, path, None)).status for path in ("/healthz", "/readyz")]

    assert await statuses() == [200, 200, 200, 200]
    gateway.app.drain()
    assert await statuses() == [200, 503, 200, 503]


async def _known_traffic(gateway: RunningGateway, sim: ProviderSim) -> None:
    """Two answers, a stream, an unknown model, a refusal by both provider keys, a caller who leaves."""
    magic = "[[sim:input=11 output=7]]"
    for body in (chat(magic), chat(magic, model="sim/chat"), chat(magic, stream=True)):
        assert (await post(gateway, body)).status == 200
    assert (
        await post(gateway, chat(model="gpt-9"), headers="x-gateway-priority: scheduled\r\n")
    ).status == 404
    sim.fault(status=429, count=2)
    assert (await post(gateway, chat())).status == 429
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:frames=300 gap_ms=10 input=5]]", stream=True)))
        await line.until(b"\n\n", 3)
        line.writer.transport.abort()
    await settled(gateway)


async def test_metrics_say_what_happened(gateway: RunningGateway, sim: ProviderSim) -> None:
    await _known_traffic(gateway, sim)
    seen = await scrape(gateway)
    assert seen.names() >= {
        "gateway_requests_total", "gateway_request_seconds_bucket", "gateway_overhead_seconds_bucket",
        "gateway_attempts_total", "gateway_tokens_total", "gateway_tenant_tokens_total",
        "gateway_provider_rejections_total", "gateway_loop_lag_seconds", "gateway_config_generation",
    }  # fmt: skip
    assert seen.labels("gateway_requests_total") == {"route", "priority", "outcome"}
    assert seen.labels("gateway_request_seconds_count") == {"route"}
    assert seen.labels("gateway_overhead_seconds_count") == set()
    assert seen.labels("gateway_attempts_total") == {"provider", "pool", "outcome"}
    assert seen.labels("gateway_tokens_total") == {"provider", "model", "kind"}
    assert seen.labels("gateway_tenant_tokens_total") == {"tenant", "kind"}
    assert seen.labels("gateway_provider_rejections_total") == {"pool", "kind"}

    requests = "gateway_requests_total"
    assert seen.value(requests) == seen.value("gateway_request_seconds_count") == 6
    assert seen.value("gateway_overhead_seconds_count") == 6
    assert seen.value(requests, route="smart", priority="conversation", outcome="ok") == 2
    assert seen.value(requests, route="sim/*", outcome="ok") == 1
    assert seen.value(requests, priority="scheduled", outcome="error") == 1
    assert seen.value(requests, route="smart", outcome="client_closed") == 1
    assert seen.value(requests, route="smart", outcome="error") == 1
    assert seen.value("gateway_attempts_total", provider="sim", outcome="ok") == 3
    assert seen.value("gateway_attempts_total", outcome="rate_limit_exceeded") == 2
    assert seen.value("gateway_provider_rejections_total", pool="one") == 1
    assert seen.value("gateway_provider_rejections_total", pool="two") == 1
    assert seen.value("gateway_tenant_tokens_total", tenant="b") == 0
    entries = await gateway.log_lines(6)
    for kind in ("input", "output"):
        told = sum(entry[f"{kind}_tokens"] for entry in entries if entry["usage_source"] != "none")
        assert seen.value("gateway_tokens_total", provider="sim", model="chat", kind=kind) == told
        assert seen.value("gateway_tenant_tokens_total", tenant="a", kind=kind) == told
    assert seen.value("gateway_config_generation") == 1
    assert 0 <= seen.value("gateway_loop_lag_seconds") < 5
    assert seen.value("gateway_exchanges_in_flight") == 0


async def test_degraded_is_a_known_family(gateway: RunningGateway) -> None:
    text = (await admin(gateway, "/metrics")).body.decode()
    assert "# TYPE gateway_degraded gauge" in text


async def test_a_thousand_made_up_models_make_no_thousand_series(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    async with RunningGateway(config) as gateway:
        async with Line(gateway) as line:
            for at in range(0, 1000, 10):
                for n in range(at, at + 10):
                    model = f"sim/made-up-{n}" if n % 2 else f"gpt-{n}"
                    line.send(request(chat("[[sim:frames=1]]", model=model), close=False))
                for _ in range(10):
                    head = await line.until(b"\r\n\r\n")
                    await line.reader.readexactly(
                        int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                    )
        await gateway.log_lines(1000)
        seen = await scrape(gateway)
        assert seen.value("gateway_requests_total") == 1000
        for name in ("gateway_requests_total", "gateway_request_seconds_count"):
            assert len([s for s in seen.samples if s.name == name]) < 10
        models = {s.labels["model"] for s in seen.samples if s.name == "gateway_tokens_total"}
        assert len(models) <= 201
        assert "other" in models
        assert len(seen.samples) < 2000


async def test_pools_show_live_state(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=401, count=1)
    assert (await post(gateway, chat())).status == 200
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:hang]]")))
        await arrived(sim, 3)
        reply = await admin(gateway, "/admin/v1/pools")
        body = json.loads(reply.body)
    assert set(body) == {"data", "next"}
    assert body["next"] is None
    pools = {pool["id"]: pool["live"] for pool in body["data"]}
    assert set(pools) == {"one", "two"}
    assert sum(pool["in_flight"] for pool in pools.values()) == 1
    assert sum(pool["attempts"] for pool in pools.values()) == 3
    assert [pool["last_refusal"] for pool in pools.values() if pool["failures"]] == ["upstream_auth_failed"]
    assert {pool["provider"] for pool in pools.values()} == {"sim"}
    for path in ("/admin/v1/pools", "/admin/v1/config", "/admin/v1/workers", "/metrics"):
        text = (await admin(gateway, path)).body.decode()
        assert PROVIDER_SECRET not in text
        assert TENANT_KEY not in text
        assert ADMIN_KEY not in text


async def test_a_line_has_exactly_the_contracts_fields(gateway: RunningGateway) -> None:
    headers = "x-gateway-agent: scout\r\nx-gateway-task: t-1\r\nx-gateway-priority: scheduled\r\n"
    reply = await post(gateway, chat("[[sim:input=30 output=7 cached=20]]"), headers=headers)
    (entry,) = await gateway.log_lines(1)
    assert list(entry) == FIELDS
    told = {
        name: entry[name] for name in FIELDS if name not in ("ts", "queue_ms", "upstream_ms", "gateway_ms")
    }
    assert told == {
        "request_id": reply.headers["x-request-id"], "tenant": "a", "key": "web", "route": "chat", "model": "smart",
        "provider": "sim", "pool": reply.headers["x-gateway-key"], "priority": "scheduled", "status": 200,
        "code": None, "outcome": "ok", "input_tokens": 30, "cache_read_tokens": 20, "cache_write_tokens": 0,
        "output_tokens": 7, "cost_usd": None, "usage_source": "provider", "attempts": 1, "agent": "scout",
        "task": "t-1", "overflow": False, "warnings": None,
    }  # fmt: skip
    assert entry["ts"].startswith("20")
    assert 0 <= entry["gateway_ms"] < 1000
    assert 0 < entry["upstream_ms"] < 5000


REFUSED: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("no key", {"key": None}, 401, None),
    ("bad key", {"key": "nobody"}, 401, "invalid_api_key"),
    ("bad body", {"body": b"{"}, 400, "invalid_json"),
    ("no model", {"body": {}}, 400, "missing_required_parameter"),
    ("unknown model", {"body": chat(model="gpt-9")}, 404, "model_not_found"),
    ("priority", {"headers": "x-gateway-priority: supervised\r\n"}, 403, "priority_not_allowed"),
    ("compressed", {"headers": "content-encoding: gzip\r\n"}, 415, "unsupported_media_type"),
    ("unknown object", {"path": "/v1/responses/resp_1", "method": "GET", "body": None}, 404, "not_found"),
]


@pytest.mark.parametrize(
    ("how", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_a_refused_request_has_one_line_too(
    gateway: RunningGateway, how: dict[str, Any], status: int, code: str | None
) -> None:
    how = dict(how)
    reply = await exchange(gateway, request(how.pop("body", chat()), **how))
    assert reply.status == status
    assert (await post(gateway, chat())).status == 200
    first, second = await gateway.log_lines(2)
    assert list(first) == FIELDS
    assert (first["status"], first["attempts"], first["usage_source"]) == (status, 0, "none")
    assert code is None or first["code"] == code
    assert first["outcome"] in ("error", "refused")
    assert (first["request_id"], second["status"]) == (reply.headers["x-request-id"], 200)


HOSTILE = ["a" * 129, "x\ty", 'a","status":200,"x":"', "${jndi:ldap://x}", "é", "a b\\u0000", "\x85\x9b"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["x-gateway-agent", "x-gateway-task", "user-agent", "x-request-id"])
async def test_hostile_headers_make_one_parseable_line(
    gateway: RunningGateway, name: str, value: str
) -> None:
    reply = await post(gateway, chat(), headers=f"{name}: {value}\r\n")
    assert reply.status in (200, 400)
    (entry,) = await gateway.log_lines(1)
    assert list(entry) == FIELDS
    assert entry["status"] == reply.status
    assert reply.headers["x-request-id"].startswith("req_")
    if reply.status == 200 and name.startswith("x-gateway"):
        assert value == entry[name.removeprefix("x-gateway-")]


async def test_control_characters_in_headers_never_reach_the_log(gateway: RunningGateway) -> None:
    """They are refused as framing, before there is an exchange."""
    for value in ("\x1b[31mred", "a\x7fb", "a\x08b"):
        assert (await post(gateway, chat(), headers=f"x-gateway-agent: {value}\r\n")).status == 400
    await post(gateway, chat())
    entries = await gateway.log_lines(1)
    assert all(entry["agent"] is None for entry in entries)


async def test_neither_prompt_nor_answer_nor_secret_is_logged(
    gateway: RunningGateway, sim: ProviderSim, capfd: pytest.CaptureFixture[str]
) -> None:
    prompt, answer = "prompt-canary-7", "answer-canary-7"
    for how in ({}, {"status": 400}, {"status": 500}, {"garbage": True}, {"status": 401, "echo": True}):
        for streamed in (False, True):
            sim.script(answer, usage={}, fault={"message": answer, **how})
            await post(gateway, chat(prompt, stream=streamed, user=prompt))
    await post(gateway, f'{{"model":"smart","{prompt}'.encode())
    await post(gateway, chat(prompt), key="wrong-key-canary-0123456789")
    await settled(gateway)
    entries = json.dumps(await gateway.log_lines(12))
    written = capfd.readouterr()
    for secret in ("canary", PROVIDER_SECRET, TENANT_KEY, OTHER_KEY, ADMIN_KEY):
        assert secret not in entries
        assert secret not in written.out + written.err


@pytest.mark.parametrize(
    ("asked", "status"),
    [("supervised", 403), ("conversation", 200), ("scheduled", 200), ("consolidation", 200), ("evaluation", 200),
     ("urgent", 400), ("", 400), ("Conversation", 400), ("0", 400)],
)  # fmt: skip
async def test_priorities(gateway: RunningGateway, sim: ProviderSim, asked: str, status: int) -> None:
    reply = await post(gateway, chat(), headers=f"x-gateway-priority: {asked}\r\n")
    assert reply.status == status
    (entry,) = await gateway.log_lines(1)
    if status == 200:
        assert entry["priority"] == asked
    else:
        assert reply.error()["param"] == "x-gateway-priority"
        assert entry["priority"] == "conversation"  # what the key has, not what was asked for
        assert sim.requests() == []


async def test_the_flex_tier_lowers_the_priority(gateway: RunningGateway) -> None:
    await post(gateway, chat(service_tier="flex"))
    (entry,) = await gateway.log_lines(1)
    assert entry["priority"] == "scheduled"


async def test_paths_outside_every_exchange_have_a_line_too(gateway: RunningGateway) -> None:
    """One line per request: the catalogue, unknown URLs and wrong methods are requests."""
    replies = [await get(gateway, "/v1/models"), await get(gateway, "/nothing"), await get(gateway, CHAT)]
    assert [reply.status for reply in replies] == [200, 404, 405]
    entries = await gateway.log_lines(3)
    assert [entry["status"] for entry in entries] == [200, 404, 405]
    assert [entry["request_id"] for entry in entries] == [reply.headers["x-request-id"] for reply in replies]
    assert all(list(entry) == FIELDS for entry in entries)
    assert parsed(replies[0].raw).whole

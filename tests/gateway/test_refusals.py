"""Golden case 99: every way the gateway itself says no, in the words of wire reference §1.4, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.clock import LIMIT_S, passes
from tests.gateway.wire import CHAT, Line, Reply, chat, exchange, get, parsed, post, request
from tests.running import PROVIDER_SECRET, TENANT_KEY, ProviderSim, RunningGateway, configuration


def check(reply: Reply, status: int, code: str | None, kind: str, param: str | None = None) -> None:
    """One row of the table, and what holds for every row."""
    error = reply.error()
    assert (reply.status, error["code"], error["type"], error["param"]) == (status, code, kind, param)
    assert set(json.loads(reply.body)) == {"error"}
    assert error["message"]
    assert len(error["message"]) <= 500
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-request-id"] == reply.headers["request-id"]
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.whole


BAD = "invalid_request_error"
MESSAGES = [{"role": "user", "content": "x"}]
BODIES: list[tuple[str, bytes | dict[str, Any], str, str | None]] = [
    ("broken", b'{"model":"smart",', "invalid_json", None),
    ("empty", b"", "invalid_json", None),
    ("a list", b"[1]", "invalid_json", None),
    ("no model", {"messages": MESSAGES}, "missing_required_parameter", "model"),
    ("null model", {"model": None, "messages": MESSAGES}, "missing_required_parameter", "model"),
    ("model a number", {"model": 5, "messages": MESSAGES}, "invalid_type", "model"),
    ("no messages", {"model": "smart"}, "missing_required_parameter", "messages"),
    ("messages a text", {"model": "smart", "messages": "x"}, "invalid_type", "messages"),
    ("no message", {"model": "smart", "messages": []}, "invalid_value", "messages"),
    ("stream a text", chat(stream="yes"), "invalid_type", "stream"),
    ("options a text", chat(stream=True, stream_options="x"), "invalid_type", "stream_options"),
    ("options unused", chat(stream_options=1), "invalid_type", "stream_options"),
    (
        "usage a text",
        chat(stream=True, stream_options={"include_usage": "yes"}),
        "invalid_type",
        "stream_options.include_usage",
    ),
    (
        "usage a number",
        chat(stream=True, stream_options={"include_usage": 0}),
        "invalid_type",
        "stream_options.include_usage",
    ),
    ("temperature a text", chat(temperature="hot"), "invalid_type", "temperature"),
    ("top_p a list", chat(top_p=[1]), "invalid_type", "top_p"),
    ("tools an object", chat(tools={}), "invalid_type", "tools"),
    ("stream a number", chat(stream=1), "invalid_type", "stream"),
    ("max_tokens a bool", chat(max_tokens=True), "invalid_type", "max_tokens"),
    ("max_tokens negative", chat(max_tokens=-1), "invalid_value", "max_tokens"),
    ("max_tokens huge", chat(max_tokens=2**63), "invalid_value", "max_tokens"),
    ("n zero", chat(n=0), "invalid_value", "n"),
    ("n negative", chat(n=-1), "invalid_value", "n"),
]


@pytest.mark.parametrize(
    ("body", "code", "param"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
async def test_bodies(
    gateway: RunningGateway, sim: ProviderSim, body: Any, code: str, param: str | None
) -> None:
    check(await post(gateway, body), 400, code, BAD, param)
    assert sim.requests() == []


async def test_other_endpoints_bodies(gateway: RunningGateway) -> None:
    missing = await exchange(gateway, request({"model": "smart"}, path="/v1/embeddings"))
    check(missing, 400, "missing_required_parameter", BAD, "input")
    form = request(
        b"--b\r\n\r\nx",
        path="/v1/audio/transcriptions",
        headers="content-type: multipart/form-data; boundary=b\r\n",
    )
    assert (await exchange(gateway, form)).status == 400
    json_body = request(chat(), path="/v1/audio/transcriptions")
    check(await exchange(gateway, json_body), 415, "unsupported_media_type", BAD)


async def test_who_asks(gateway: RunningGateway, sim: ProviderSim) -> None:
    none = await post(gateway, chat(), key=None)
    check(none, 401, None, BAD)
    wrong = [
        await post(gateway, chat(), key=key) for key in ("x", TENANT_KEY[:-1], TENANT_KEY + "x", "\xff" * 40)
    ]
    for reply in wrong:
        check(reply, 401, "invalid_api_key", BAD)
    assert len({reply.body for reply in wrong}) == 1
    for scheme in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer ", TENANT_KEY):
        reply = await post(gateway, chat(), key=None, headers=f"authorization: {scheme}\r\n")
        assert reply.status == 401
    both = await post(gateway, chat(), headers="x-api-key: other-key-0123456789abcdef\r\n")
    check(both, 400, "ambiguous_credentials", BAD)
    twice = await post(gateway, chat(), headers=f"authorization: Bearer {TENANT_KEY}x\r\n")
    assert twice.status == 400
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        assert (await post(gateway, chat(), key=None, headers=f"{name}: {TENANT_KEY}\r\n")).status == 200
    assert (await post(gateway, chat(), headers=f"x-api-key: {TENANT_KEY}\r\n")).status == 200
    assert len(sim.requests()) == 4


async def test_a_key_in_the_query_counts_for_nothing(gateway: RunningGateway) -> None:
    reply = await exchange(gateway, request(chat(), path=f"{CHAT}?key={TENANT_KEY}", key=None))
    check(reply, 401, None, BAD)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-9",
        "sim",
        "sim/",
        "nobody/chat",
        "/chat",
        "a b",
        "x" * 300,
        "SMART",
        "smart ",
        "../smart",
        "x/y/z",
    ],
)
async def test_unknown_models(gateway: RunningGateway, sim: ProviderSim, model: str) -> None:
    reply = await post(gateway, chat(model=model))
    check(reply, 404, "model_not_found", BAD, "model")
    text = f"The model `{model[:128]}` does not exist or you do not have access to it."
    assert reply.error()["message"] == text
    assert sim.requests() == []


async def test_urls_and_methods(gateway: RunningGateway, sim: ProviderSim) -> None:
    for path in (
        "/", "/v1", "/v2/chat/completions", "/v1/chat", "//v1/chat/completions", "/v1/chat%2Fcompletions",
        "/v1/./chat/completions", "/V1/chat/completions", "/v1/chat/completions;x", "/v1/chat/completions.",
        "/metrics", "/admin/v1/pools", "/console", "/docs", "/openapi.json", "/v1/messagesx", "/v1/filesx",
        "/v1/modelssmart", "//v1/threads", "/v1/threadsx", "/v2/threads", "/v1/chat/completions/x/y", "/v1/thread",
    ):  # fmt: skip
        check(await exchange(gateway, request(chat(), path=path)), 404, "unknown_url", BAD)
        assert (await get(gateway, path)).status == 404, path
    for method, path in (("GET", CHAT), ("PUT", CHAT), ("DELETE", CHAT), ("PATCH", "/v1/embeddings")):
        reply = await get(gateway, path, method=method)
        check(reply, 405, "method_not_supported", BAD)
        assert reply.headers["allow"] == "POST"
    for path, methods in (
        ("/v1/models", "GET"), ("/v1/models/smart", "GET"),
        ("/v1/files", "GET, POST"), ("/v1/files/file-x", "DELETE, GET"), ("/batches/b/cancel", "POST"),
    ):  # fmt: skip
        reply = await exchange(gateway, request(chat(), path=path, method="PUT"))
        assert (reply.status, reply.headers.get("allow")) == (405, methods), path
    for path in ("/healthz", "/readyz"):
        reply = await exchange(gateway, request(chat(), path=path))
        assert (reply.status, set(reply.headers["allow"].split(", "))) == (405, {"GET", "HEAD"}), path
    assert sim.requests() == []


UNSERVED = [
    ("GET", "/v1/assistants"), ("POST", "/v1/threads"), ("POST", "/v1/threads/t_1/runs"),
    ("GET", "/v1/realtime?model=m"), ("POST", "/v1/realtime/client_secrets"), ("POST", "/v1/conversations"),
    ("GET", "/conversations/conv_1/items"), ("POST", "/v1/vector_stores"), ("POST", "/v1/fine_tuning/jobs"),
    ("GET", "/fine_tuning/jobs/"), ("POST", "/v1/videos"), ("POST", "/v1/decisions"), ("POST", "/v1/evals"),
    ("POST", "/v1/content_provenance_checks"), ("GET", "/v1/containers/c/files"),
    ("GET", "/v1/chat/completions/chatcmpl-1"), ("DELETE", "/v1/chat/completions/chatcmpl-1"),
    ("GET", "/chat/completions/chatcmpl-1/messages"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), UNSERVED)
async def test_what_the_gateway_knowingly_does_not_serve(
    gateway: RunningGateway, sim: ProviderSim, method: str, path: str
) -> None:
    check(await get(gateway, path, method=method), 404, "unsupported_endpoint", BAD)
    assert sim.requests() == []


async def test_websockets_are_not_spoken(gateway: RunningGateway) -> None:
    wish = (
        "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    for path in ("/v1/responses", "/responses", "/v1/responses/", "/v1/realtime?model=m"):
        data = request(None, path=path, method="GET", headers=wish, close=False)
        check(await exchange(gateway, data), 404, "unsupported_endpoint", BAD)
    assert (await get(gateway, "/v1/responses")).status == 405
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TENANT_KEY) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.conversations.create()
        assert caught.value.code == "unsupported_endpoint"


async def test_an_endpoint_the_provider_does_not_offer(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    config["providers"][0]["apis"] = ["chat"]
    async with RunningGateway(config) as gateway:
        reply = await exchange(gateway, request({"model": "smart", "input": "x"}, path="/v1/embeddings"))
        check(reply, 404, "unsupported_endpoint", BAD, "model")
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TENANT_KEY) as client:
            with pytest.raises(openai.NotFoundError):
                await client.embeddings.create(model="smart", input="x")
        assert len(await gateway.log_lines(2)) == 2  # no retry


@pytest.fixture
async def narrow(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    bounds = {"body_bytes": 4096, "body_gap_s": LIMIT_S, "header_read_s": LIMIT_S * 100}
    async with RunningGateway(configuration(sim.openai_url, bounds=bounds)) as running:
        yield running


async def test_too_large_by_declaration(narrow: RunningGateway, sim: ProviderSim) -> None:
    """Refused by its length alone: nothing of the body is sent."""
    head = request(None, headers="content-type: application/json\r\ncontent-length: 99999999\r\n")
    check(await exchange(narrow, head), 413, "request_too_large", BAD)
    whole = await post(narrow, chat("x" * 5000))
    check(whole, 413, "request_too_large", BAD)
    fits = json.dumps(chat()).encode()
    assert (await post(narrow, fits + b" " * (4096 - len(fits)))).status == 200
    assert len(sim.requests()) == 1


async def test_too_large_as_it_grows(narrow: RunningGateway, sim: ProviderSim) -> None:
    head = request(None, headers="content-type: application/json\r\ntransfer-encoding: chunked\r\n")
    reply = await exchange(narrow, head + b"400\r\n" + b" " * 1024 + b"\r\n" + b"1000\r\n" + b" " * 4096)
    check(reply, 413, "request_too_large", BAD)
    async with Line(narrow) as line:  # slice by slice, each within the bound
        line.send(head)
        for _ in range(5):
            line.send(b"400\r\n" + b" " * 1024 + b"\r\n")
            await asyncio.sleep(0)
        check(parsed(await line.rest()), 413, "request_too_large", BAD)
    assert sim.requests() == []


async def test_a_form_too_large(narrow: RunningGateway, sim: ProviderSim) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + b"x" * 5000
        + b"\r\n--b--\r\n"
    )
    kind = "content-type: multipart/form-data; boundary=b\r\n"
    check(
        await exchange(narrow, request(body, path="/v1/files", headers=kind)), 413, "request_too_large", BAD
    )
    assert sim.requests() == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip"])
async def test_compressed_bodies(gateway: RunningGateway, sim: ProviderSim, encoding: str) -> None:
    reply = await post(gateway, b"\x1f\x8b" + bytes(100), headers=f"content-encoding: {encoding}\r\n")
    check(reply, 415, "unsupported_media_type", BAD)
    kind = f"content-type: multipart/form-data; boundary=b\r\ncontent-encoding: {encoding}\r\n"
    reply = await exchange(gateway, request(b"x", path="/v1/files", headers=kind))
    check(reply, 415, "unsupported_media_type", BAD)
    assert sim.requests() == []


async def test_content_types(gateway: RunningGateway) -> None:
    for kind in ("image/png", "multipart/form-data; boundary=x", "text/html"):
        reply = await post(gateway, chat(), headers=f"content-type: {kind}\r\n")
        check(reply, 415, "unsupported_media_type", BAD)
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/x-www-form-urlencoded"):
        assert (await post(gateway, chat(), headers=f"content-type: {kind}\r\n")).status == 200


async def test_a_body_that_does_not_come(narrow: RunningGateway, sim: ProviderSim) -> None:
    head = request(None, headers="content-type: application/json\r\ncontent-length: 100\r\n")
    waiting = asyncio.create_task(exchange(narrow, head + b"{"))
    while not waiting.done():
        await passes(1.1 * LIMIT_S)
    check(await waiting, 408, "request_timeout", BAD)
    assert sim.requests() == []


async def test_refusals_leave_a_usable_connection(gateway: RunningGateway) -> None:
    async with Line(gateway) as line:
        line.send(request({"model": "gpt-9"}, close=False) + request(b"{", close=False) + request(chat()))
        received = await line.rest()
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"404", b"400", b"200"]


async def test_anthropics_words_where_its_sdk_asks(gateway: RunningGateway) -> None:
    reply = await get(gateway, "/v1/models/none", headers="anthropic-version: 2023-06-01\r\n")
    body = json.loads(reply.body)
    assert (reply.status, body["type"], body["error"]["type"]) == (404, "error", "not_found_error")
    assert body["request_id"] == reply.headers["request-id"]
    unknown = await get(gateway, "/v1/models", key="wrong-key-0123456789", headers="anthropic-version: x\r\n")
    assert (unknown.status, json.loads(unknown.body)["error"]["type"]) == (401, "authentication_error")


@pytest.mark.parametrize(
    ("said", "told"),
    [("2", "2000"), ("0.5", "500"), ("999999", "60000"), ("-5", None), ("soon", None), ("", None), ("nan", None),
     ("inf", None), ("1e300", None)],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
async def test_50_what_a_provider_says_about_waiting_is_bounded(
    gateway: RunningGateway, sim: ProviderSim, said: str, told: str | None, status: int
) -> None:
    """An SDK sleeps whatever it is told; each provider key is asked once."""
    sim.fault(status=status, retry_after=said)
    reply = await post(gateway, chat())
    code = {429: "rate_limit_exceeded", 503: "upstream_overloaded"}[status]
    assert (reply.status, reply.error()["code"]) == (status, code)
    assert reply.headers.get("retry-after-ms") == told
    assert len(sim.requests()) == 2


@pytest.mark.parametrize(
    ("status", "told", "code"), [(408, 504, "upstream_timeout"), (498, 503, "upstream_overloaded")]
)
async def test_a_provider_without_time_or_room_is_left_for_another_key(
    gateway: RunningGateway, sim: ProviderSim, status: int, told: int, code: str
) -> None:
    sim.fault(status=status, count=1)
    assert (await post(gateway, chat())).status == 200
    assert len(sim.requests()) == 2
    sim.fault(status=status)
    reply = await post(gateway, chat())
    # Where the budget of attempts is used up while another key is sound, a new request may do better.
    assert (reply.status, reply.error()["code"]) in ((told, code), (503, "overloaded"))


async def test_an_account_out_of_quota_is_told_when_no_other_serves(sim: ProviderSim) -> None:
    refused = b'{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota"}}'
    broke = b"HTTP/1.1 429 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(refused)
    busy = b"HTTP/1.1 503 No\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"
    for answers, status, code, retry in (
        ((broke,), 200, None, None),
        ((broke, broke), 429, "insufficient_quota", "false"),
        ((busy, broke), 503, "upstream_overloaded", "true"),
        ((broke, busy), 503, "upstream_overloaded", "true"),
    ):
        async with RunningGateway(configuration(sim.openai_url)) as gateway:
            for answer in answers:
                sim.script(raw=answer + refused if answer is broke else answer)
            reply = await post(gateway, chat())
        assert reply.status == status
        assert reply.headers.get("x-should-retry") == retry
        if code:
            assert reply.error()["code"] == code
        assert code != "insufficient_quota" or "retry-after" not in reply.headers


async def test_a_providers_refusal_says_whose_it_is(gateway: RunningGateway, sim: ProviderSim) -> None:
    """As a success does: the provider and key of the last attempt, and how many there were."""
    sim.fault(status=400, count=1)
    bad = await post(gateway, chat())
    assert bad.status == 400
    assert bad.headers["x-gateway-provider"] == "sim"
    assert bad.headers["x-gateway-model"] == "chat"
    assert bad.headers["x-gateway-attempts"] == "1"
    assert bad.headers["x-gateway-key"] in ("one", "two")
    sim.fault(status=503)
    down = await post(gateway, chat(stream=True))
    assert (down.status, down.headers["x-gateway-attempts"]) == (503, "2")
    last = sim.requests()[-1]["credential"]
    assert last == PROVIDER_SECRET + ("-2" if down.headers["x-gateway-key"] == "two" else "")
    for ours in (
        await post(gateway, chat(model="gpt-9")),
        await post(gateway, chat(), key="wrong-key-0123456789"),
    ):
        assert not {name for name in ours.headers if name.startswith("x-gateway")}

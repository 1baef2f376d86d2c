"""What callers and providers may try (reliability §3.2–3.3, golden case 108): nothing passes that should not."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.gateway.wire import (
    CHAT,
    STOP,
    Reply,
    chat,
    chunk,
    exchange,
    post,
    request,
    settled,
    sse,
    whole_json,
)
from tests.running import PROVIDER_SECRET, TENANT_KEY, ProviderSim, RunningGateway


@dataclass
class Trap:
    """A listener nobody should ever reach."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard.append(await reader.read(65_536))
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    made = Trap()
    server = await asyncio.start_server(made.meet, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("streamed", [True, False])
async def test_24_redirects_are_not_followed(
    gateway: RunningGateway, sim: ProviderSim, trap: Trap, status: int, streamed: bool
) -> None:
    sim.fault(redirect=f"{trap.url}/v1/chat/completions", status=status)
    reply = await post(gateway, chat(stream=streamed))
    assert (reply.status, reply.error()["code"]) == (502, "upstream_error")
    assert "location" not in reply.headers
    assert str(trap.port).encode() not in reply.raw
    await settled(gateway)
    assert (trap.connections, trap.heard) == (0, [])


URL_FIELDS = [
    "api_key", "api_base", "base_url", "custom_llm_provider", "headers", "extra_headers", "callback_url", "webhook",
    "url", "endpoint", "proxy", "proxies", "host", "organization", "azure_endpoint", "api_version", "model_list",
    "fallbacks", "litellm_params", "aws_bedrock_runtime_endpoint", "success_callback", "vertex_project",
]  # fmt: skip


@pytest.mark.parametrize("where", ["top", "metadata", "message", "headers"])
async def test_23_nothing_a_caller_names_is_dialled(
    gateway: RunningGateway, sim: ProviderSim, trap: Trap, where: str
) -> None:
    named = dict.fromkeys(URL_FIELDS, trap.url)
    body = chat()
    lines = ""
    if where == "top":
        body = {**named, **body}
    elif where == "metadata":
        body["metadata"] = named
    elif where == "message":
        image = {"type": "image_url", "image_url": {"url": f"{trap.url}/a.png"}}
        body["messages"][0] = {"role": "user", "content": [{"type": "text", "text": "x"}, image], **named}
    else:
        lines = "".join(f"x-{name.replace('_', '-')}: {trap.url}\r\n" for name in URL_FIELDS[1:])
        lines += f"x-forwarded-host: 127.0.0.1:{trap.port}\r\nforwarded: host=127.0.0.1:{trap.port}\r\n"
    reply = await post(gateway, body, headers=lines)
    assert reply.status in (200, 400)
    assert trap.connections == 0
    (received,) = sim.requests()
    assert PROVIDER_SECRET in dict(received["headers"])["authorization"]
    assert str(trap.port) not in json.dumps(received["headers"])


STRANGE = [
    "a\r\nx-evil: 1",
    "a\nx-evil: 1",
    "a\rb",
    "a\0b",
    "a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "\u2028x",
    "a\x7fb",
    "é",
]


@pytest.mark.parametrize("text", STRANGE)
@pytest.mark.parametrize("model", ["{}", "sim/{}"])
async def test_26_line_ends_in_the_model(
    gateway: RunningGateway, sim: ProviderSim, text: str, model: str
) -> None:
    reply = await post(gateway, chat(model=model.format(text)))
    assert (reply.status, reply.error()["param"]) == (400, "model")
    assert "x-evil" not in reply.headers
    assert sim.requests() == []
    (entry,) = await gateway.log_lines(1)
    assert entry["status"] == 400


@pytest.mark.parametrize("text", STRANGE[:5])
async def test_26_line_ends_elsewhere_in_the_body_are_only_text(
    gateway: RunningGateway, sim: ProviderSim, text: str
) -> None:
    body = json.dumps(chat(user=text, metadata={"a": text}, prompt_cache_key=text)).encode()
    assert (await post(gateway, body)).status == 200
    (received,) = sim.requests()
    assert received["body"].encode() == body.replace(b"smart", b"chat")
    assert "x-evil" not in {name.lower() for name, _ in received["headers"]}
    assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    "name", ["user-agent", "openai-beta", "x-client-request-id", "accept", "x-gateway-agent"]
)
@pytest.mark.parametrize("value", ["a\rx-evil: 1", "a\nx-evil: 1", "a\0b"])
async def test_26_line_ends_in_headers_that_pass(
    gateway: RunningGateway, sim: ProviderSim, name: str, value: str
) -> None:
    reply = await post(gateway, chat(), headers=f"{name}: {value}\r\n")
    assert reply.status == 400
    assert sim.requests() == []


DEEP = b"[" * 100_000 + b"]" * 100_000
NUMBERS = [b"1" * 5000, b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"0x10"]
BODIES = {
    "deep": b'{"model":"smart","messages":%b}' % DEEP,
    "deep in a key nobody reads": b'{"model":"smart","messages":[{"role":"user","content":"x"}],"x":%b}'
    % DEEP,
    "129 levels": b'{"model":"smart","messages":[{"role":"user","content":"x"}],"x":'
    + b"[" * 128
    + b"]" * 128
    + b"}",
    "model twice": b'{"model":"smart","messages":[{"role":"user","content":"x"}],"model":"sim/other"}',
    "escaped twice": b'{"model":"smart","messages":[{"role":"user","content":"x"}],"m\\u006fdel":"sim/other"}',
    "max_tokens twice": b'{"max_tokens":1,"model":"smart","messages":[{"role":"user"}],"max_tokens":9}',
    "invalid utf-8": b'{"model":"smart","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "overlong utf-8": b'{"model":"smart","messages":[{"role":"user","content":"\xc0\xaf"}]}',
    "utf-8 surrogate": b'{"model":"smart","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "lone surrogate": b'{"model":"smart","messages":[{"role":"user","content":"\\ud800"}]}',
    "bom": b'\xef\xbb\xbf{"model":"smart","messages":[{"role":"user","content":"x"}]}',
    "utf-16": '{"model":"smart"}'.encode("utf-16"),
    "raw newline": b'{"model":"smart","messages":[{"role":"user","content":"a\nb"}]}',
    "raw nul": b'{"model":"smart","messages":[{"role":"user","content":"a\0b"}]}',
    "after": b'{"model":"smart","messages":[{"role":"user","content":"x"}]}{}',
    "comment": b'{"model":"smart",/* */"messages":[]}',
    "trailing comma": b'{"model":"smart","messages":[],}',
    "single quotes": b"{'model':'smart'}",
}
for _number in NUMBERS:
    BODIES[f"number {_number[:10].decode()}"] = (
        b'{"model":"smart","messages":[{"role":"user","content":"x"}],"temperature":%b}' % _number
    )


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_36_json_that_parsers_disagree_about(
    gateway: RunningGateway, sim: ProviderSim, body: bytes
) -> None:
    reply = await post(gateway, body)
    assert (reply.status, reply.error()["code"]) == (400, "invalid_json"), reply.body
    assert len(reply.body) < 1000
    assert sim.requests() == []
    (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["code"]) == (400, "invalid_json")


async def test_36_escaped_nul_and_pairs_are_text(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = (
        b'{"model":"smart","messages":[{"role":"user","content":"\\u0000 \\ud83e\\udd80"}],"x":-0,"y":1e300}'
    )
    assert (await post(gateway, body)).status == 200
    assert sim.requests()[0]["body"].encode() == body.replace(b"smart", b"chat")


HOP = (
    "cookie: session=canary-cookie\r\nopenai-organization: org-canary\r\nopenai-project: proj-canary\r\n"
    "x-forwarded-for: 10.1.1.1\r\nx-forwarded-host: canary.example\r\nforwarded: for=canary\r\nvia: 1.1 canary\r\n"
    "x-tenant-id: canary\r\nx-gateway-agent: canary\r\nproxy-authorization: Basic canary\r\ncf-ray: canary\r\n"
    "x-stainless-lang: canary\r\nidempotency-key: canary\r\nte: trailers\r\nx-real-ip: canary\r\n"
    "anthropic-workspace-id: canary\r\naccept-encoding: gzip, br\r\nx-custom: canary\r\nreferer: canary\r\n"
    "traceparent: canary\r\nif-none-match: canary\r\nrange: bytes=0-1\r\norigin: https://canary.example\r\n"
)
ALLOWED_UP = {
    "host", "authorization", "accept-encoding", "content-type", "content-length", "user-agent", "accept",
    "openai-beta", "x-client-request-id",
}  # fmt: skip


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings", "/v1/responses", "/v1/files"])
async def test_108_what_of_the_callers_headers_goes_up(
    gateway: RunningGateway, sim: ProviderSim, path: str
) -> None:
    more = "user-agent: OpenAI/Python 3\r\nopenai-beta: assistants=v2\r\nx-client-request-id: mine\r\n"
    more += f"accept: */*\r\nx-api-key: {TENANT_KEY}\r\n"
    body: Any = chat(input="x")
    if path == "/v1/files":
        body = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
        more += "content-type: multipart/form-data; boundary=b\r\n"
    reply = await exchange(gateway, request(body, path=f"{path}?key=canary&x=1", headers=HOP + more))
    assert reply.status == 200, reply.body
    (received,) = sim.requests()
    names = [name.lower() for name, _ in received["headers"]]
    assert sorted(names) == sorted(set(names))
    assert set(names) <= ALLOWED_UP
    headers = {name.lower(): value for name, value in received["headers"]}
    assert "canary" not in json.dumps(headers).replace(PROVIDER_SECRET, "")
    assert TENANT_KEY not in json.dumps(received)
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == f"127.0.0.1:{sim.port}"
    assert headers["user-agent"].startswith("kaze-gateway/")
    assert headers["user-agent"].endswith(" (OpenAI/Python 3)")
    assert (headers["openai-beta"], headers["x-client-request-id"]) == ("assistants=v2", "mine")
    assert "?" not in received["target"]


ALLOWED_DOWN = {
    "date", "content-type", "content-length", "transfer-encoding", "connection", "cache-control",
    "x-accel-buffering", "x-request-id", "request-id", "server-timing", "openai-processing-ms", "openai-version",
}  # fmt: skip
CANARIES = [
    b"set-cookie: a=canary; Path=/", b"server: canary", b"x-request-id: canary", b"request-id: canary",
    b"openai-organization: canary", b"openai-project: canary", b"x-goog-api-key: canary", b"cf-ray: canary",
    b"authorization: canary", b"strict-transport-security: canary", b"alt-svc: canary", b"apim-request-id: canary",
    b"x-ratelimit-remaining-requests: 77077", b"www-authenticate: canary", b"location: http://canary/",
    b"access-control-allow-origin: canary", b"x-gateway-provider: canary", b"etag: canary", b"via: canary",
    b"openai-processing-ms: 12", b"openai-version: 2020-10-01",
]  # fmt: skip


@pytest.mark.parametrize("streamed", [True, False])
async def test_108_what_of_the_providers_headers_comes_down(
    gateway: RunningGateway, sim: ProviderSim, streamed: bool
) -> None:
    body = whole_json(b'{"id":"x","choices":[]}', *CANARIES)
    if streamed:
        body = sse(chunk("Hello"), STOP).replace(b"\r\n", b"\r\n" + b"\r\n".join(CANARIES) + b"\r\n", 1)
    sim.script(raw=body)
    reply = await post(gateway, chat(stream=streamed))
    assert reply.status == 200
    others = {name for name in reply.headers if not name.startswith("x-gateway-")}
    assert others <= ALLOWED_DOWN
    assert b"canary" not in reply.raw
    assert b"77077" not in reply.raw
    assert reply.headers["x-request-id"] == reply.headers["request-id"]
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "how", ["status=400 echo", "status=500 echo", "status=429 echo", "status=401 echo", "echo"]
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_108_a_providers_secret_stays_with_us(
    gateway: RunningGateway, sim: ProviderSim, how: str, streamed: bool
) -> None:
    reply = await post(gateway, chat(f"[[sim:{how}]]", stream=streamed))
    assert PROVIDER_SECRET.encode() not in reply.raw
    assert "sk-" not in _message(reply)
    (entry,) = await gateway.log_lines(1)
    assert PROVIDER_SECRET not in json.dumps(entry)


async def test_108_messages_of_providers_are_scrubbed_and_bounded(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    said = f"Bad key {PROVIDER_SECRET}-2 sk-proj-abcdefgh12345 of org-Abc123456 " + "x" * 2000
    for streamed in (True, False):
        sim.script(
            status=400, body={"error": {"message": said, "type": "invalid_request_error", "code": "x"}}
        )
        reply = await post(gateway, chat(stream=streamed))
        message = _message(reply)
        assert (reply.status, len(message) <= 500) == (400, True)
        for secret in (PROVIDER_SECRET, "sk-proj", "org-Abc"):
            assert secret not in message


def _message(reply: Reply) -> str:
    return "" if reply.status == 200 else str(reply.error()["message"])

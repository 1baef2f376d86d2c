"""Wire reference §1.4, line by line: what each inbound dialect is told of a condition, over real sockets."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.behind import behind_every_dialect
from tests.gateway.wire import Reply, exchange, request
from tests.running import TENANT_KEY, ProviderSim, RunningGateway

PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "generate_content": "/v1beta/models/{}:generateContent",
}
_HI = [{"role": "user", "content": "hi"}]
_BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "{}", "messages": _HI},
    "responses": {"model": "{}", "input": "hi"},
    "messages": {"model": "{}", "max_tokens": 50, "messages": _HI},
    "generate_content": {"contents": [{"parts": [{"text": "hi"}]}]},
}
_CONTENT = {"chat": "messages", "responses": "input", "messages": "messages", "generate_content": "contents"}
_JSON = {"content-type": "application/json"}
every_inbound = pytest.mark.parametrize("api", PATHS)


class Told(NamedTuple):
    """OpenAI's status, type and code; Anthropic's status, type and finer code; Google's word, OpenAI's status."""

    openai: tuple[int, str, str | None]
    anthropic: tuple[int, str, str | None]
    google: str


def bad(code: str) -> Told:
    """The caller's own fault."""
    return Told(
        (400, "invalid_request_error", code), (400, "invalid_request_error", None), "INVALID_ARGUMENT"
    )


def failed(code: str) -> Told:
    return Told((502, "upstream_error", code), (502, "api_error", None), "INTERNAL")


_WHO = "invalid_request_error"
_NOWHERE = (404, "not_found_error", None)
_RATE = (429, "rate_limit_error", None)
_FULL = (529, "overloaded_error", None)
_MEDIA = (415, _WHO, "unsupported_media_type")
_NO_KEY = Told((401, _WHO, None), (401, "authentication_error", None), "UNAUTHENTICATED")
_BAD_KEY = Told((401, _WHO, "invalid_api_key"), (401, "authentication_error", None), "UNAUTHENTICATED")


def check(api: str, reply: Reply, told: Told, param: str | None = None) -> None:
    """And what holds for every row."""
    body = json.loads(reply.body)
    error = body["error"]
    assert error["message"] and reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == reply.headers["request-id"]
    if api == "messages":
        assert (reply.status, error["type"], error.get("details", {}).get("error_code")) == told.anthropic
        assert (body["type"], body["request_id"]) == ("error", reply.headers["request-id"])
    elif api == "generate_content":
        assert (reply.status, error["code"], error["status"]) == (told.openai[0], told.openai[0], told.google)
    else:
        assert (reply.status, error["type"], error["code"]) == told.openai
    if param is None:
        return
    if api == "messages":
        assert error["message"].startswith(param.replace("[", ".").replace("]", ""))
    elif api == "generate_content":
        assert param in error["message"]
    else:
        assert error["param"] == param


async def ask(
    gateway: RunningGateway, api: str, model: str = "openai", fields: dict[str, Any] | None = None, **how: Any
) -> Reply:
    """A request that is well-formed but for `fields` (None: left out) and `how`."""
    body = {**_BODIES[api], **(fields or {})}
    if "model" in body and body["model"] == "{}":
        body["model"] = model
    written = how.pop("body", {name: value for name, value in body.items() if value is not None})
    path = how.pop("path", PATHS[api].format(model))
    return await exchange(gateway, request(written, path=path, **how))


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


@every_inbound
async def test_bodies(gateway: RunningGateway, sim: ProviderSim, api: str) -> None:
    for body in (b"", b" ", b"{", b"[]", b'"x"', b"{}x"):
        check(api, await ask(gateway, api, body=body), bad("invalid_json"))
    content = _CONTENT[api]
    if api != "responses":  # which may go on from another one without
        check(
            api, await ask(gateway, api, fields={content: None}), bad("missing_required_parameter"), content
        )
        check(api, await ask(gateway, api, fields={content: 5}), bad("invalid_type"), content)
    if api != "generate_content":
        for model, code in ((None, "missing_required_parameter"), ("", "missing_required_parameter")):
            check(api, await ask(gateway, api, fields={"model": model}), bad(code), "model")
        check(api, await ask(gateway, api, fields={"model": 5}), bad("invalid_type"), "model")
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "chat": ({"n": 0}, "n"),
        "responses": ({"max_output_tokens": -1}, "max_output_tokens"),
        "messages": ({"max_tokens": -1}, "max_tokens"),
        "generate_content": ({"generationConfig": {"topP": 7}}, "generationConfig.topP"),
    }
    fields, param = wrong[api]
    check(api, await ask(gateway, api, fields=fields), bad("invalid_value"), param)
    assert sim.requests() == []


LOSSY: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"logit_bias": {"1": 1}}, "logit_bias"),
    "responses": ({"truncation": "auto"}, "truncation"),
    "messages": ({"inference_geo": "us"}, "inference_geo"),
    "generate_content": ({"safetySettings": [{"category": "x"}]}, "safetySettings"),
}
IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"n": 2}, "n"),
    "responses": ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    "messages": ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
    "generate_content": ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
}


@every_inbound
async def test_what_the_target_cannot_be_asked(gateway: RunningGateway, sim: ProviderSim, api: str) -> None:
    fields, param = LOSSY[api]
    for word in ("true", "TRUE", "1"):
        reply = await ask(gateway, api, "ollama", fields, headers=f"x-gateway-strict: {word}\r\n")
        check(api, reply, bad("unsupported_parameter"), param)
    for word in ("yes", "", "maybe", "01"):
        reply = await ask(gateway, api, "ollama", fields, headers=f"x-gateway-strict: {word}\r\n")
        check(api, reply, bad("invalid_value"), "x-gateway-strict")
    fields, param = IMPOSSIBLE[api]
    check(api, await ask(gateway, api, "ollama", fields), bad("unsupported_value"), param)
    assert sim.requests() == []
    for word in ("false", "0"):
        fields, param = LOSSY[api]
        reply = await ask(gateway, api, "ollama", fields, headers=f"x-gateway-strict: {word}\r\n")
        assert (reply.status, reply.headers["x-gateway-warnings"]) == (200, f"dropped={param}")


ATTACHED: dict[str, tuple[dict[str, Any], str]] = {
    "chat": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}]},
        "messages[0].content[0]",
    ),
    "responses": (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://a.b/c.pdf"}]}]},
        "input[0].content[0]",
    ),
    "messages": (
        {"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "url", "url": "https://a.b/c.pdf"}}]}]},
        "messages[0].content[0]",
    ),
    "generate_content": (
        {"contents": [{"parts": [{"fileData": {"fileUri": "https://a.b/c.pdf", "mimeType": "application/pdf"}}]}]},
        "contents[0].parts[0].fileData",
    ),
}  # fmt: skip


@every_inbound
async def test_what_the_target_cannot_get_a_tenant_may_be_allowed_to_have_fetched(
    gateway: RunningGateway, api: str
) -> None:
    fields, param = ATTACHED[api]
    reply = await ask(gateway, api, "ollama", fields)
    check(api, reply, bad("unsupported_value"), param)
    assert "`fetch_urls`" in reply.error()["message"]


@every_inbound
async def test_who_asks_and_for_what(gateway: RunningGateway, sim: ProviderSim, api: str) -> None:
    check(api, await ask(gateway, api, key=None), _NO_KEY)
    check(api, await ask(gateway, api, key=TENANT_KEY + "x"), _BAD_KEY)
    unknown = Told((404, _WHO, "model_not_found"), _NOWHERE, "NOT_FOUND")
    check(api, await ask(gateway, api, "gpt-9"), unknown, "model" if api in ("chat", "responses") else None)
    check(
        api,
        await ask(gateway, api, headers="content-type: text/html\r\n"),
        Told(_MEDIA, (400, _WHO, None), "INVALID_ARGUMENT"),
    )
    check(
        api,
        await ask(gateway, api, headers="content-encoding: gzip\r\n"),
        Told(_MEDIA, (400, _WHO, "request_body_encoding_unsupported"), "INVALID_ARGUMENT"),
    )
    declared = "content-type: application/json\r\ncontent-length: 99999999\r\n"
    check(
        api,
        await ask(gateway, api, body=None, headers=declared),
        Told((413, _WHO, "request_too_large"), (413, "request_too_large", None), "INVALID_ARGUMENT"),
    )
    assert sim.requests() == []


URLS: dict[str, tuple[str, str]] = {
    "chat": ("/v1/chat/completion", "/v1/assistants"),
    "responses": ("/v1/responses/resp_1/what", "/v1/conversations"),
    "messages": ("/v1/messages/what", "/v1/messages/batches"),
    "generate_content": ("/v1beta/models/openai:what", "/v1beta/files"),
}


@every_inbound
async def test_urls_and_methods(gateway: RunningGateway, api: str) -> None:
    unknown, unserved = URLS[api]
    reply = await ask(gateway, api, path=unknown)
    check(api, reply, Told((404, _WHO, "unknown_url"), _NOWHERE, "NOT_FOUND"))
    reply = await ask(gateway, api, path=unserved)
    check(api, reply, Told((404, _WHO, "unsupported_endpoint"), _NOWHERE, "NOT_FOUND"))
    assert "does not serve" in reply.error()["message"]
    for method in ("GET", "PUT", "DELETE"):
        reply = await ask(gateway, api, method=method)
        check(api, reply, Told((405, _WHO, "method_not_supported"), _NOWHERE, "NOT_FOUND"))
        assert reply.headers["allow"] == "POST"


async def test_versions_of_anthropics_api(gateway: RunningGateway, sim: ProviderSim) -> None:
    for target in ("anthropic", "openai"):
        for version in ("2026", "newest", "2026-10-21x", "x" * 100):
            reply = await ask(gateway, "messages", target, headers=f"anthropic-version: {version}\r\n")
            check("messages", reply, bad("invalid_value"), "anthropic-version")
        assert sim.requests() == []
    for version in ("2023-06-01", "2026-10-21", "2027-01-01", ""):  # which there are Anthropic knows
        reply = await ask(gateway, "messages", "anthropic", headers=f"anthropic-version: {version}\r\n")
        assert reply.status == 200
        assert dict(sim.requests()[-1]["headers"])["anthropic-version"] == (version or "2023-06-01")
        assert (await ask(gateway, "messages", headers=f"anthropic-version: {version}\r\n")).status == 200


def _error(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
UPSTREAM: list[tuple[int, Any, Told]] = [
    (401, _error("Incorrect API key provided.", "invalid_api_key"), failed("upstream_auth_failed")),
    (403, _error("This API key is suspended."), failed("upstream_auth_failed")),
    (429, _error("Slow.", "rate_limit_exceeded"),
     Told((429, "rate_limit_error", "rate_limit_exceeded"), _RATE, "RESOURCE_EXHAUSTED")),
    (429, _error("No money.", "insufficient_quota", "insufficient_quota"),
     Told((429, "insufficient_quota", "insufficient_quota"), _RATE, "RESOURCE_EXHAUSTED")),
    (500, _error("Oh."), failed("upstream_error")),
    (503, _error("Overloaded."),
     Told((503, "service_unavailable_error", "upstream_overloaded"), _FULL, "UNAVAILABLE")),
    (400, _error(_LONG, "context_length_exceeded"), bad("context_length_exceeded")),
    (200, b"<html>", failed("upstream_invalid_response")),
]  # fmt: skip


@every_inbound
@pytest.mark.parametrize(("status", "body", "told"), UPSTREAM)
async def test_what_a_provider_says(
    gateway: RunningGateway, sim: ProviderSim, api: str, status: int, body: Any, told: Told
) -> None:
    for _ in range(3):  # asked again, it says the same
        sim.script(status=status, body=body.decode() if isinstance(body, bytes) else body, headers=_JSON)
    reply = await ask(gateway, api)
    check(api, reply, told)
    if told.openai[2] == "context_length_exceeded" and api == "messages":
        assert reply.error()["message"].startswith("prompt is too long: ")

"""Ceilings over the wire: what each provider charges, refuses and says."""

import asyncio
import json
from typing import Any

import pytest

from provider_sim import ProviderSim
from provider_sim.account import Account
from provider_sim.ask import Ask
from provider_sim.errors import Dialect
from provider_sim.limit_words import go_duration
from provider_sim.limits import Limits, limits_from, table_from
from tests.sim.wire import chat, post, request, split

PATH = "/v1/chat/completions"
VERSION = "anthropic-version: 2023-06-01\r\n"


def charged(style: Dialect, ask: Ask, **limits: Any) -> dict[str, float]:
    """What one admitted request takes from each dimension, before and after output."""
    account = Account(Limits(**limits).styled(style), 0.0)
    before = {name: one["remaining"] for name, one in account.state(0.0).items()}
    assert account.admit(ask, 0.0) is None
    after = account.state(0.0)
    return {name: before[name] - after[name]["remaining"] for name in before}


@pytest.mark.parametrize(
    ("style", "limits", "expected"),
    [
        ("openai", {"tpm": 1000, "rpm": 10}, {"requests": 1, "tokens": 200}),
        ("openai", {"tpm": 1000, "tpm_rule": "sum"}, {"tokens": 250}),
        ("azure", {"tpm": 1000}, {"tokens": 250}),
        ("anthropic", {"itpm": 1000, "otpm": 1000}, {"input_tokens": 50, "output_tokens": 0}),
        ("gemini", {"tpm": 1000, "rpd": 5}, {"tokens": 50, "requests_per_day": 1}),
    ],
)
def test_what_is_charged_at_the_start(style: Dialect, limits: Any, expected: dict[str, float]) -> None:
    assert charged(style, Ask("chat", input_tokens=50, max_tokens=200), **limits) == expected


def test_anthropics_output_is_charged_as_produced_and_only_needs_room() -> None:
    account = Account(Limits(otpm=60).styled("anthropic"), 0.0)
    ask = Ask("chat", input_tokens=5, max_tokens=100_000)
    assert account.admit(ask, 0.0) is None
    account.produced(100, 0.0)
    denied = account.admit(ask, 0.0)
    assert denied is not None and denied.dimension == "output_tokens"
    assert account.admit(ask, denied.retry_s) is None


def test_cache_reads_are_not_charged_by_anthropic() -> None:
    account = Account(Limits(itpm=100).styled("anthropic"), 0.0)
    ask = Ask("chat", input_tokens=90)
    assert account.admit(ask, 0.0) is None
    account.settle_input(ask, 90, 80, 0.0)
    assert account.state(0.0)["input_tokens"]["remaining"] == 90


def test_openai_counts_refused_requests_and_azure_slices_them() -> None:
    account = Account(Limits(rpm=100, tpm=10).styled("openai"), 0.0)
    assert account.admit(Ask("chat", input_tokens=50), 0.0) is not None
    assert account.state(0.0)["requests"]["remaining"] == 99
    azure = Account(Limits(rpm=600, shape="window").styled("azure"), 0.0)
    assert sum(azure.admit(Ask("chat"), 0.0) is None for _ in range(200)) == 100
    assert azure.admit(Ask("chat"), 10.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.12, "120ms"), (1, "1s"), (360, "6m0s"), (83_909.144, "23h18m29.144s"), (0, "0s"), (1.5, "1.5s")],
)
def test_go_durations(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


async def test_openai_headers_and_refusal() -> None:
    async with ProviderSim({"credentials": {"k": {"rpm": 2, "tpm": 1000}}}) as sim:
        status, headers, _ = await post(sim.port, PATH, chat("x", max_tokens=100))
        assert status == 200
        assert (
            headers["x-ratelimit-limit-requests"] == "2" and headers["x-ratelimit-remaining-requests"] == "1"
        )
        assert headers["x-ratelimit-remaining-tokens"] == "900"
        assert headers["x-ratelimit-reset-requests"] == "30s"
        await post(sim.port, PATH, chat("x"))
        status, headers, body = await post(sim.port, PATH, chat("x"))
        assert status == 429 and json.loads(body)["error"]["code"] == "rate_limit_exceeded"
        assert 20_000 < int(headers["retry-after-ms"]) <= 30_000
        assert (await post(sim.port, PATH, chat("x"), key="other"))[0] == 200
        assert sim.stats("k")["rejected"] == {"rate": {"requests": 1}}
        too_large = await post(sim.port, PATH, chat("x", max_tokens=2000), key="k")
        assert too_large[0] == 429 and b"Request too large" in too_large[2]


async def test_anthropic_headers_and_refusal() -> None:
    async with ProviderSim({"default": {"rpm": 1, "itpm": 1000, "otpm": 500}}) as sim:
        body = {**chat("x"), "max_tokens": 9}
        _, headers, _ = await post(sim.port, "/v1/messages", body, headers=VERSION)
        kinds = ("requests", "tokens", "input-tokens", "output-tokens")
        for kind in kinds:
            assert headers[f"anthropic-ratelimit-{kind}-reset"].endswith("Z")
            assert int(headers[f"anthropic-ratelimit-{kind}-limit"]) > 0
        status, headers, refused = await post(sim.port, "/v1/messages", body, headers=VERSION)
        assert status == 429 and json.loads(refused)["error"]["type"] == "rate_limit_error"
        assert 50 < int(headers["retry-after"]) <= 60


async def test_gemini_names_the_quota_and_misleads_about_days() -> None:
    async with ProviderSim({"default": {"rpd": 1}}) as sim:
        body = {"contents": [{"parts": [{"text": "x"}]}]}
        path = "/v1beta/models/chat:generateContent?key=g"
        assert (await post(sim.port, path, body, key=None))[0] == 200
        status, headers, refused = await post(sim.port, path, body, key=None)
        failure, retry = json.loads(refused)["error"]["details"]
        assert status == 429 and not any("ratelimit" in name for name in headers)
        assert "PerDay" in failure["violations"][0]["quotaId"] and retry["retryDelay"] == "23s"


async def test_quota_overload_and_classes_of_models() -> None:
    limits = {
        "credentials": {
            "q": {"quota_requests": 1},
            "m": {"models": {"big*": {"rpm": 1}}},
            "o": {"overload": 0},
        }
    }
    async with ProviderSim(limits) as sim:
        await post(sim.port, PATH, chat("x"), key="q")
        status, headers, body = await post(sim.port, PATH, chat("x"), key="q")
        assert status == 429 and b"insufficient_quota" in body and "retry-after" not in headers
        answers = [
            await post(sim.port, PATH, {**chat("x"), "model": m}, key="m")
            for m in ("big-1", "big-2", "small")
        ]
        assert [answer[0] for answer in answers] == [200, 429, 200]
        assert (await post(sim.port, PATH, chat("x"), key="o"))[0] == 503
        assert (
            await post(sim.port, "/v1/messages", {**chat("x"), "max_tokens": 1}, key="o", headers=VERSION)
        )[0] == 529


async def test_ollama_queues_in_order_and_refuses_beyond_its_line() -> None:
    async with ProviderSim({"default": {"style": "ollama", "concurrency": 1, "queue": 1}}) as sim:
        held = await asyncio.open_connection("127.0.0.1", sim.port)
        held[1].write(request("/api/chat", chat("[[sim:hang]]"), key=None))
        while not sim.stats()["in_flight"]:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(post(sim.port, "/api/chat", chat("patient"), key=None))
        while sim.stats()["waiting"] == 0:
            await asyncio.sleep(0)
        status, _, body = await post(sim.port, "/api/chat", chat("late"), key=None)
        assert status == 503 and b"maximum pending requests" in body
        held[1].close()
        status, _, body = await waiting
        assert status == 200 and b'"done":true' in body
        assert sim.stats()["waiting"] == 0 and sim.stats()["in_flight"] == 0


async def test_concurrency_is_refused_elsewhere() -> None:
    async with ProviderSim({"default": {"concurrency": 1}}) as sim:
        held = await asyncio.open_connection("127.0.0.1", sim.port)
        held[1].write(request(PATH, chat("[[sim:hang]]")))
        while not sim.stats()["in_flight"]:
            await asyncio.sleep(0)
        assert (await post(sim.port, PATH, chat("x")))[0] == 429
        held[1].close()
        while sim.stats()["in_flight"]:
            await asyncio.sleep(0)
        assert (await post(sim.port, PATH, chat("x")))[0] == 200
        assert sim.stats()["rejected"] == {"concurrency": {"concurrency": 1}}


@pytest.mark.parametrize(
    "bad", [{"rpm": -1}, {"rpn": 1}, {"style": "cohere"}, {"models": {"a": {"tpm": "x"}}}]
)
def test_bad_limits_name_the_field(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rpm|rpn|style|tpm"):
        limits_from(bad)
    with pytest.raises(ValueError, match="default"):
        table_from({"defaults": {}})


def test_the_wire_reader_of_these_tests() -> None:
    assert split(b"HTTP/1.1 204 No Content\r\na: b\r\n\r\n") == (204, {"a": "b"}, b"")

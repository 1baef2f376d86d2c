"""The gateway's own data on models: all of it may be said by `capabilities`, and it lies between the two others."""

import logging
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.capabilities import Capabilities, capabilities
from gateway.settings.model_facts import Models
from gateway.settings.schema_capabilities import CapabilitySection
from gateway.settings.shipped_capabilities import PATH, shipped_capabilities
from tests.settings.test_model_facts import provider

OPENAI = provider("openai", "openai")


def can(by: Any, model: str, **patterns: dict[str, object]) -> Capabilities:
    return capabilities(Models(patterns).of(by, model).known)


def test_every_row_says_what_the_configuration_could() -> None:
    for row in tomllib.loads(PATH.read_text())["models"]:
        flags = {name: value for name, value in row.items() if name not in ("of", "named")}
        assert flags
        CapabilitySection.model_validate(flags)
        assert capabilities(flags) != Capabilities() or all(
            getattr(Capabilities(), name) == value for name, value in flags.items() if value != []
        )


def test_the_configuration_has_every_flag() -> None:
    assert set(Capabilities.__struct_fields__) <= set(CapabilitySection.model_fields)


@pytest.mark.parametrize(
    ("by", "model", "wanted"),
    [
        (OPENAI, "gpt-4o-mini", {"sampling": True, "thinking": "none", "fetches_urls": True}),
        (OPENAI, "o3", {"sampling": False, "thinking": "always", "chat_ok": True}),
        (OPENAI, "o3-pro", {"chat_ok": False}),
        (OPENAI, "gpt-5-mini", {"sampling": False, "effort_levels": ("minimal", "low", "medium", "high")}),
        (OPENAI, "gpt-5.4", {"sampling": True, "chat_tools_effort": False, "chat_tools_ok": True}),
        (OPENAI, "gpt-5.4", {"chat_tools_unsaid": True}),
        (OPENAI, "gpt-5.6-luna", {"chat_tools_effort": False, "chat_tools_unsaid": False}),
        (OPENAI, "gpt-5.4-mini", {"chat_tools_effort": True}),
        (OPENAI, "gpt-6-sol", {"chat_tools_effort": False, "chat_tools_unsaid": False}),
        (OPENAI, "gpt-6.1-sol", {"chat_tools_ok": False, "thinking": "always"}),
        (provider("azure", "openai"), "gpt-6.1-sol", {"chat_tools_ok": False}),
        (OPENAI, "text-embedding-3-large", {"embedding_native_size": 3072}),
        (provider("anthropic"), "claude-sonnet-5-5", {
            "sampling": False, "forced_tool_choice": False, "thinking": "always", "prefill": False,
            "mid_system": True, "cache_min": 512,
        }),
        (provider("anthropic"), "claude-haiku-5-5", {
            "sampling": False, "forced_tool_choice": True, "thinking": "adaptive", "cache_min": 512,
        }),
        (provider("anthropic"), "claude-sonnet-5", {"thinking": "adaptive", "cache_min": 1024}),
        (provider("anthropic"), "claude-opus-4-7", {"mid_system": False, "sampling": False, "cache_min": 2048}),
        (provider("anthropic"), "claude-sonnet-4-6", {
            "sampling": True, "thinking": "adaptive", "prefill": False, "cache_min": 1024,
        }),
        (provider("anthropic"), "claude-haiku-4-5", {
            "sampling": True, "thinking": "budget", "prefill": True, "cache_min": 4096,
        }),
        (provider("anthropic"), "claude-sonnet-4-5-20250929", {"thinking": "budget", "cache_min": 1024}),
        (provider("gemini"), "gemini-3.8-flash", {
            "sampling": False, "effort_levels": ("low", "medium", "high"), "call_ids": True, "penalties": False,
        }),
        (provider("gemini"), "gemini-2.5-pro", {
            "thinking": "budget", "call_ids": False, "schema_with_tools": False,
            "effort_levels": ("minimal", "low", "medium", "high"),
        }),
        (provider("gemini"), "gemini-3.1-pro-preview", {"effort_levels": ("low", "medium", "high")}),
        (provider("gemini"), "gemini-3.1-flash-lite", {"effort_levels": ("minimal", "low", "medium", "high")}),
        (provider("gemini"), "gemini-4-argon", {"ctx": 1_048_576, "max_out": 1_048_576}),
        (provider("anthropic"), "claude-opus-5-5", {"ctx": 1_000_000, "max_out": 128_000}),
        (provider("anthropic"), "claude-haiku-5-5", {"ctx": 1_000_000, "max_out": 128_000}),
        (provider("anthropic"), "claude-fable-5-2", {
            "ctx": 1_000_000, "max_out": 0, "thinking": "always", "forced_tool_choice": False,
        }),
        (provider("anthropic"), "claude-mythos-5-1", {"thinking": "always", "forced_tool_choice": False}),
        (provider("anthropic"), "claude-fable-5", {"thinking": "adaptive", "forced_tool_choice": True}),
        (provider("anthropic"), "claude-fable-5-20260901", {"thinking": "adaptive"}),
        (OPENAI, "gpt-6-astra", {"max_out": 128_000}),
        (provider("openai", "mistral"), "mistral-large-4", {"effort_levels": ("none", "high")}),
        (provider("ollama", local=True), "gpt-oss:20b", {
            "thinking": "always", "effort_levels": ("low", "medium", "high"),
        }),
        (provider("ollama", local=True), "deepseek-r1:8b", {"thinking": "level"}),
        (provider("ollama", local=True), "qwen3:8b", {"thinking": "level"}),
        (provider("ollama", local=True), "qwen3:30b-a3b-instruct-2507-q4_K_M", {"thinking": "none"}),
        (provider("ollama", local=True), "nomic-embed-text", {"embedding_native_size": 768}),
        (provider("openai", "vllm", local=True), "gpt-6.1-sol", {"chat_tools_ok": True}),
    ],
)  # fmt: skip
def test_what_is_known(by: Any, model: str, wanted: dict[str, object]) -> None:
    known = can(by, model)
    assert {name: getattr(known, name) for name in wanted} == wanted


def test_it_goes_before_the_package_and_behind_the_configuration() -> None:
    facts = Models({"gpt-5-mini": {"thinking": "level"}}).of(OPENAI, "gpt-5-mini")
    assert (facts.known["thinking"], facts.known["sampling"], facts.known["tools"]) == ("level", False, True)
    told = facts.told()
    assert told["configured"] == ["thinking"]
    assert "sampling" in told["shipped"] and "thinking" not in told["shipped"]  # type: ignore[operator]


def test_another_file_is_read_when_it_lies_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "capabilities.toml"
    path.write_text('[[models]]\nnamed = ["M*"]\nn_max = 3\n')
    assert shipped_capabilities(path).of((), "m1") == {"n_max": 3}
    assert shipped_capabilities(path) is shipped_capabilities(path)
    path.write_text('[[models]]\nof = ["a"]\nnamed = ["m"]\nn_max = 4\n')
    os.utime(path, ns=(1, 1))
    assert shipped_capabilities(path).of((), "m") == {}
    assert shipped_capabilities(path).of(("a", "b"), "m") == {"n_max": 4}
    for broken in ("nonsense", "models = [5]", "[[models]]\nn_max = 3\n"):
        path.write_text(broken)
        with caplog.at_level(logging.WARNING, "gateway"):
            assert shipped_capabilities(path).of(("a",), "m") == {}
        assert "capabilities.toml" in caplog.text
        caplog.clear()

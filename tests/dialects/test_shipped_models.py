"""What models are asked by the data that are shipped of them, without anything said by a configuration."""

from typing import Any

import pytest

from gateway.capabilities import USUAL, capabilities
from gateway.chat import ChatRequest, Parameters, Text, Tool, ToolChoice, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.table import inbound, outbound
from gateway.errors import GatewayError
from gateway.settings.model_facts import Models
from tests.settings.test_model_facts import provider

_HELLO = (Turn("user", (Text("hi"),), "messages[0]"),)
_TOOLS = (Tool("look", "tools[0]", schema={"type": "object", "properties": {}}),)
_APIS = {"anthropic": "messages", "gemini": "generate_content"}


def asked(dialect: str, model: str, **more: Any) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """The body, and what was lost."""
    by = provider(dialect, local=dialect == "ollama")
    can = capabilities(Models({}).of(by, model).known)
    losses = Losses()
    spoken = outbound(by.dialect, _APIS.get(dialect, "chat"), by.flavour)
    return spoken.request(ChatRequest(_HELLO, **more), model, can, losses).body, losses.names


def of_effort(dialect: str, model: str, effort: Any) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    return asked(dialect, model, parameters=Parameters(effort=effort))


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-flash-lite", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
    ],
)
def test_gemini(model: str, effort: str, thinking: dict[str, Any]) -> None:
    body, lost = of_effort("gemini", model, effort)
    assert body["generationConfig"]["thinkingConfig"] == thinking
    assert lost == ((("clamped", "effort"),) if "pro" in model else ())


def test_gemini_that_always_thinks_has_a_least_budget() -> None:
    body, lost = asked("gemini", "gemini-2.5-pro", parameters=Parameters(thinking_budget=0))
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 128
    assert lost == (("clamped", "thinking_budget"),)
    body, lost = asked("gemini", "gemini-2.5-pro", parameters=Parameters(thinking_budget=-1))
    assert (body["generationConfig"]["thinkingConfig"]["thinkingBudget"], lost) == (-1, ())


@pytest.mark.parametrize(
    "model", ["claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5"]
)
def test_the_newest_of_anthropic_think_always_and_are_forced_to_nothing(model: str) -> None:
    body, _ = of_effort("anthropic", model, "none")
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}
    with pytest.raises(GatewayError):
        asked("anthropic", model, tools=_TOOLS, parameters=Parameters(tool_choice=ToolChoice("required")))


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-opus-5-5", 32_000), ("claude-haiku-5-5", 32_000), ("claude-fable-5-2", 8192),
        ("claude-opus-4-8", 32_000),
    ],
)  # fmt: skip
def test_the_length_that_a_caller_leaves_open(model: str, most: int) -> None:
    assert asked("anthropic", model)[0]["max_tokens"] == most


@pytest.mark.parametrize(
    ("model", "effort", "think", "clamped"),
    [
        ("gpt-oss:20b", "medium", "medium", False),
        ("gpt-oss:20b", "max", "high", True),
        ("gpt-oss:20b", "none", "low", True),
        ("deepseek-r1:8b", "none", False, False),
        ("qwen3:8b", "none", False, False),
        ("qwen3", "high", "high", False),
    ],
)
def test_ollama(model: str, effort: str, think: object, clamped: bool) -> None:
    body, lost = of_effort("ollama", model, effort)
    assert body["think"] == think
    assert bool(lost) is clamped


@pytest.mark.parametrize(("required", "strict"), [(["a"], True), ([], False)])
def test_a_schema_of_anthropics_callers_is_strict_where_openai_takes_it(
    required: list[str], strict: bool
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": required}
    asked = {
        "model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }  # fmt: skip
    request = inbound("messages", "2023-06-01").request(asked, Losses())
    made = outbound("openai", "chat", "openai").request(request, "gpt-5.4", USUAL, Losses()).body
    assert made["response_format"]["json_schema"]["strict"] is strict

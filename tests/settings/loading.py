"""How these tests load: a file in a directory of its own, an environment of their own."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from gateway.settings.load import load
from gateway.settings.problem import ConfigError
from gateway.settings.server import Settings

PEPPER = "0123456789abcdef" * 2
KEY_A = "a-tenant-key-of-some-length"
KEY_B = "b-tenant-key-of-some-length"
ENVIRON = {
    "KAZE_KEY_PEPPER": PEPPER,
    "KAZE_ADMIN_KEY": "an-admin-key-of-some-length",
    "UPSTREAM": "upstream-secret",
    "KAZE_PROVIDER_ROWS": "upstream-secret-of-rows",
    "KEY_A": KEY_A,
    "KEY_B": KEY_B,
}

#: A valid file that uses every part. Line numbers below are of this text.
VALID = """\
providers:
  - {id: openai, dialect: openai, base_url: https://api.openai.com/v1}
  - {id: local, dialect: ollama, base_url: http://127.0.0.1:11434, local: true}
pools:
  - id: openai-1
    provider: openai
    secret: env:UPSTREAM
    tenants: [acme]
    limits: {rpm: 100, concurrency: 4}
    model_limits: {"gpt-6-astra*": {rpm: 5}}
    windows: {burst_s: 10}
    models: ["gpt-*"]
models:
  - {id: smart, targets: [openai/gpt-6-sol]}
  - {id: fast, targets: [openai/gpt-6-luna], overflow: local/llama3.2, hint: fast}
tenants:
  - id: acme
    weight: 2
    models: {smart: openai/gpt-6.1-sol}
    budgets: [{period: month, usd: 0.1}]
    keys:
      - {id: web, secret: env:KEY_A, priority: conversation, priority_max: supervised, limits: {rpm: 6}}
      - {id: batch, secret: env:KEY_B, priority: evaluation, priority_max: scheduled}
queue: {depth_max: 10}
on_ledger_loss: closed
on_disconnect: drain
capabilities:
  "llama*": {ctx: 1000, sampling: true}
bounds: {commit_after_s: 3}
echo_model: true
prices:
  - {id: agreed, provider: openai, model: "gpt-5*", input: 1.25, output: 8, multipliers: {flex: 0.5}}
  - id: acme-later
    tenant: acme
    since: 2027-01-01
    input: 1
    above: [{tokens: 200000, input: 2}]
"""


def load_text(
    text: str,
    directory: Path,
    environ: Mapping[str, str] = ENVIRON,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Settings of a file `kaze.yaml` with `text`, its data beside it."""
    file = directory / "kaze.yaml"
    file.write_text(dedent(text))
    return load(file, {"KAZE_DATA_DIR": str(directory / "data"), **environ}, overrides or {})


def problems(
    text: str,
    directory: Path,
    environ: Mapping[str, str] = ENVIRON,
    overrides: Mapping[str, object] | None = None,
) -> list[str]:
    """The problems as they are printed, without the directory's name; empty when there are none."""
    try:
        load_text(text, directory, environ, overrides)
    except ConfigError as error:
        return [str(problem).replace(f"{directory}/", "") for problem in error.problems]
    return []

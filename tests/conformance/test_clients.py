"""The pages of docs/clients: every block of code is run as it stands, but for address, key and model.

The lines of one language of a page are in front of each dialect; what they print quotes what the model was told.
"""

import contextlib
import io
import subprocess
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.conformance.every_dialect import Served
from tests.conformance.left_open import close_left_open
from tests.conformance.pages import blocks, exported, pointed
from tests.javascript.installed import HERE, Missing, installed_node

#: Clients leave connections open when they are forgotten.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
_DIALECTS = ("openai", "anthropic", "gemini", "ollama")


def _named(language: str) -> pytest.MarkDecorator:
    found = blocks(language)
    return pytest.mark.parametrize("code", [code for _, code in found], ids=[name for name, _ in found])


@pytest.fixture(scope="module", autouse=True)
def left_behind() -> Iterator[None]:
    yield
    close_left_open()


@pytest.mark.parametrize("behind", _DIALECTS)
@_named("python")
def test_python(gateway: Served, code: str, behind: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(pointed(code, gateway, f"gpt-4.1.{behind}"), {})
    assert printed.getvalue().count("lighthouse") == code.count("print(")


@pytest.fixture(scope="module")
def node() -> str:
    try:
        return installed_node()
    except Missing as missing:
        pytest.skip(f"the JavaScript SDKs cannot run here: {missing}")


@pytest.fixture
def script() -> Iterator[Path]:
    """Beside the packages, where node looks for them."""
    path = HERE / f"page-{uuid.uuid4().hex}.mjs"
    yield path
    path.unlink(missing_ok=True)


@_named("javascript")
def test_javascript(gateway: Served, node: str, script: Path, code: str) -> None:
    """In front of every dialect in one run of node each: it takes half a second to start."""
    imports, rest = code.split("\n\n", 1)
    parts = [f"{{\n{pointed(rest, gateway, f'gpt-4.1.{behind}')}}}\n" for behind in _DIALECTS]
    script.write_text(f"{imports}\n" + "".join(parts))
    ran = subprocess.run([node, script.name], cwd=HERE, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    prints = code.count("console.log(") + code.count("stdout.write(")
    assert ran.stdout.count("lighthouse") == prints * len(_DIALECTS)


def _exported(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in exported(gateway).items():
        monkeypatch.setenv(name, value)


def test_the_environment_of_agents(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    _exported(gateway, monkeypatch)
    model = "claude-opus-4-6.openai"
    with Anthropic() as anthropic, OpenAI() as openai:
        said = anthropic.messages.create(
            model=model, max_tokens=100, messages=[{"role": "user", "content": "Hi"}]
        )
        assert said.usage.output_tokens > 0
        assert openai.responses.create(model=model, input="Hi").output_text
        chat = openai.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
        assert chat.choices[0].message.content


def test_the_settings_of_codex(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    _exported(gateway, monkeypatch)
    ((_, code),) = blocks("toml")
    settings = tomllib.loads(pointed(code, gateway, "gpt-5-mini.anthropic"))
    provider = settings["model_providers"][settings["model_provider"]]
    assert (provider["wire_api"], provider["env_key"]) == ("responses", "OPENAI_API_KEY")
    with (
        OpenAI(base_url=provider["base_url"]) as client,
        client.responses.stream(model=settings["model"], input="Hi") as stream,
    ):
        assert stream.get_final_response().output_text

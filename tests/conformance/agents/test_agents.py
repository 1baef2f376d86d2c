"""Coding agents as they are installed, by the lines of docs/clients/coding-agents.md: each has its own shell tool
make a file, and says what the model said then, in front of every dialect. They are a gigabyte: `KAZE_AGENTS=1`.
"""

import os
import subprocess
from pathlib import Path

import pytest

from gateway.record import Record
from tests.conformance.every_dialect import BEHIND, Served
from tests.conformance.pages import blocks, exported, pointed
from tests.javascript.installed import Missing, installed_node

HERE = Path(__file__).parent
_INSTALL_S = 400
_RUN_S = 120
_MADE = "made.txt"
_ASKED = f"Make the file {_MADE}, then say that it stands."
_SAID = "The lighthouse stands."
_COMMAND = f"echo lighthouse > {_MADE}"


class Agent(Record, frozen=True):
    """`program` is where npm puts it, `tool` its shell's with a command; `{model}` and `{asked}` stand in its
    `arguments`; `settings` is the language of its block of the page, and where that goes in its home."""

    program: str
    model: str
    arguments: tuple[str, ...]
    tool: tuple[str, dict[str, str]]
    settings: tuple[str, str] | None = None


_AGENTS = {
    "claude": Agent(
        "@anthropic-ai/claude-code-linux-x64/claude",
        "claude-opus-4-6",
        ("-p", "{asked}", "--model", "{model}", "--allowedTools", "Bash"),
        ("Bash", {"command": _COMMAND, "description": "make it"}),
    ),
    "codex": Agent(
        ".bin/codex",
        "gpt-5-mini",
        ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "{asked}"),
        ("exec_command", {"cmd": _COMMAND}),
        ("toml", ".codex/config.toml"),
    ),
    "opencode": Agent(
        "opencode-linux-x64-baseline/bin/opencode",
        "gpt-4.1",
        ("run", "--title", "lighthouse", "-m", "kaze/{model}", "{asked}"),
        ("bash", {"command": _COMMAND, "description": "make it"}),
        ("json", ".config/opencode/opencode.json"),
    ),
}
#: They would ask others for news of themselves and of models.
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}


@pytest.fixture(scope="module")
def programs() -> Path:
    if not os.environ.get("KAZE_AGENTS"):
        pytest.skip("agents are a gigabyte: KAZE_AGENTS=1 installs and runs them")
    try:
        installed_node(HERE, _INSTALL_S)
    except Missing as missing:
        pytest.skip(f"the agents cannot run here: {missing}")
    return HERE / "node_modules"


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They make themselves at home at length, so each keeps its own."""
    return tmp_path_factory.mktemp("homes")


@pytest.mark.timeout(_INSTALL_S + _RUN_S)
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("name", _AGENTS)
def test_an_agent_works(
    gateway: Served, programs: Path, homes: Path, tmp_path: Path, name: str, behind: str
) -> None:
    agent = _AGENTS[name]
    program = programs / agent.program
    if not program.exists():
        pytest.skip(f"there is no {name} for this machine among what is pinned")
    model = f"{agent.model}.{behind}"
    home = homes / name
    home.mkdir(exist_ok=True)
    _settle(agent, home, gateway, model)
    tool, arguments = agent.tool
    gateway.sim.reset()
    gateway.sim.script(tool_calls=[{"name": tool, "arguments": arguments}], match_model=BEHIND[behind])
    gateway.sim.script(_SAID, match_model=BEHIND[behind])
    ran = subprocess.run(
        [program, *(one.format(model=model, asked=_ASKED) for one in agent.arguments)],
        cwd=tmp_path,
        env=exported(gateway) | _QUIET | {"PATH": os.environ["PATH"], "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_RUN_S,
    )
    told = f"{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    assert ran.returncode == 0, told
    assert _SAID in ran.stdout, told
    assert (tmp_path / _MADE).read_text() == "lighthouse\n", told


def _settle(agent: Agent, home: Path, gateway: Served, model: str) -> None:
    if agent.settings is None:
        return
    language, place = agent.settings
    [(_, code)] = [found for found in blocks(language) if found[0].startswith("coding-agents")]
    path = home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pointed(code, gateway, model))

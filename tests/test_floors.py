"""The floors of the design and the style, read from the sources.

`floors_ratchet.json` holds today's exceptions, each with its number. A number may only shrink: more than it
says fails, and so does less, until the file is lowered. Every rule is also run on a small source that breaks
it and on one that does not.
"""

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.floors.banned import BANS, banned
from tests.floors.sources import Sources, read_repository
from tests.floors.structure import FLOORS, Findings, cycles, floors, libraries, unreferenced, vague_names
from tests.floors.wording import docstrings, file_lines, function_lines, module_state, open_ends

Rule = Callable[[Sources], Findings]
RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        floors, cycles, libraries, unreferenced, vague_names, file_lines, function_lines, docstrings, open_ends,
        module_state, banned,
    )
}  # fmt: skip
RATCHET = Path(__file__).with_name("floors_ratchet.json")
DOC = '"""Says what it is."""\n'


@pytest.fixture(scope="module")
def repository() -> Iterator[Sources]:
    """Millions of nodes, of which the collector would look at each again and again."""
    gc.disable()
    yield read_repository()
    gc.enable()


def compare(found: Findings, allowed: Findings) -> list[str]:
    """What is to be done: nothing when reality is exactly what the ratchet says."""
    todo = []
    for where in sorted(found.keys() | allowed.keys()):
        now, then = found.get(where, 0), allowed.get(where, 0)
        if now > then:
            todo.append(f"{where}: {now}" + (f", allowed were {then}" if then else ""))
        elif now < then:
            todo.append(f"{where}: {now} is better than {then}: lower it in {RATCHET.name}")
    return todo


@pytest.mark.parametrize("rule", RULES)
def test_the_repository(rule: str, repository: Sources) -> None:
    ratchet: dict[str, Findings] = json.loads(RATCHET.read_text())
    assert set(ratchet) <= set(RULES)
    assert compare(RULES[rule](repository), ratchet.get(rule, {})) == []


def test_the_ratchet_only_turns_one_way() -> None:
    assert compare({"a.py": 450}, {"a.py": 450}) == []
    assert compare({"a.py": 451}, {"a.py": 450}) != []
    assert compare({"a.py": 430}, {"a.py": 450}) != []
    assert compare({}, {"a.py": 450}) != []
    assert compare({"b.py": 450}, {}) != []


def test_every_product_folder_has_a_floor(repository: Sources) -> None:
    assert {name.partition(".")[0] for name in repository.product} <= {
        unit.partition(".")[0] for unit in FLOORS
    }


GOOD = {
    "gateway/errors.py": DOC,
    "gateway/exchange.py": DOC + "from gateway.errors import X\nfrom keys.secret import Secret\n",
    "keys/secret.py": DOC,
    "gateway/pipeline/call.py": DOC + "from gateway import exchange\nTABLE = {1: 2}\n",
    "gateway/api/__init__.py": "",
    "gateway/cli/__init__.py": "",
    "gateway/dialects/__init__.py": "",
    "gateway/api/routes.py": DOC + "from gateway.pipeline.call import call\nfrom . import inference\n",
    "gateway/api/inference.py": DOC
    + "import asyncio\nasync def f():\n    async with asyncio.timeout(1): pass\n",
    "gateway/cli/__main__.py": DOC + "import gateway.api.routes\nprint(1)\n",
}
API, LINE, SIM = "gateway/api/x.py", "gateway/pipeline/x.py", "provider_sim/x.py"
#: Rule, the file that breaks it, its text, and how the finding that it must give goes on after the path.
BAD: list[tuple[str, str, str, str]] = [
    ("floors", LINE, "import gateway.api.routes\n", " imports gateway.api"),
    ("floors", API, "def f():\n    from gateway.cli import x\n", " imports gateway.cli"),
    ("floors", "gateway/upstream/x.py", "from gateway.dialects import x\n", " imports gateway.dialects"),
    ("floors", "knowledge/x.py", "from gateway.errors import X\n", " imports gateway.errors"),
    ("floors", SIM, "from gateway import errors\n", " imports gateway.errors"),
    ("floors", "gateway/errors.py", "from .api.routes import x\n", " imports gateway.api"),
    ("floors", "keys/x.py", "from gateway.errors import X\n", " imports gateway.errors"),
    ("floors", "budgets/x.py", "from keys.secret import Secret\n", " imports keys"),
    ("floors", "gateway/stray.py", "", ": no floor"),
    ("unreferenced", API, "", ""),
    ("vague_names", "gateway/api/utils.py", "", ""),
    ("vague_names", "gateway/common/thing.py", "", ""),
    ("file_lines", API, "x = 1\n" * 400, ""),
    ("function_lines", API, "def f():\n" + "    x = 1\n" * 70, ": f"),
    ("open_ends", API, "x = 1  # TODO: more\n", ""),
    ("module_state", API, "seen = set()\n", ": seen"),
    ("module_state", API, "SEEN = {}\ndef f(): SEEN[1] = 2\n", ": SEEN"),
    ("module_state", API, "SEEN: list = []\ndef f(): SEEN.append(2)\n", ": SEEN"),
    ("module_state", API, "N = 1\ndef f():\n    global N\n    N = 2\n", ": global"),
    ("banned", API, "eval('1')\n", ": eval"),
    ("banned", API, "import pickle\n", ": pickle"),
    ("banned", API, "from yaml import load\nload(1)\n", ": yaml.load"),
    ("banned", API, "import os as o\no.system('x')\n", ": os.system"),
    ("banned", SIM, "import subprocess\nsubprocess.run('x', shell=True)\n", ": shell=True"),
    ("banned", SIM, "import httpx2\nhttpx2.get('x', verify=False)\n", ": verify=False"),
    ("banned", API, "import time\nf = time.monotonic\n", ": time.monotonic"),
    (
        "banned",
        API,
        "from datetime import datetime\ndatetime.now()\n",
        ": datetime.now() without a time zone",
    ),
    ("banned", LINE, "from time import sleep\nsleep(1)\n", ": time.sleep"),
    ("banned", LINE, "import asyncio\nasyncio.wait_for(1, 2)\n", ": asyncio.wait_for"),
    ("banned", LINE, "open('x')\n", ": open"),
    ("banned", LINE, "p.read_text()\n", ": blocking file access"),
    ("banned", "gateway/serving/x.py", "print(1)\n", ": print"),
]


def good_sources() -> Sources:
    sources = Sources()
    for path, text in GOOD.items():
        sources.add(path, text)
    return sources


@pytest.mark.parametrize("rule", RULES)
def test_rules_let_good_sources_be(rule: str) -> None:
    assert RULES[rule](good_sources()) == {}


@pytest.mark.parametrize(("rule", "path", "text", "finding"), BAD)
def test_rules_find_what_they_are_for(rule: str, path: str, text: str, finding: str) -> None:
    assert path + finding in RULES[rule](good_sources().add(path, DOC + text))


def test_a_circle_of_imports_is_found() -> None:
    text = DOC + "from gateway.exchange import X\n"
    assert len(cycles(good_sources().add("gateway/errors.py", text))) == 1


def test_a_module_without_docstring_is_found() -> None:
    assert docstrings(good_sources().add("gateway/api/mute.py", "x = 1\n")) == {"gateway/api/mute.py": 1}


def test_a_library_in_three_files_is_found() -> None:
    sources = good_sources()
    for name in ("one", "two", "three"):
        sources.add(f"gateway/api/{name}.py", DOC + "import redis.asyncio\n")
    assert libraries(sources) == {"gateway: redis": 3}


def test_imports_for_types_alone_make_no_cycle_and_no_use_of_a_library() -> None:
    text = DOC + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gateway.exchange import X\n"
    assert cycles(good_sources().add("gateway/errors.py", text)) == {}


def test_every_ban_says_what_to_use_instead() -> None:
    assert all(ban.instead for ban in BANS)

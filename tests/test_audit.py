"""The audit hook sees what it is there for. Each deed is done in an interpreter of its own."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.audit import ROOT, Deed

#: Installs the hook, then runs the text given as if it stood in the gateway, and prints what was noted.
_HARNESS = """
import json, sys
from tests.audit import ROOT, Audit

place, text = sys.argv[1:]
code = compile(text, str(ROOT / place), "exec")
audit = Audit()
audit.install()
try:
    exec(code, {})
except OSError:
    pass  # what is refused by the system was tried all the same
print(json.dumps([[deed.kind, deed.detail] for deed in audit.take()]))
"""

INSIDE = "gateway/planted.py"
DEEDS = [
    ("process", "import subprocess; subprocess.run(['true'])"),
    ("process", "import os; os.system('true')"),
    ("process", "import os; os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)"),
    ("process", "import os; os.fork() or os._exit(0)"),
    ("process", "import os; os.execv('/nowhere/at/all', ['x'])"),
    ("process", "import asyncio; asyncio.run(asyncio.create_subprocess_exec('/nowhere/at/all'))"),
    ("compile", "eval('1 + 1')"),
    ("compile", "exec('x = 1')"),
    ("compile", "import ast; compile('x', 'y', 'eval')"),
    ("connect", "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"),
    (
        "connect",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(('2001:db8::1', 9))",
    ),
    ("write", "open('/proc/self/comm', 'w')"),
    ("write", "import pathlib; pathlib.Path('/nowhere/at/all').write_text('')"),
    ("write", "import os; os.open('/nowhere/at/all', os.O_RDWR)"),
    ("write", "import tempfile; tempfile.TemporaryFile(dir='/proc')"),
    ("read", "open('/etc/hostname').close()"),
    ("read", "import pathlib; pathlib.Path('/root/.pgpass').read_text()"),
    ("read", "open('/tmp/../etc/passwd').close()"),
]
HARMLESS = [
    ("gateway/planted.py", "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"),
    ("gateway/planted.py", "import socket; socket.socket(socket.AF_UNIX).connect('/nowhere')"),
    ("gateway/planted.py", "import tempfile; tempfile.TemporaryFile().write(b'x')"),
    ("gateway/planted.py", "open('/etc/hosts').close(); open('/dev/null', 'w').close()"),
    ("gateway/planted.py", "import dataclasses; dataclasses.make_dataclass('A', ['b'])"),
    ("gateway/planted.py", "import json.tool"),
    ("tests/planted.py", "eval('1 + 1')"),
    ("tests/planted.py", "open('/nowhere/at/all', 'w')"),
]


def noted(place: str, text: str) -> list[Deed]:
    done = subprocess.run(
        [sys.executable, "-c", _HARNESS, place, text], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return [Deed(kind, detail) for kind, detail in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize(("kind", "text"), DEEDS)
def test_every_kind_of_deed_is_noted(kind: str, text: str) -> None:
    deeds = noted(INSIDE, text)
    assert deeds, text
    assert {deed.kind for deed in deeds} == {kind}


@pytest.mark.parametrize("place", ["gateway/pipeline/planted.py", "gateway/app.py", "budgets/planted.py"])
def test_what_serves_requests_starts_no_process_in_any_test(place: str) -> None:
    [deed] = noted(place, "import subprocess; subprocess.Popen(['true']).wait()")
    assert deed.kind == "process of who serves" and place in deed.detail
    assert not deed.allowed("tests/serving/test_stop.py")


@pytest.mark.parametrize(("place", "text"), HARMLESS)
def test_what_is_harmless_or_a_tests_own_is_not(place: str, text: str) -> None:
    assert noted(place, text) == []


def test_only_processes_may_be_allowed_and_only_by_path() -> None:
    started = Deed("process", "x")
    assert started.allowed("tests/serving/test_stop.py")
    assert not started.allowed("tests/gateway/test_openai_sdk.py")
    assert not started.allowed("elsewhere/tests/serving/test_stop.py")
    assert not Deed("connect", "x").allowed("tests/serving/test_stop.py")


def test_a_test_that_does_such_a_thing_fails(tmp_path: Path) -> None:
    """The suite's own fixture, in a run of its own: the test passes and is failed at its end all the same."""
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        dedent("""
        import socket

        def test_calls_home():
            with socket.socket(type=socket.SOCK_DGRAM) as sock:
                sock.connect(("192.0.2.1", 9))

        def test_does_not():
            pass
        """)
    )
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "tests.conftest", str(planted)], cwd=ROOT, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "('192.0.2.1', 9)" in done.stdout
    assert "2 passed, 1 error" in done.stdout

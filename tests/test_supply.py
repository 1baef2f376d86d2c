"""What is installed is what was locked, and nothing runs by being installed (reliability D80)."""

import re
import site
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Files by which a package has code run at every start of Python: our own editable installation's, setuptools'.
PTH = re.compile(r"__editable__\.kaze_gateway-.*\.pth|distutils-precedence\.pth")


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.lock")), ids=lambda path: path.name)
def test_everything_is_pinned_by_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text().strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 5
    for entry in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_installations_check_the_hashes() -> None:
    for place in ("scripts/setup", "Dockerfile"):
        lines = [
            line for line in (ROOT / place).read_text().splitlines() if re.search(r"pip.* install ", line)
        ]
        assert lines
        assert all("--require-hashes" in line or "--no-deps" in line for line in lines), place


def test_nothing_runs_by_being_installed() -> None:
    found = [path.name for place in site.getsitepackages() for path in Path(place).glob("*.pth")]
    assert found and [name for name in found if not PTH.fullmatch(name)] == []


def test_the_image_has_every_package_of_the_product() -> None:
    """A package that is not copied is missed only when the image is started."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {name.rstrip("*") for name in packages["include"]} <= copied


def test_the_licence_is_there() -> None:
    licence = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    assert licence == "Apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()

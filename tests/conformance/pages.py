"""The blocks of code on the pages of docs/clients, as they stand but for address, key and model."""

import re
from pathlib import Path

from tests.conformance.every_dialect import Served
from tests.running import TENANT_KEY

_PAGES = Path(__file__).parents[2] / "docs" / "clients"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[tuple[str, str]]:
    """(page and place, code) of each."""
    return [
        (f"{page.stem}-{place}", code)
        for page in sorted(_PAGES.glob("*.md"))
        for place, (of, code) in enumerate(_BLOCK.findall(page.read_text()))
        if of == language
    ]


def pointed(code: str, gateway: Served, model: str = "smart") -> str:
    found = code.replace("http://127.0.0.1:8080", gateway.url).replace("kz_default_…", TENANT_KEY)
    return found.replace('"smart"', f'"{model}"')


def exported(gateway: Served) -> dict[str, str]:
    """The environment that the pages' shell lines make."""
    return {
        name: value
        for _, code in blocks("bash")
        for name, value in re.findall(r'^export (\w+)="(.*)"$', pointed(code, gateway), re.MULTILINE)
    }

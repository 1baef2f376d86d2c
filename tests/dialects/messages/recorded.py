"""Streams as Anthropic sends them, kept as files."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "frames"
NAMES = sorted(path.stem for path in _FOLDER.glob("messages_*.sse"))
#: Those that come to their end.
WHOLE = [name for name in NAMES if name != "messages_overloaded"]


def recorded(name: str) -> bytes:
    return (_FOLDER / f"{name}.sse").read_bytes()

"""Streams as Gemini sends them, kept as files."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "frames"
NAMES = sorted(path.stem for path in _FOLDER.glob("gemini_*.sse"))


def recorded(name: str) -> bytes:
    return (_FOLDER / f"{name}.sse").read_bytes()

"""Streams as Ollama sends them, kept as files."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "frames"
NAMES = sorted(path.stem for path in _FOLDER.glob("ollama_*.ndjson"))


def recorded(name: str) -> bytes:
    return (_FOLDER / f"{name}.ndjson").read_bytes()

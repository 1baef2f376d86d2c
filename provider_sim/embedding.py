"""Embeddings that depend on the text: unit vectors, equal for equal words, near for texts that share words.

Each word adds a pseudo-random direction, so similar texts are similar and search over simulated embeddings
returns sensible neighbours.
"""

import base64
import math
import re
import struct
from collections import Counter
from functools import lru_cache
from hashlib import shake_128

WORD = re.compile(r"\w+|[^\w\s]")
WORDS_MAX = 256
"""Words of a text that count; more only cost time."""

DIMENSIONS_DEFAULT = 1536


@lru_cache(maxsize=512)
def _direction(word: str, dimensions: int, seed: int) -> tuple[float, ...]:
    raw = shake_128(f"{seed}\0{word}".encode()).digest(dimensions)
    return tuple(byte - 127.5 for byte in raw)


def embed(text: str, dimensions: int = DIMENSIONS_DEFAULT, seed: int = 0) -> list[float]:
    """A vector of length 1 with `dimensions` elements, each exactly a float32."""
    words = Counter(word.lower() for word in WORD.findall(text)[:WORDS_MAX]) or Counter([""])
    total = [0.0] * dimensions
    for word, weight in words.items():
        direction = _direction(word, dimensions, seed)
        total = [a + weight * b for a, b in zip(total, direction, strict=True)]
    norm = math.sqrt(math.fsum(a * a for a in total)) or 1.0
    unit = [a / norm for a in total]
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *unit)))


def as_base64(vector: list[float]) -> str:
    """Little-endian float32, as `encoding_format: base64` promises."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

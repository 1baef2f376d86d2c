"""Drawing from a seed: the same simulator, asked the same thing, says the same thing.

Ids, times and choices are all read out of one BLAKE2 digest of (seed, what was asked, what it is for), never
from a random generator, so neither the order of requests nor concurrency changes an answer.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")

EPOCH = 1_790_000_000
"""Answers are dated within the day after this second (21 September 2026), so that they are repeatable."""


class Draw:
    """One request's source of choices."""

    __slots__ = ("_key",)

    def __init__(self, seed: int, material: bytes) -> None:
        self._key = blake2b(material, digest_size=32, key=str(seed).encode()).digest()

    def bits(self, purpose: str, size: int = 8) -> bytes:
        return blake2b(purpose.encode(), digest_size=size, key=self._key).digest()

    def number(self, purpose: str, low: int, high: int) -> int:
        """A whole number with low ≤ number ≤ high."""
        return low + int.from_bytes(self.bits(purpose), "big") % (high - low + 1)

    def pick(self, purpose: str, items: Sequence[Item]) -> Item:
        return items[self.number(purpose, 0, len(items) - 1)]

    def identifier(self, prefix: str, length: int = 24) -> str:
        """An opaque id such as `chatcmpl-9aB…`; the prefix is also its purpose."""
        letters = b64encode(self.bits(prefix, 64), b"xy").decode("ascii")[:85]
        return prefix + (letters * (length // 85 + 1))[:length]

    def created(self) -> int:
        """Unix seconds the answer says it was made at."""
        return EPOCH + self.number("created", 0, 86_399)

"""Request ids: `req_` and a ULID, sortable by time and unique across workers, cheap enough for every request."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class RequestIds:
    """Hands out ids: 48 bits of milliseconds, 40 random bits of this process, 40 bits of a counter."""

    __slots__ = ("_count", "_process", "_stamp", "_stamped")

    def __init__(self) -> None:
        self._process = "".join(secrets.choice(_ALPHABET) for _ in range(8))
        self._count = secrets.randbits(30)
        self._stamped = -1.0
        self._stamp = ""

    def next(self, now: float) -> str:
        """A new id; `now` is monotonic and only tells when the time part is due for renewal."""
        if now - self._stamped > 0.02 or self._stamped < 0:
            self._stamped = now
            self._stamp = _base32(int(datetime.now(UTC).timestamp() * 1000), 10)
        count = self._count = self._count + 1
        tail = _PAIRS[count >> 30 & 1023] + _PAIRS[count >> 20 & 1023] + _PAIRS[count >> 10 & 1023]
        return f"req_{self._stamp}{self._process}{tail}{_PAIRS[count & 1023]}"


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(digits)))

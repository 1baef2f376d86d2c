"""Request ids: `req_` and a ULID, sortable by time and unique across workers, cheap enough for every request."""

import secrets
from datetime import UTC, datetime
from math import inf

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class RequestIds:
    """Hands out ids: 48 bits of milliseconds, 40 random bits of this process, 40 bits of a counter."""

    __slots__ = ("_count", "_head", "_process", "_stamped")

    def __init__(self) -> None:
        self._process = "".join(secrets.choice(_ALPHABET) for _ in range(8))
        self._count = secrets.randbits(30)
        self._stamped = -inf
        self._head = ""  # all but the last two digits

    def next(self, now: float) -> str:
        """A new id; `now` is monotonic and only tells when the time part is due for renewal."""
        count = self._count = self._count + 1
        low = count & 1023
        if low == 0 or now - self._stamped > 0.02:
            self._stamped = now
            stamp = _base32(int(datetime.now(UTC).timestamp() * 1000), 10)
            self._head = f"req_{stamp}{self._process}{_base32(count >> 10, 6)}"
        return self._head + _PAIRS[low]


def _base32(number: int, digits: int) -> str:
    """With so many digits, an even number."""
    return "".join([_PAIRS[number >> 10 * place & 1023] for place in reversed(range(digits // 2))])

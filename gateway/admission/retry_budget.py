"""The retry budget: upstream attempts stay within 1.2 × requests (contract §3), so retries cannot pile up.

Each request deposits a fifth of a token, each retry withdraws one; a small balance lets a quiet gateway retry
at all (as in Finagle's retry budget).
"""

_BALANCE_MAX = 20.0


class RetryBudget:
    __slots__ = ("_balance", "_ratio")

    def __init__(self, attempts_ratio: float = 1.2) -> None:
        self._ratio = attempts_ratio - 1.0
        self._balance = 10.0

    def deposit(self) -> None:
        """A request came in."""
        balance = self._balance + self._ratio
        self._balance = balance if balance < _BALANCE_MAX else _BALANCE_MAX

    def withdraw(self) -> bool:
        """Whether one more attempt may be made; counts it if so."""
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True

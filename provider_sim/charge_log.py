"""What every ceiling was asked for, in order: the log by which a gateway's keeping of ceilings is checked.

Refused requests are in it too, with what they would have been charged: a gateway that asks for more than a
ceiling holds is caught by its asking, whatever the ceiling then did. Times are exact, so that a window of any
alignment can be added up.
"""

import time
from collections import deque
from itertools import islice
from typing import Any

ROWS_MAX = 400_000
COLUMNS = ("at", "account", "kind", "requests", "input", "output", "tokens")

Row = tuple[float, str, str, float, float, float, float]


class ChargeLog:
    """Rows since the simulator began, the oldest forgotten first. Each has a number, so readers can go on."""

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows: deque[Row] = deque(maxlen=rows_max)
        self._began = time.monotonic()
        self._count = 0

    def add(self, account: str, kind: str, charges: dict[str, float]) -> None:
        """`kind`: taken, refused, corrected (when the input is known) or produced. `charges` are by `account.py`'s
        names of dimensions; days and the like are left out.
        """
        self._count += 1
        self._rows.append(
            (
                time.monotonic() - self._began,
                account,
                kind,
                charges.get("requests", 0),
                charges.get("input_tokens", 0),
                charges.get("output_tokens", 0),
                charges.get("tokens", 0),
            )
        )

    def as_json(self, since: int = 0) -> dict[str, Any]:
        """Rows from number `since` on, the number to ask from next time, and what the log's clock says now.

        Another `life` is another log: the simulator was reset or started anew, and numbers begin again.
        """
        forgotten = self._count - len(self._rows)
        # From the newest back: a reader that keeps up asks for little of a long log.
        rows = list(islice(reversed(self._rows), max(0, self._count - since)))[::-1]
        return {
            "life": str(self._began),
            "now": time.monotonic() - self._began,
            "next": self._count,
            "lost": max(0, forgotten - since),
            "columns": COLUMNS,
            "rows": rows,
        }

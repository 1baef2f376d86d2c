"""The gateway's own word on its event loop: `gateway_loop_lag_seconds`, read from the admin listener."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

METRIC = "gateway_loop_lag_seconds"

_LINE = re.compile(rf"^({METRIC}\w*)(?:\{{(.*)\}})?\s+(\S+)", re.MULTILINE)
_BOUND = re.compile(r'le="([^"]+)"')


def fetch(admin_port: int, admin_key: str) -> str:
    """The metrics page, or nothing when there is none (another gateway, a stand-in)."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{admin_port}/metrics", headers={"authorization": f"Bearer {admin_key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read()).decode("utf-8", "replace")
    except (urllib.error.URLError, OSError):
        return ""


def counts(page: str) -> dict[float, float]:
    """Cumulative counts by upper bound in seconds, all workers together; empty without a histogram."""
    total: dict[float, float] = {}
    for name, labels, value in _LINE.findall(page):
        if name == f"{METRIC}_bucket" and (bound := _BOUND.search(labels)):
            total[float(bound[1])] = total.get(float(bound[1]), 0.0) + float(value)
    return total


def worst_between(before: str, after: str) -> float | None:
    """Upper bound, in seconds, of the longest lag seen between two pages.

    A histogram gives the bound of the highest bucket that gained; a gauge gives its value after. None when
    the metric is not there.
    """
    earlier, later = counts(before), counts(after)
    if later:
        worst, reached = 0.0, 0.0
        for bound in sorted(later):
            gained = later[bound] - earlier.get(bound, 0.0)
            if gained > reached:
                worst, reached = bound, gained
        return worst
    gauges = [float(value) for name, _, value in _LINE.findall(after) if name == METRIC]
    return max(gauges, default=None)

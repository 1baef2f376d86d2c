"""`kaze queue`: who waits in a running gateway, where each stands, and taking one out of the line."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.admin_client import AdminClient, AdminError
from gateway.cli.table import listed, table

Row = dict[str, Any]


def list_queue(limit: int, after: str, as_json: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Print what waits; the exit status."""

    def run(admin: AdminClient) -> None:
        query: dict[str, str | int] = {"limit": limit, "after": after} if after else {"limit": limit}
        page = admin.get("queue", **query)
        print(json.dumps(page, indent=2) if as_json else _page(page))

    return _run(run, environ)


def show_waiting(request_id: str, as_json: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Print where a request stands; 1 if it does not wait."""

    def run(admin: AdminClient) -> None:
        row = admin.get("queue", request_id)
        print(json.dumps(row, indent=2) if as_json else listed(_said(row)))

    return _run(run, environ)


def cancel_waiting(request_id: str, as_json: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Take a request out of the line; 1 if it does not wait."""

    def run(admin: AdminClient) -> None:
        admin.delete("queue", request_id)
        print(json.dumps({"cancelled": request_id}) if as_json else f"cancelled {request_id}")

    return _run(run, environ)


def _run(run: Callable[[AdminClient], None], environ: Mapping[str, str]) -> int:
    try:
        run(AdminClient(environ))
    except AdminError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _page(page: Row) -> str:
    if not page["depth"]:
        return "nobody waits"
    parts = [f"{page['depth']} waiting, {page['bytes']} bytes"]
    classes = [
        [one["priority"], one["depth"], one["bytes"], "shut" if one["shut"] else "open"]
        for one in page["classes"]
    ]
    parts.append(table(["class", "waiting", "bytes", "line"], classes))
    tenants = [[one["tenant"], one["depth"], one["bytes"]] for one in page["tenants"]]
    parts.append(table(["tenant", "waiting", "bytes"], tenants))
    lines = [
        [
            " ".join(line["accounts"]),
            line["model"],
            one["priority"],
            one["depth"],
            _seconds(one["expected_wait_ms"]),
        ]
        for line in page["lines"]
        for one in line["classes"]
    ]
    parts.append(table(["accounts", "model", "class", "waiting", "newest waits s"], lines))
    soonest = sorted(page["data"], key=lambda row: int(row["position"]))  # pages are by id
    rows = [list(_said(row).values()) for row in soonest]
    if rows:
        parts.append(table(list(_said(page["data"][0])), rows))
    if page["next"]:
        parts.append(f"more: kaze queue --after {page['next']}")
    return "\n\n".join(parts)


def _said(row: Row) -> Row:
    """What people want to know of a request that waits, in the order in which they do."""
    return {
        "request": row["request_id"],
        "tenant": row["tenant"],
        "key": row["key"],
        "class": row["priority"],
        "model": row["model"],
        "accounts": " ".join(row["accounts"]),
        "ahead": row["position"],
        "expected s": _seconds(row["expected_wait_ms"]),
        "waited s": _seconds(row["waited_ms"]),
        "gives up in s": _seconds(row["expires_in_ms"]),
        "worker": row["worker"],
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 1)

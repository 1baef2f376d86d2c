"""`kaze usage`, `audit`, `explain`, `config`, `workers`: what was used, who did what, where a request would go."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from gateway.cli.asking import AsJson, asking, called, cell, show, show_rows
from gateway.cli.model_words import abilities, origin, sizes
from gateway.cli.shell import Argument, Exit, Option, Typer
from gateway.cli.table import table

_SUMS = {"requests": "requests", "input": "input_tokens", "output": "output_tokens", "cost": "cost_nusd"}
_DEEDS = {
    "at": "at", "actor": "actor", "action": "action", "object": "object", "outcome": "outcome",
    "reason": "reason", "request": "request_id",
}  # fmt: skip


def usage(
    by: Annotated[str, Option(help="Group by these fields, with commas between them.")] = "tenant",
    first: Annotated[str | None, Option("--from", help="The first day (UTC).  [this month]")] = None,
    after: Annotated[str | None, Option("--to", help="The day after the last.  [tomorrow]")] = None,
    tenant: Annotated[str | None, Option(help="Of this tenant only.")] = None,
    export: Annotated[str | None, Option(help="Every record instead: csv or ndjson.")] = None,
    archive: Annotated[
        Path | None, Option(help="Of the archives in this directory, without a gateway.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What was used and what it cost.

    For example: kaze usage --by tenant,model --from 2026-11-01;
    kaze usage --export csv > november.csv; kaze usage --archive data/archive --by month,tenant
    """
    groups = by.split(",")
    columns = {**{name: name for name in groups}, **_SUMS}
    chosen = {"from": first, "to": after, "tenant": tenant}
    query = {name: value for name, value in chosen.items() if value is not None}
    if archive is not None:
        from gateway.cli.archived import ArchivedUsageError, archived_usage

        try:
            show_rows(archived_usage(archive, groups, first, after, tenant), columns, as_json)
        except ArchivedUsageError as error:
            print(error, file=sys.stderr)
            raise Exit(1) from None
    elif export is not None:

        def run(admin: Any) -> None:
            for line in admin.stream("usage", "export", format=export, **query):
                print(line)

        asking(run)
    else:
        asking(lambda admin: show_rows(admin.listed("usage", group_by=by, **query), columns, as_json))


#: What comes before a row's number, of findings that are no row's own.
_MEANT = {
    "stripped": "the details are gone of row",
    "orphaned": "there are details, but no row",
    "dropped": "a table of the audit trail is gone, and with it rows 1 to",
    "unanchored": "audit-anchors has no head of rows 1 to",
}

audit = Typer(help="Who did what. KAZE_ADMIN_URL, KAZE_ADMIN_KEY.", no_args_is_help=True)


@audit.command("list", epilog="For example: kaze audit list --tenant client-a --action keys.rotate")
def _list(
    tenant: Annotated[str | None, Option(help="The chain of a tenant; `*` the gateway's own.")] = None,
    actor: Annotated[str | None, Option(help="Who did it.")] = None,
    action: Annotated[str | None, Option(help="What was done.")] = None,
    outcome: Annotated[str | None, Option(help="done, denied, begun or failed.")] = None,
    limit: Annotated[int, Option(min=1, max=200, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest deeds first."""
    chosen = {"tenant": tenant, "actor": actor, "action": action, "outcome": outcome}
    query: dict[str, str | int] = {name: value for name, value in chosen.items() if value is not None}
    asking(lambda admin: show_rows(admin.get("audit", limit=limit, **query)["data"], _DEEDS, as_json))


@audit.command("verify", epilog="For example: kaze audit verify --json")
def _verify(
    tenant: Annotated[str | None, Option(help="Of one chain alone.")] = None, as_json: AsJson = False
) -> None:
    """Find rows that were altered, deleted, moved or cut off, and chains without anchor: exit status 1 if any."""

    def run(admin: Any) -> None:
        found = admin.get("audit", "verify", **({} if tenant is None else {"tenant": tenant}))
        if as_json:
            print(json.dumps(found, indent=2))
        else:
            for chain in found["chains"]:
                anchored = chain["anchored"] or 0
                print(f"chain {chain['tenant']}: {chain['rows']} rows, {anchored} anchored")
                for one in chain["findings"]:
                    print(f"  {one['kind']}: {_MEANT.get(one['kind'], 'row')} {one['seq']}")
            print("whole" if found["ok"] else "NOT WHOLE")
        if not found["ok"]:
            raise Exit(1)

    asking(run)


def config(as_json: AsJson = False) -> None:
    """What is in force, where it is from, and what of it was refused."""
    asking(lambda admin: show(admin.get("config"), as_json))


def reload(as_json: AsJson = False) -> None:
    """Read the configuration file again; what is wrong with it is said, and what was in force stays."""
    asking(lambda admin: show(admin.post("config", "reload"), as_json))


def workers(as_json: AsJson = False) -> None:
    """The processes that serve."""

    def run(admin: Any) -> None:
        rows = admin.get("workers")["data"]
        show_rows(rows, {name: name for row in rows for name in row}, as_json)

    asking(run)


def explain(
    tenant: Annotated[str, Argument(help="Whose request it is.")],
    model: Annotated[str, Argument(help="What it asks for.")],
    key: Annotated[str | None, Option(help="The tenant key.")] = None,
    api: Annotated[str, Option(help="chat, embeddings, …")] = "chat",
    priority: Annotated[str | None, Option(help="Its class.  [the key's]")] = None,
    input_tokens: Annotated[int, Option(min=0, help="The length of the prompt.")] = 1000,
    max_tokens: Annotated[int | None, Option(min=0, help="The most that may be answered.")] = None,
    as_json: AsJson = False,
) -> None:
    """Where a request would go, and why not elsewhere. Nothing is sent.

    For example: kaze explain client-a smart --priority scheduled --input-tokens 20000
    """
    said = {
        "tenant": tenant, "model": model, "key": key, "api": api, "priority": priority,
        "input_tokens": input_tokens, "max_tokens": max_tokens,
    }  # fmt: skip

    def run(admin: Any) -> None:
        found = admin.post("explain", body={name: value for name, value in said.items() if value is not None})
        if as_json:
            show(found, as_json)
        else:
            print(_explained(found))

    asking(run)


def _explained(found: dict[str, Any]) -> str:
    parts = [f"{found['tenant']} asks for {found['model']} as {found['priority']} (worker {found['worker']})"]
    if found["refused"] is not None:
        parts[0] += f": refused, {found['refused']['message']}"
    for name in ("limits", "budgets"):
        rows = found[name]
        if rows:
            cells = [[cell(field, value) for field, value in row.items()] for row in rows]
            parts.append(f"{name}\n{table([called(field) for field in rows[0]], cells)}")
    for name in ("candidates", "overflow"):
        rows = [
            [
                place,
                one["target"],
                one["pool"] or "-",
                cell("cost_nusd", one.get("cost_nusd")),
                "yes" if one["usable"] else "no",
                _full(one),
                "; ".join(one["why_not"]),
            ]
            for place, one in enumerate(found[name], 1)
        ]
        if rows:
            parts.append(
                f"{name}\n{table(['', 'target', 'pool', 'cost', 'usable', 'used', 'why not'], rows)}"
            )
    models = [
        [target, sizes(known), abilities(known), origin(known)] for target, known in found["models"].items()
    ]
    if models:
        parts.append(f"models\n{table(['target', 'tokens', 'can', 'known from'], models)}")
    return "\n\n".join(parts)


def _full(one: dict[str, Any]) -> str:
    balances = one.get("balances") or ()
    return " ".join(f"{row['dimension']}={row['used']}/{row['limit']}" for row in balances) or "-"

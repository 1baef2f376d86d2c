"""`kaze key`: what callers present. A value is printed once, when it is made."""

from typing import Annotated, Any

from gateway.cli.asking import AsJson, asking, show, show_rows
from gateway.cli.fields import merged
from gateway.cli.shell import Argument, BadParameter, Option, Typer
from gateway.cli.things import Sets, settings

app = Typer(
    help="What callers present. KAZE_ADMIN_URL, KAZE_ADMIN_KEY.",
    no_args_is_help=True,
    epilog="For example: kaze key create client-a web --set limits.rpm=600",
)
Tenant = Annotated[str, Argument(help="The tenant's id.")]
Key = Annotated[str, Argument(help="tenant:key, or the key's id alone where only one tenant has it.")]
_COLUMNS = {
    "tenant": "tenant", "key": "id", "ends in": "tail", "priority": "priority", "limits": "limits",
    "models": "models", "last used": "last_used_at", "expires": "expires_at", "revoked": "revoked_at",
    "from": "source",
}  # fmt: skip


@app.command("list")
def _list(tenant: Tenant, as_json: AsJson = False) -> None:
    """The keys of a tenant."""

    def run(admin: Any) -> None:
        rows = admin.listed("tenants", tenant, "keys")
        show_rows(rows if as_json else [_with_use(row) for row in rows], _COLUMNS, as_json)

    asking(run)


@app.command("show")
def _show(key: Key, as_json: AsJson = False) -> None:
    """One key, never its value."""
    asking(lambda admin: show(admin.get("keys", key), as_json))


@app.command("create", epilog="For example: kaze key create client-a web --set priority=scheduled")
def _create(
    tenant: Tenant,
    name: Annotated[str | None, Argument(help="Its id; made up when left out.")] = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its value, once."""
    body = {**({} if name is None else {"id": name}), **settings(sets)}
    asking(lambda admin: show(admin.post("tenants", tenant, "keys", body=body), as_json))


@app.command("change", epilog="For example: kaze key change client-a:web --set limits.rpm=1200")
def _change(key: Key, sets: Sets = None, as_json: AsJson = False) -> None:
    """Change some of its fields."""
    wanted = settings(sets)
    if not wanted:
        raise BadParameter("nothing to change: --set NAME=VALUE")
    asking(lambda admin: show(admin.change("keys", key, change=lambda there: merged(there, wanted)), as_json))


@app.command("rotate", epilog="For example: kaze key rotate client-a:web --overlap 86400")
def _rotate(
    key: Key,
    overlap: Annotated[int, Option(min=0, help="Seconds for which the value before is good.")] = 3600,
    as_json: AsJson = False,
) -> None:
    """Give a key another value and print it, once."""
    asking(lambda admin: show(admin.post("keys", key, "rotate", body={"overlap_s": overlap}), as_json))


@app.command("revoke")
def _revoke(key: Key, as_json: AsJson = False) -> None:
    """End a key, everywhere within 5 s."""

    def run(admin: Any) -> None:
        row = admin.post("keys", key, "revoke")
        if as_json:
            show(row, as_json)
        else:
            print(f"revoked {key}")

    asking(run)


def _with_use(row: dict[str, Any]) -> dict[str, Any]:
    """Of a key of the file it is not recorded when it was used; that is not to look like never."""
    return {**row, "last_used_at": "n/a (file)"} if row["source"] == "file" else row

"""`kaze lost-worker`: workers that are not heard of and hold money, and the end of those whose spool is lost."""

from typing import Any

from gateway.cli.asking import AsJson, asking, show, show_rows
from gateway.cli.shell import Typer
from gateway.cli.things import Name

_COLUMNS = {
    "worker": "id", "last seen": "last_seen", "recovers here": "recovers_here", "budget": "budget",
    "period": "period", "held": "held_nusd",
}  # fmt: skip
_EXAMPLE = "For example: kaze lost-worker list; kaze lost-worker close 3f2a90c41b7d6e55"
app = Typer(
    help="Workers not heard of that hold money. KAZE_ADMIN_URL, KAZE_ADMIN_KEY.",
    no_args_is_help=True,
    epilog=_EXAMPLE,
)


@app.command("list", epilog=_EXAMPLE)
def _list(as_json: AsJson = False) -> None:
    """Each part of a hard budget that such a worker holds."""

    def run(admin: Any) -> None:
        workers = admin.listed("lost-workers")
        rows = workers if as_json else [{**one, **part} for one in workers for part in one["slices"]]
        show_rows(rows, _COLUMNS, as_json)

    asking(run)


@app.command("close", epilog=_EXAMPLE)
def _close(name: Name, as_json: AsJson = False) -> None:
    """Its spool is lost for good: all that it held counts as spent."""
    asking(lambda admin: show(admin.post("lost-workers", name, "close"), as_json))

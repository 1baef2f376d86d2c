"""The `kaze` command. What a command needs is imported when it runs, so that `kaze --help` is quick."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import key, lost_worker, reports
from gateway.cli.things import add_things

app = typer.Typer(
    name="kaze",
    help="Kaze Gateway: one door to every LLM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
#: Commands that hand their options on unread.
_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            number = version("kaze-gateway")
        except PackageNotFoundError:  # run from a checkout that is not installed
            number = "unknown"
        print(f"kaze {number}")
        raise typer.Exit


@app.callback()
def _kaze(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Kaze Gateway: one door to every LLM."""


Config = Annotated[Path | None, typer.Option(help="Configuration file; otherwise $KAZE_CONFIG, or none.")]


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Data plane; 0 takes a free one.  [8080]")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Admin plane; 0 takes a free one.  [8081]")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.  [1]")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="What is kept on disk.  [./data]")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.  [info]")] = None,
    with_local: Annotated[
        bool | None, typer.Option("--with-local", help="Also run small real models, as provider `local`.")
    ] = None,
    shutdown_grace: Annotated[
        float | None, typer.Option(min=0, help="Seconds that streams get to finish at the end.  [30]")
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; a second one ends it at once."""
    from gateway.serving.launch import Launch
    from gateway.serving.start import start

    overrides: dict[str, str | int | None] = {
        "host": host,
        "port": port,
        "admin_port": admin_port,
        "workers": workers,
        "data_dir": None if data_dir is None else str(data_dir),
        "log_level": log_level,
        "with_local": with_local,
    }
    raise typer.Exit(start(Launch(config, overrides, shutdown_grace)))


@app.command()
def check(
    config: Config = None,
    live: Annotated[bool, typer.Option("--live", help="Also reach every provider key.")] = False,
) -> None:
    """Say what is wrong with a configuration: a line a problem, exit status 1."""
    from gateway.cli.check import check as check_configuration

    raise typer.Exit(check_configuration(config, live))


@app.command(epilog="For example: kaze apply -f kaze.yaml --dry-run")
def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="A configuration file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a running gateway's tenants, keys, pools, models and budgets match a file; shows the difference."""
    from gateway.cli.apply import apply as apply_file

    raise typer.Exit(apply_file(file, dry_run, as_json))


@app.command(
    epilog="For example: kaze price anthropic/claude-sonnet-5-5; kaze price smart --config kaze.yaml"
)
def price(
    model: Annotated[str, typer.Argument(help="A model's name at its provider, provider/model, or a route.")],
    provider: Annotated[str | None, typer.Option(help="Who sells it.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Where it is sold.")] = None,
    tenant: Annotated[str, typer.Option(help="To whom.")] = "*",
    config: Config = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where a gateway keeps its price list.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Explain what a model costs; needs no running gateway."""
    from gateway.cli.price import PriceOf
    from gateway.cli.price import price as explain_price

    asked = PriceOf(model, provider, base_url, tenant)
    raise typer.Exit(explain_price(asked, data_dir, config, as_json))


add_things(app)
app.add_typer(key.app, name="key")
app.add_typer(reports.audit, name="audit")
app.add_typer(lost_worker.app, name="lost-worker")
app.command("usage")(reports.usage)
app.command("explain")(reports.explain)
app.command("config")(reports.config)
app.command("reload")(reports.reload)
app.command("workers")(reports.workers)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
RequestId = Annotated[str, typer.Argument(help="As in `kaze queue`, or a caller's x-request-id.")]
queue = typer.Typer(help="Who waits in a running gateway: KAZE_ADMIN_URL, KAZE_ADMIN_KEY.")
app.add_typer(queue, name="queue")


@queue.callback(invoke_without_command=True)
def _queue(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, max=200, help="Requests to list: 50 at once.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this request.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who waits in a running gateway: by class, tenant and accounts, and one by one."""
    context.obj = as_json
    if context.invoked_subcommand is None:
        from gateway.cli.queue import list_queue

        raise typer.Exit(list_queue(limit or 50, after or "", as_json))
    if limit is not None or after is not None:
        raise typer.BadParameter(f"`{context.invoked_subcommand}` takes neither --limit nor --after")


@queue.command("show")
def _queue_show(context: typer.Context, request_id: RequestId, as_json: AsJson = False) -> None:
    """Where a request stands."""
    from gateway.cli.queue import show_waiting

    raise typer.Exit(show_waiting(request_id, as_json or context.obj))


@queue.command("cancel")
def _queue_cancel(context: typer.Context, request_id: RequestId, as_json: AsJson = False) -> None:
    """Take a request out of the line; its caller is told so."""
    from gateway.cli.queue import cancel_waiting

    raise typer.Exit(cancel_waiting(request_id, as_json or context.obj))


@app.command("provider-sim", context_settings=_PASS_ON)
def provider_sim(context: typer.Context) -> None:
    """Run the scripted provider; --help for its options."""
    from provider_sim.__main__ import main as run

    raise typer.Exit(run(context.args))


@app.command(context_settings=_PASS_ON)
def loadtest(context: typer.Context) -> None:
    """Run a load scenario; --help for their names."""
    # A program of its own: nothing here may know what stands above the gateway.
    os.execv(sys.executable, [sys.executable, "-m", "loadtests", *context.args])  # noqa: S606 - no shell meant


def main() -> None:
    """The entry of the installed command and of `python -m gateway`."""
    from gateway.serving.stop import leave_quietly

    if sys.argv[1:2] == ["serve"]:
        leave_quietly()  # a signal that comes during the imports to follow
    app(prog_name="kaze")

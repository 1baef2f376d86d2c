"""`kaze tenant / provider / pool / model / budget / admin-key`: list, show, create, change, delete, and more.

What there is to say of a thing is the admin API's affair: commands name fields as it does (`--set name=value`).
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from gateway.cli.asking import AsJson, asking, show, show_rows
from gateway.cli.fields import FieldError, merged, parsed
from gateway.cli.shell import Argument, BadParameter, Option, Typer
from gateway.cli.standing import as_it_stands

Name = Annotated[str, Argument(help="Its id.")]
Sets = Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="A field; may be given again.")]


@dataclass(frozen=True, slots=True)
class Thing:
    """`columns`: what a list shows, the field by what it is called; of each row as `standing` has it for people.

    `example` is how one is made, `change` how one is changed, where they are; `verbs`: with what they do. `remark`
    is what is said beside one that was made, on stderr, where there is something.
    """

    noun: str
    plural: str
    about: str
    columns: Mapping[str, str]
    example: str
    verbs: Mapping[str, str] = field(default_factory=dict)
    change: str | None = None
    standing: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    remark: Callable[[dict[str, Any]], str | None] | None = None


def _for_everybody(budget: dict[str, Any]) -> str | None:
    if budget["scope"] != "all":
        return None
    return (
        f"{budget['id']} caps what all tenants spend together; one of a tenant is made with --set tenant=ID"
    )


_KEY_COLUMNS = {"role": "role", "kind": "kind", "expires": "expires_at", "revoked": "revoked_at"}
THINGS = (
    Thing(
        "tenant", "tenants", "Who pays and whose data is apart.",
        {
            "tenant": "id", "name": "name", "state": "state", "weight": "weight", "models": "models",
            "from": "source",
        },
        "kaze tenant create client-a --set name='Client A' --set weight=2",
        {"suspend": "Refuse all of its requests.", "resume": "Take its requests again."},
        "kaze tenant change client-a --set weight=3",
    ),
    Thing(
        "provider", "providers", "Upstream APIs.",
        {"provider": "id", "dialect": "dialect", "base url": "base_url", "local": "local", "from": "source"},
        "kaze provider create groq --set dialect=openai --set base_url=https://api.groq.com/openai/v1",
        change="kaze provider change groq --set echo_model=true",
    ),
    Thing(
        "pool", "pools", "Provider keys, and how they stand.",
        {
            "pool": "id", "provider": "provider", "state": "state", "tenants": "tenants", "limits": "limits",
            "in force": "in_force", "in flight": "live.in_flight", "attempts": "live.attempts",
            "failures": "live.failures", "last refusal": "live.last_refusal", "from": "source",
            "problem": "problem",
        },
        "kaze pool create key-1 --set provider=anthropic --set secret=env:KEY_1 --set limits.rpm=4000",
        {
            "disable": "Take it out of service.", "enable": "Take it into service again, also after a refusal.",
            "drain": "Send nothing more to it.",
            "verify": "Reach the provider with it; accepted, it is back in service.",
            "refresh": "Read its secret again and try it, also one of the configuration file's.",
            "rotate": "Point it at another secret, or read the present one again.",
        },
        "kaze pool change key-1 --set limits.rpm=6000",
        as_it_stands,
    ),
    Thing(
        "model", "models", "Model routes and hints.",
        {"model": "id", "targets": "targets", "overflow": "overflow", "hint": "hint", "from": "source"},
        "kaze model create smart --set targets=anthropic/claude-sonnet-5-5,openai/gpt-6-sol",
        change="kaze model change smart --set targets=openai/gpt-6-sol",
    ),
    Thing(
        "budget", "budgets", "Caps on spending.",
        {
            "budget": "id", "tenant": "tenant", "key": "key", "period": "current_period", "enforce": "enforce",
            "limit": "limit_nusd", "posted": "posted_nusd", "reserved": "reserved_nusd",
            "remaining": "remaining_nusd", "from": "source",
        },
        "kaze budget create --set tenant=client-a --set period=month --set usd=500",
        change="kaze budget change client-a.month --set usd=800",
        remark=_for_everybody,
    ),
    Thing(
        "admin-key", "admin-keys", "Who may use the admin API.", {"admin key": "id", **_KEY_COLUMNS},
        "kaze admin-key create ci --set role=operator --set kind=service",
    ),
)  # fmt: skip


def add_things(app: Typer) -> None:
    for thing in THINGS:
        app.add_typer(_commands(thing), name=thing.noun)


def settings(given: list[str] | None) -> dict[str, Any]:
    """What was set; ends the command when that cannot be read."""
    try:
        return parsed(given or ())
    except FieldError as error:
        raise BadParameter(str(error)) from None


def _commands(thing: Thing) -> Typer:
    epilog, of_one = f"For example: {thing.example}", f"For example: kaze {thing.noun} {{}} ID"
    app = Typer(help=f"{thing.about} KAZE_ADMIN_URL, KAZE_ADMIN_KEY.", no_args_is_help=True, epilog=epilog)

    @app.command("list", epilog=f"For example: kaze {thing.noun} list")
    def _list(as_json: AsJson = False) -> None:
        """All of them."""

        def run(admin: Any) -> None:
            rows = admin.listed(thing.plural)
            if thing.standing is not None and not as_json:
                rows = [thing.standing(row) for row in rows]
            show_rows(rows, thing.columns, as_json)

        asking(run)

    @app.command("show", epilog=of_one.format("show"))
    def _show(name: Name, as_json: AsJson = False) -> None:
        """One of them, with all of its fields."""
        asking(lambda admin: show(admin.get(thing.plural, name), as_json))

    @app.command("create", epilog=epilog)
    def _create(
        name: Annotated[str | None, Argument(help="Its id; some get one when it is left out.")] = None,
        sets: Sets = None,
        as_json: AsJson = False,
    ) -> None:
        """Make one."""
        body = {**({} if name is None else {"id": name}), **settings(sets)}

        def run(admin: Any) -> None:
            made = admin.post(thing.plural, body=body)
            show(made, as_json)
            if thing.remark is not None and (remark := thing.remark(made)) is not None:
                print(remark, file=sys.stderr)

        asking(run)

    @app.command("delete", epilog=of_one.format("delete"))
    def _delete(name: Name, as_json: AsJson = False) -> None:
        """Delete one: of a tenant a tombstone stays, an admin key is ended."""

        def run(admin: Any) -> None:
            admin.delete(thing.plural, name)
            if as_json:
                show({"deleted": name}, as_json)
            else:
                print(f"deleted {name}")

        asking(run)

    if thing.change is not None:
        _add_change(app, thing, f"For example: {thing.change}")
    for verb, about in thing.verbs.items():
        _add_verb(app, thing, verb, about)
    return app


def _add_change(app: Typer, thing: Thing, epilog: str) -> None:
    @app.command("change", epilog=epilog)
    def _change(name: Name, sets: Sets = None, as_json: AsJson = False) -> None:
        """Change some of its fields; `null` is the default again."""
        wanted = settings(sets)
        if not wanted:
            raise BadParameter("nothing to change: --set NAME=VALUE")
        asking(
            lambda admin: show(
                admin.change(thing.plural, name, change=lambda there: merged(there, wanted)), as_json
            )
        )


def _add_verb(app: Typer, thing: Thing, verb: str, about: str) -> None:
    @app.command(verb, help=about, epilog=f"For example: kaze {thing.noun} {verb} ID")
    def _do(name: Name, sets: Sets = None, as_json: AsJson = False) -> None:
        body = settings(sets) or None
        asking(lambda admin: show(admin.post(thing.plural, name, verb, body=body), as_json))

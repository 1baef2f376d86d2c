"""`/providers`: upstream APIs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.rest.answer import Problem, Row
from gateway.api.rest.collection import Collection, Document, Kind
from gateway.api.rest.operation import Operation
from gateway.api.rest.schemas import STAMPED
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.resolve_providers import resolve_providers
from gateway.settings.schema import ConfigFile, ProviderSection
from gateway.settings.schema_admin import ProviderBody
from storage.connection import Connection
from storage.reads import ReadRouter

_TABLE = Table(
    "providers",
    (
        Column("id"),
        Column("dialect"),
        Column("base_url"),
        Column("flavour"),
        Column("local", "boolean"),
        Column("apis", "text[]"),
        Column("insecure_http", "boolean"),
        Column("api_version"),
        Column("egress_proxy"),
        Column("egress_proxy_auth"),
        Column("ca_file"),
        Column("echo_model", "boolean"),
    ),
)


def operations(
    reads: ReadRouter | None, references: References, configured: Callable[[], Configured]
) -> list[Operation]:
    async def check(connection: Connection, document: Document, findings: Findings) -> None:
        references.secret(document["egress_proxy_auth"], ("egress_proxy_auth",), findings)
        if not document["local"]:
            await _check_overflow(connection, document["id"], findings)
        await _check(document, findings)

    return Collection(
        Kind(
            noun="provider",
            plural="providers",
            table=_TABLE,
            body=ProviderBody,
            check=check,
            unneeded=_unneeded,
            read_only=STAMPED,
            in_file=lambda: configured().providers(),
        ),
        reads,
    ).operations()


def section_of(document: Document) -> ProviderSection:
    """As the configuration file has it."""
    return ProviderSection.model_validate(
        {name: value for name, value in document.items() if value is not None}
    )


async def _check(document: Document, findings: Findings) -> None:
    """By the rules of the configuration file; whether the proxy's secret can be read is not looked at."""
    if document["egress_proxy_auth"] is not None and document["egress_proxy"] is None:
        findings.add(("egress_proxy_auth",), "needs egress_proxy")
    ca_file = document["ca_file"]
    if ca_file is not None and not ca_file.startswith("/"):
        findings.add(("ca_file",), "must be an absolute path")
        return
    section = section_of({**document, "egress_proxy_auth": None})
    found = await asyncio.to_thread(_found_wrong, section)
    findings.problems.extend(found.problems)


async def _check_overflow(connection: Connection, id_: str, findings: Findings) -> None:
    """No route overflows to what is no model server of ours."""
    query = "SELECT id FROM models WHERE split_part(overflow, '/', 1) = $1 ORDER BY id LIMIT 5"
    routes = [row["id"] for row in await connection.fetch(query, id_)]
    if routes:
        findings.add(("local",), f"must stay true while {', '.join(routes)} overflow to it")


def _found_wrong(section: ProviderSection) -> Findings:
    findings = _Own()
    resolve_providers(ConfigFile(providers=(section,)), {}, Path(), findings)
    return findings


class _Own(Findings):
    """Of the one provider of a file that there is not: its own fields are named."""

    def __init__(self) -> None:
        super().__init__(None)

    def add(self, path: tuple[str | int, ...], message: str) -> None:
        super().add(path[2:], message)


async def _unneeded(connection: Connection, row: Row) -> None:
    users = await connection.fetch(
        "SELECT 'pool ' || id AS named FROM pools WHERE provider = $1"
        " UNION ALL SELECT 'model ' || id FROM models, unnest(targets || overflow) AS target"
        " WHERE split_part(target, '/', 1) = $1"
        " UNION ALL SELECT 'tenant ' || t.id FROM tenants t, jsonb_path_query(t.models, '$.*[*]') AS target"
        " WHERE t.state <> 'deleted' AND split_part(target #>> '{}', '/', 1) = $1 LIMIT 5",
        row["id"],
    )
    if users:
        raise Problem(409, f"It is still used by {', '.join(one['named'] for one in users)}.")

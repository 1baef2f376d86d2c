"""Whether what a document names is there: in the database, or in the configuration in force.

What is read is locked against deletion until the transaction ends.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path as FilePath

from gateway.api.resources.configured import Configured
from gateway.api.rest.ask import refuse_any
from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.row_secrets import RowSecrets
from gateway.settings.validate import check_local, suggestion
from storage.connection import Connection


class References:
    """`configured` gives the configuration in force, of which the file's part may not be in the database."""

    def __init__(self, configured: Callable[[], Configured], data_dir: FilePath | None = None) -> None:
        self._configured = configured
        self._data_dir = data_dir

    def secret(self, reference: str | None, path: Path, findings: Findings) -> None:
        """Its form, and that rows may refer to it. Whether it leads anywhere is for those to find out
        who send it."""
        if reference is None:
            return
        why = RowSecrets(self._data_dir, self._configured().file).why_not(reference)
        if why is not None:
            findings.add(path, why)

    async def tenant_state(self, connection: Connection, tenant: str, *, stays: bool = True) -> str | None:
        """None when there is no such tenant. Unless it `stays`, nothing is locked: for what is only read."""
        query = f"SELECT state FROM tenants WHERE id = $1{' FOR KEY SHARE' if stays else ''}"  # noqa: S608
        state: str | None = await connection.fetchval(query, tenant)
        return state or ("active" if tenant in self._configured().snapshot.tenants else None)

    async def tenant(self, connection: Connection, name: str, path: Path, findings: Findings) -> None:
        """It is a tenant, and not deleted."""
        if await self.tenant_state(connection, name) in (None, "deleted"):
            known = self._configured().snapshot.tenants.keys() - {name}  # without it within a second
            findings.add(path, f"no such tenant{suggestion(name, sorted(known))}")

    async def key(
        self, connection: Connection, tenant: str, key: str, path: Path, findings: Findings
    ) -> None:
        """It is a key of that tenant, and not revoked."""
        query = "SELECT revoked_at IS NULL FROM tenant_keys WHERE tenant = $1 AND id = $2 FOR KEY SHARE"
        stays: bool | None = await connection.fetchval(query, tenant, key)
        if stays or key in self._configured().keys(tenant):  # of what both name the file says what it is
            return
        if stays is not None:
            findings.add(path, "is revoked")
            return
        snapshot = self._configured().snapshot
        known = (*snapshot.tenant_keys.values(), *snapshot.awaited_keys)
        if not any(one.id == key and one.tenant.id == tenant for one in known):
            findings.add(path, "no such key of that tenant")

    async def provider(self, connection: Connection, name: str) -> tuple[str, bool] | None:
        """Its dialect and whether it is local."""
        row = await connection.fetchrow(
            "SELECT dialect, local FROM providers WHERE id = $1 FOR KEY SHARE", name
        )
        if row is not None:
            return row["dialect"], row["local"]
        configured = self._configured().snapshot.providers.get(name)
        return None if configured is None else (configured.dialect, configured.local)

    async def targets(
        self, connection: Connection, names: Iterable[str], path: Path, findings: Findings
    ) -> None:
        """Each `provider/model` is at a provider that there is, and none is said twice."""
        seen: set[str] = set()
        known = await self._known(
            connection, "SELECT id FROM providers FOR KEY SHARE", self._configured().snapshot.providers
        )
        for index, name in enumerate(names):
            provider = name.partition("/")[0]
            if provider not in known:
                findings.add((*path, index), f"no such provider{suggestion(provider, sorted(known))}")
            if name in seen:
                findings.add((*path, index), "is named twice")
            seen.add(name)

    async def local_target(self, connection: Connection, name: str, path: Path, findings: Findings) -> None:
        """`provider/model` is at a provider that there is and that is local."""
        id_ = name.partition("/")[0]
        found = await self.provider(connection, id_)
        if found is None:
            findings.add(path, "no such provider")
        else:
            check_local(id_, found[1], path, findings)

    async def routes(
        self, connection: Connection, names: Iterable[str], path: Path, findings: Findings
    ) -> None:
        """Each is a model route."""
        known = await self._known(
            connection, "SELECT id FROM models FOR KEY SHARE", self._configured().snapshot.routes
        )
        for name in names:
            if name not in known:
                findings.add((*path, name), f"no such model route{suggestion(name, sorted(known))}")

    async def tenants(
        self, connection: Connection, names: Iterable[str], path: Path, findings: Findings
    ) -> None:
        """Each is a tenant; `*` is all of them and stands alone."""
        said = list(names)
        if said == ["*"]:
            return
        rows = await connection.fetch("SELECT id, state FROM tenants FOR KEY SHARE")
        known = {row["id"] for row in rows} | set(self._configured().snapshot.tenants)
        known -= {row["id"] for row in rows if row["state"] == "deleted"}  # which is in force within a second
        for index, name in enumerate(said):
            if name == "*":
                findings.add((*path, index), "`*` is every tenant and stands alone")
            elif name not in known:
                findings.add((*path, index), f"no such tenant{suggestion(name, sorted(known))}")

    async def _known(self, connection: Connection, query: str, configured: Collection[str]) -> set[str]:
        return {row["id"] for row in await connection.fetch(query)} | set(configured)


def check_moment(text: str | None, path: Path, findings: Findings) -> datetime | None:
    """The moment that `text` says, which must be one with a time zone."""
    if text is None:
        return None
    problem = "must be a moment with its time zone, as RFC 3339 has it: 2030-01-31T12:00:00Z"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        problem = "must be before the year 10000 in UTC"
    except ValueError:
        pass
    findings.add(path, problem)
    return None


def refuse_past(text: str | None, field: str, now: datetime) -> None:
    """Raises a Problem when the moment `text` is no moment, or not to come."""
    findings = Findings(None)
    moment = check_moment(text, (field,), findings)
    if moment is not None and moment <= now:
        said = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        findings.add((field,), f"is in the past: it is {said} now")
    refuse_any(findings)

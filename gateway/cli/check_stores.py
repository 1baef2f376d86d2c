"""`kaze check --live`: database, ledger and secret store, reached as a start would reach them. One line each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from gateway.admission.redis_connection import REDIS_ERRORS, connect
from gateway.clock import SystemClock
from gateway.pipeline.secret_sources import secret_sources
from gateway.serving.database import no_owner
from gateway.settings.server import DatabaseStore, Settings
from gateway.settings.snapshot import ProviderKey
from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.secrets.source import FetchError
from storage.connection import Connection
from storage.database import REFUSED, UNREACHED, connected
from storage.isolation import weaknesses
from storage.migrate import Migration, SchemaError, may_migrate, pending
from storage.reads import NoReplicaError, check_replica, database_identity


def check_database(settings: Settings) -> bool:
    """Whether it, its owner and its replica can be worked with; the embedded one is the gateway's own to start."""
    store = settings.database
    return True if store.url is None else asyncio.run(_database(store, store.url))


def with_secrets(settings: Settings) -> tuple[list[ProviderKey], bool]:
    """The provider keys with the secrets that are in Vault, their own and their proxies', and whether all that is
    kept there could be had."""
    return asyncio.run(_with_secrets(settings))


def check_ledger(settings: Settings) -> bool:
    """Whether it answers; the embedded one, and memory, are the gateway's own to start."""
    url = settings.ledger.url
    return True if url is None else asyncio.run(_ledger(url.reveal()))


async def _ledger(url: str) -> bool:
    connection = connect(url)
    try:
        await connection.eval("return 1", [], [])
    except REDIS_ERRORS as error:
        return _said(False, f"ledger: cannot be reached ({type(error).__name__})")
    finally:
        with suppress(*REDIS_ERRORS):
            await connection.aclose()
    return _said(True, "ledger: reached")


async def _database(store: DatabaseStore, url: Secret) -> bool:
    weak: list[str] = []
    missing: list[Migration] = []
    primary: list[str] = []

    async def of_application(connection: Connection) -> None:
        if store.replica is not None:
            primary.append(await database_identity(connection))
        missing.extend(await pending(connection))
        if not missing:
            weak.extend(await weaknesses(connection))

    async def of_owner(connection: Connection) -> None:
        if missing and not await may_migrate(connection):
            raise SchemaError(no_owner(store))

    fault = await _fault(url, of_application)
    for weakness in weak:
        print(f"warning: database: tenants are not apart: {weakness}")
    good = _said(fault is None, f"database: {fault or f'reached, {len(missing)} migrations to apply'}")
    named = "database" if store.owner is None else "database_owner"
    if good and (fault := await _fault(store.owner or url, of_owner)):
        good = _said(False, f"{named}: {fault}")
    if store.replica is None:
        return good

    async def of_replica(connection: Connection) -> None:
        await check_replica(connection, primary[0] if primary else None)
        await pending(connection)

    fault = await _fault(store.replica, of_replica)
    return _said(fault is None, f"database_replica: {fault or 'reached'}") and good


async def _fault(url: Secret, look: Callable[[Connection], Awaitable[object]]) -> str | None:
    """Why the database there cannot be worked with, if not."""
    try:
        async with connected(url.reveal()) as connection:
            await look(connection)
    except (SchemaError, NoReplicaError) as error:
        return str(error)
    except REFUSED as error:
        return f"refuses ({type(error).__name__})"
    except UNREACHED as error:
        return f"cannot be reached ({type(error).__name__})"
    return None


async def _with_secrets(settings: Settings) -> tuple[list[ProviderKey], bool]:
    environ: Mapping[str, str] = settings.declared.environ
    sources = secret_sources(settings.vault, environ, SystemClock().monotonic)
    snapshot, all_there = settings.snapshot, True

    async def found(whose: str, known: Secret | None, reference: Reference | None) -> Secret | None:
        nonlocal all_there
        if known is not None or reference is None:
            return known
        try:
            return (await sources.by_scheme[reference.scheme].fetch(reference)).secret
        except FetchError as error:
            all_there = _said(False, f"{whose}: {reference}: {error}")
            return None

    try:
        proxies = {
            one.id: await found(f"provider {one.id}", one.egress_proxy_auth, one.egress_proxy_reference)
            for one in snapshot.providers.values()
        }
        for one in snapshot.awaited_keys:
            await found(f"tenant key {one.tenant.id}/{one.id}", None, one.reference)
        keys = []
        for key in snapshot.provider_keys:
            secret = await found(f"pool {key.id}", key.secret, key.reference)
            if secret is None and key.reference is not None:
                continue
            provider = replace(key.provider, egress_proxy_auth=proxies.get(key.provider.id))
            keys.append(replace(key, secret=secret, provider=provider))
    finally:
        if sources.vault is not None:
            await sources.vault.close()
    return keys, all_there


def _said(good: bool, words: str) -> bool:
    print(f"{'ok' if good else 'FAILED'}: {words}")
    return good

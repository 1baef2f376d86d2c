"""`kaze check --live`: database, ledger and secret store, reached as a start would reach them. One line each."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from gateway.admission.redis_connection import REDIS_ERRORS, connect
from gateway.clock import SystemClock
from gateway.pipeline.secret_sources import secret_sources
from gateway.settings.server import Settings
from gateway.settings.snapshot import ProviderKey
from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.secrets.source import FetchError
from storage.database import REFUSED, UNREACHED, connected
from storage.isolation import weaknesses
from storage.migrate import SchemaError, pending


def check_database(settings: Settings) -> bool:
    """Whether it can be worked with; the embedded one is the gateway's own to start."""
    url = settings.database.url
    return True if url is None else asyncio.run(_database(url.reveal()))


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


async def _database(dsn: str) -> bool:
    try:
        async with connected(dsn) as connection:
            missing = await pending(connection)
            weak = [] if missing else await weaknesses(connection)
    except SchemaError as error:
        return _said(False, f"database: {error}")
    except REFUSED as error:
        return _said(False, f"database: refuses ({type(error).__name__})")
    except UNREACHED as error:
        return _said(False, f"database: cannot be reached ({type(error).__name__})")
    for weakness in weak:
        print(f"warning: database: tenants are not apart: {weakness}")
    return _said(True, f"database: reached, {len(missing)} migrations to apply")


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

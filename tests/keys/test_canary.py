"""A secret that is recognised when it shows: in words, logs, exceptions, and the variables of their tracebacks."""

import asyncio
import contextlib
import copy
import json
import logging
import pickle
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keys.secret import Secret
from keys.secrets.cache import SecretCache, SecretUnavailableError
from keys.secrets.env import EnvironmentSource
from keys.secrets.file import FileSource
from keys.secrets.freshness import CachePolicy
from keys.secrets.reference import parse
from keys.secrets.source import FetchError, SecretSource
from keys.secrets.vault import VaultSource
from keys.secrets.vault_login import AppRoleLogin, TokenLogin, VaultLogin
from tests.cut_proxy import CutProxy
from tests.keys.openbao import ROOT_TOKEN, OpenBao

CANARY = "cAnArY"


def everything_about(error: BaseException) -> str:
    """As a crash reporter would write it down, with the variables of every frame, and of what led to it."""
    text, seen = "", [error]
    while seen:
        one = seen.pop()
        frames = one.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next  # the tests themselves know it
        report = traceback.TracebackException(type(one), one, frames, capture_locals=True)
        text += "".join(report.format()) + repr(one.__dict__) + repr(one.args)
        seen += [linked for linked in (one.__cause__, one.__context__) if linked is not None]
    return text


@contextlib.asynccontextmanager
async def told(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[str]]:
    """Whatever is logged in here, and added to the list, has nothing of a canary in it."""
    texts: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield texts
    assert texts
    for text in (*texts, caplog.text):
        assert CANARY not in text and ROOT_TOKEN not in text


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {secret!s:>20} {[secret]} {secret.__reduce__!r}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, hash):
        with pytest.raises(TypeError) as caught:
            leak(secret)
        assert CANARY not in str(caught.value)


async def test_no_error_of_a_source_holds_it(
    shared_bao: OpenBao, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is there but cannot be used, and what is read on the way to an error."""
    clock = asyncio.get_running_loop().time
    spoilt = f"{CANARY}\x01"
    (tmp_path / "key").write_text(spoilt)
    (tmp_path / "bytes").write_bytes(f"{CANARY}\udcff".encode(errors="surrogateescape"))
    (tmp_path / "long").write_text(CANARY * 20_000)
    shared_bao.put("canary", key=spoilt, good=CANARY)
    vaults = [
        VaultSource(shared_bao.server(), login, clock)
        for login in (
            shared_bao.approle("secret/data/canary"),
            TokenLogin(lambda: Secret(CANARY)),
            TokenLogin(lambda: Secret(spoilt)),
            AppRoleLogin(lambda: Secret(CANARY), lambda: Secret(CANARY)),
        )
    ]
    cases: list[tuple[SecretSource, str]] = [
        (EnvironmentSource({"KEY": spoilt}), "env:KEY"),
        (EnvironmentSource({}), f"env:{CANARY}"),
        *((FileSource(), f"file:{tmp_path / name}") for name in ("key", "bytes", "long")),
        *((vault, "vault:secret/canary#key") for vault in vaults),
        (vaults[0], "vault:secret/canary#none"),
        (vaults[0], "vault:secret/other#key"),
    ]
    async with told(caplog) as texts:
        for source, reference in cases:
            with pytest.raises(FetchError) as caught:
                await source.fetch(parse(reference))
            texts.append(everything_about(caught.value))
            texts.append(repr(source))
    for vault in vaults:
        await vault.close()


async def test_no_error_of_a_vault_in_trouble_holds_it(
    shared_bao: OpenBao, caplog: pytest.LogCaptureFixture
) -> None:
    shared_bao.put("canary", key=CANARY)
    login: VaultLogin = shared_bao.approle("secret/data/canary")
    reference = parse("vault:secret/canary#key")
    async with CutProxy(shared_bao.port) as proxy, told(caplog) as texts:
        source = VaultSource(shared_bao.server(proxy.port), login, asyncio.get_running_loop().time)
        fetched = await source.fetch(reference)
        await proxy.cut()
        with pytest.raises(FetchError) as caught:
            await source.fetch(reference)
        texts.append(everything_about(caught.value) + repr(fetched))
        await source.close()


async def test_nothing_of_the_cache_holds_it(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"KEY": CANARY}
    clock = asyncio.get_running_loop().time
    reference, other = parse("env:KEY"), parse("env:OTHER")
    async with told(caplog) as texts:
        cache = SecretCache({"env": EnvironmentSource(environ)}, CachePolicy(), clock)
        refused = await cache.get(reference)
        environ["KEY"] = CANARY * 2
        texts.append(repr(await cache.refresh_now(reference, refused)))
        texts.append(f"{cache!r} {vars(cache)!r} {cache.state()!r} {cache.values(reference)!r}")
        with pytest.raises(SecretUnavailableError) as caught:
            await cache.get(other)
        texts.append(everything_about(caught.value))
        await cache.close()

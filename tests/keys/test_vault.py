"""A real OpenBao in trouble: sealed, slow, cut off, restarted; tokens that end, permissions that are lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import hvac  # type: ignore[import-untyped]
import pytest

from keys.secret import Secret
from keys.secrets.reference import parse
from keys.secrets.source import Fault, Fetched, FetchError
from keys.secrets.vault import VaultSource
from keys.secrets.vault_login import AppRoleLogin, TokenLogin, reader_of
from tests.clock import standing
from tests.cut_proxy import CutProxy
from tests.keys.openbao import OpenBao, wait_until
from tests.keys.vaults import ITS_PATH, KEY, fault_of, move, vault
from tests.upstream.authority import Authority


async def eventually(source: VaultSource) -> Fetched:
    """What it gives once it gives something: failed logins are not repeated at once."""
    while True:
        try:
            return await source.fetch(KEY)
        except FetchError:
            move(60)
            await asyncio.sleep(0.01)


async def seen(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


async def test_sealed_it_is_away_and_unsealed_it_is_back(own_bao: OpenBao) -> None:
    own_bao.put("llm/openai", key="sk-one")
    async with vault(own_bao, own_bao.approle(ITS_PATH)) as source:
        await source.fetch(KEY)
        own_bao.seal()
        with pytest.raises(FetchError, match="sealed") as caught:
            await source.fetch(KEY)
        assert caught.value.fault is Fault.AWAY
        own_bao.unseal()
        assert (await eventually(source)).secret.reveal() == "sk-one"


async def test_restarted_with_nothing_it_knew_there_is_a_new_login(own_bao: OpenBao) -> None:
    own_bao.put("llm/openai", key="sk-one")
    login = own_bao.approle(ITS_PATH, name="gateway")
    async with CutProxy(own_bao.port) as proxy, vault(own_bao, login, proxy.port) as source:
        await source.fetch(KEY)
        own_bao.kill()
        await proxy.cut()
        assert await fault_of(source) is Fault.AWAY
        own_bao.start()
        own_bao.approle(ITS_PATH, name="gateway")
        own_bao.put("llm/openai", key="sk-two")
        proxy.upstream = own_bao.port
        await proxy.mend()
        assert (await eventually(source)).secret.reveal() == "sk-two"


async def test_one_that_does_not_answer_is_away_and_not_waited_for(bao: OpenBao) -> None:
    async with (
        CutProxy(bao.port) as proxy,
        vault(bao, bao.approle(ITS_PATH), proxy.port, read_s=0.5) as source,
    ):
        assert (await eventually(source)).secret.reveal() == "sk-one"
        proxy.mute = True
        with pytest.raises(FetchError, match=r"in time|reached") as caught:
            await source.fetch(KEY)
        assert caught.value.fault is Fault.AWAY
        proxy.mute = False
        assert (await eventually(source)).secret.reveal() == "sk-one"


async def test_one_that_answers_too_slowly_as_a_whole_is_away(bao: OpenBao) -> None:
    async with CutProxy(bao.port) as proxy, vault(bao, bao.approle(ITS_PATH), proxy.port) as source:
        await source.fetch(KEY)
        proxy.mute = True
        fetching = asyncio.ensure_future(source.fetch(KEY))
        await asyncio.sleep(0)
        move(61)  # more than a fetch may take, while no single wait for bytes is over
        with pytest.raises(FetchError, match="in time"):
            await fetching
        await proxy.cut()  # lets the thread end


async def test_cut_off_it_is_away_and_mended_it_is_back(bao: OpenBao) -> None:
    async with CutProxy(bao.port) as proxy, vault(bao, bao.approle(ITS_PATH), proxy.port) as source:
        await source.fetch(KEY)
        await proxy.cut()
        assert await fault_of(source) is Fault.AWAY
        await proxy.mend()
        assert (await eventually(source)).secret.reveal() == "sk-one"


async def test_a_rotated_secret_has_another_version(bao: OpenBao) -> None:
    async with vault(bao, bao.approle(ITS_PATH)) as source:
        first = await source.fetch(KEY)
        bao.put("llm/openai", key="sk-two")
        second = await source.fetch(KEY)
    assert second.secret.reveal() == "sk-two"
    assert int(second.version) == int(first.version) + 1


async def test_an_ended_token_is_replaced_by_one_login_for_500(bao: OpenBao) -> None:
    async with vault(bao, bao.approle(ITS_PATH, ttl="1s", name="short")) as source:
        before = bao.accessors()
        await source.fetch(KEY)
        (accessor,) = bao.accessors() - before
        move(-10)  # for all we know it still lives: that it ended is Vault's word
        wait_until(lambda: accessor not in bao.accessors())
        bao.admin.auth.approle.create_or_update_approle("short", token_policies=["short"], token_ttl="1h")
        before = bao.accessors()
        fetched = await asyncio.gather(*(source.fetch(KEY) for _ in range(500)))
        assert {one.secret.reveal() for one in fetched} == {"sk-one"}
        assert len(bao.accessors() - before) == 1


async def test_a_token_known_to_end_is_replaced_before_it_is_used(bao: OpenBao) -> None:
    async with vault(bao, bao.approle(ITS_PATH)) as source:
        before = bao.accessors()
        await source.fetch(KEY)
        move(3601)
        await asyncio.gather(*(source.fetch(KEY) for _ in range(100)))
        assert len(bao.accessors() - before) == 2


async def test_a_token_is_renewed_at_two_thirds_though_nobody_asks(bao: OpenBao) -> None:
    async with vault(bao, bao.approle(ITS_PATH)) as source:
        before = bao.accessors()
        await source.fetch(KEY)
        (accessor,) = bao.accessors() - before

        def renewed() -> bool:
            return "last_renewal" in bao.admin.auth.token.lookup_accessor(accessor)["data"]

        move(2300)
        await asyncio.sleep(0.05)
        assert not renewed()
        move(150)
        await seen(renewed)
        assert bao.accessors() - before == {accessor}


async def test_a_lost_permission_is_told_from_an_ended_token(bao: OpenBao) -> None:
    login = bao.approle(ITS_PATH, name="loses")
    async with vault(bao, login) as source:
        await source.fetch(KEY)
        bao.policy("loses")
        before = bao.accessors()
        for _ in range(3):
            assert await fault_of(source) is Fault.DENIED
        assert bao.accessors() == before  # no login for it
        bao.policy("loses", ITS_PATH)
        assert (await source.fetch(KEY)).secret.reveal() == "sk-one"


async def test_only_its_own_paths_can_be_read(bao: OpenBao) -> None:
    bao.put("llm/other", key="sk-other")
    async with vault(bao, bao.approle(ITS_PATH)) as source:
        for other in ("vault:secret/llm/other#key", "vault:nowhere/llm/other#key", "vault:sys/mounts#data"):
            assert await fault_of(source, parse(other)) is not Fault.AWAY
        assert await fault_of(source, parse("vault:secret/llm/openai#nothing")) is Fault.MISSING


async def test_an_engine_that_became_another_version_is_found_again(bao: OpenBao) -> None:
    bao.admin.sys.enable_secrets_engine("kv", path="moved", options={"version": "1"})
    bao.admin.secrets.kv.v1.create_or_update_secret("openai", {"key": "sk-one"}, mount_point="moved")
    reference = parse("vault:moved/openai#key")
    async with vault(bao, bao.approle("moved/openai", "moved/data/openai", name="both")) as source:
        assert (await source.fetch(reference)).secret.reveal() == "sk-one"
        bao.admin.sys.disable_secrets_engine("moved")
        bao.admin.sys.enable_secrets_engine("kv", path="moved", options={"version": "2"})
        wait_until(lambda: _written(bao))
        bao.policy("both", "moved/data/openai")  # what is read the old way is denied
        assert (await source.fetch(reference)).secret.reveal() == "sk-two"


def _written(bao: OpenBao) -> bool:
    """An engine of version 2 takes nothing for a moment after it was made."""
    try:
        bao.admin.secrets.kv.v2.create_or_update_secret("openai", {"key": "sk-two"}, mount_point="moved")
    except hvac.exceptions.VaultError:
        return False
    return True


async def test_wrong_credentials_are_denied_and_not_tried_again_at_once(bao: OpenBao) -> None:
    right = bao.approle(ITS_PATH)
    asked = 0

    def secret_id() -> Secret:
        nonlocal asked
        asked += 1
        return Secret("wrong")

    async with vault(bao, AppRoleLogin(right.role_id, secret_id)) as source:
        with standing():
            for _ in range(10):
                assert await fault_of(source) is Fault.DENIED
            assert asked == 1
            move(1)
            assert await fault_of(source) is Fault.DENIED
            assert asked == 2


async def test_what_is_presented_is_read_where_it_is_kept_each_time(bao: OpenBao, tmp_path: Path) -> None:
    right = bao.approle(ITS_PATH)
    role_id = reader_of(parse("env:ROLE_ID"), {"ROLE_ID": right.role_id().reveal()})
    secret_id = reader_of(parse(f"file:{tmp_path / 'secret-id'}"), {})
    async with vault(bao, AppRoleLogin(role_id, secret_id)) as source:
        assert await fault_of(source) is Fault.MISSING
        (tmp_path / "secret-id").write_text(right.secret_id().reveal() + "\n")
        assert (await eventually(source)).secret.reveal() == "sk-one"
    with pytest.raises(ValueError, match="vault"):
        reader_of(KEY, {})


async def test_a_given_token_is_renewed_and_read_again_when_it_was_replaced(bao: OpenBao) -> None:
    bao.policy("given", ITS_PATH)
    made = [bao.admin.auth.token.create(policies=["given"], ttl="1h")["auth"] for _ in range(2)]
    kept = [made[0]["client_token"]]
    async with vault(bao, TokenLogin(lambda: Secret(kept[0]))) as source:
        await source.fetch(KEY)
        bao.admin.auth.token.revoke(kept[0])
        assert await fault_of(source) is Fault.DENIED
        kept[0] = made[1]["client_token"]
        assert (await eventually(source)).secret.reveal() == "sk-one"
        move(2450)
        await seen(
            lambda: "last_renewal" in bao.admin.auth.token.lookup_accessor(made[1]["accessor"])["data"]
        )


async def test_a_token_without_end_is_used_as_it_is(bao: OpenBao) -> None:
    async with vault(bao, TokenLogin(lambda: Secret(str(bao.admin.token)))) as source:
        await source.fetch(KEY)
        move(10**6)
        assert (await source.fetch(KEY)).secret.reveal() == "sk-one"


async def test_something_else_that_answers_is_away_and_gets_no_token_by_redirect(bao: OpenBao) -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(replies[0])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    elsewhere = f"location: http://localhost:{port}/elsewhere\r\n".encode()
    async with server:
        for reply in (
            b"HTTP/1.1 307 Temporary Redirect\r\n" + elsewhere + b"content-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"data":null}',
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{",
            b"SSH-2.0-OpenSSH_9.2\r\n",
        ):
            replies = [reply]
            async with vault(bao, TokenLogin(lambda: Secret("s.token")), port) as source:
                assert await fault_of(source) is Fault.AWAY
    assert all(b"/elsewhere" not in head for head in heads)


async def test_only_a_server_with_a_trusted_certificate_gets_a_token(bao: OpenBao, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    trusted = str(authority.ca_file)
    for context, ca_file, good in (
        (authority.server("127.0.0.1"), trusted, True),
        (authority.server("127.0.0.1"), None, False),
        (authority.server("example.com"), trusted, False),
        (authority.server("127.0.0.1", days=-1), trusted, False),
        (authority.server("127.0.0.1", self_signed=True), trusted, False),
    ):
        async with CutProxy(bao.port, context) as proxy:
            address = f"https://127.0.0.1:{proxy.port}"
            async with vault(bao, bao.approle(ITS_PATH), address=address, ca_file=ca_file) as source:
                if good:
                    assert (await source.fetch(KEY)).secret.reveal() == "sk-one"
                    continue
                with pytest.raises(FetchError, match="certificate is not trusted"):
                    await source.fetch(KEY)


async def test_the_environment_of_the_process_is_not_asked(
    bao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = bao.approle(ITS_PATH)
    monkeypatch.setenv("VAULT_TOKEN", str(bao.admin.token))
    monkeypatch.setenv("VAULT_NAMESPACE", "nowhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with vault(bao, login) as source:
        assert (await source.fetch(KEY)).secret.reveal() == "sk-one"
    async with vault(bao, TokenLogin(lambda: Secret(""))) as source:
        assert await fault_of(source) is Fault.DENIED

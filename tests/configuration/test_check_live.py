"""`kaze check --live` reaches the database and the secret store, too."""

import json
import tempfile
from pathlib import Path

import pytest

from gateway.cli.check import check
from tests.admission.servers import Server, binaries
from tests.keys.openbao import ROOT_TOKEN, OpenBao
from tests.postgres import Stored
from tests.settings.loading import ENVIRON


def test_what_is_there_and_what_is_not(
    tmp_path: Path, stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kaze.yaml"
    with OpenBao() as bao:
        bao.put("llm/one", key="sk-one", user="name:pass")
        made = {
            "data_dir": str(tmp_path / "data"),
            "database": stored.application,
            "vault": {"address": bao.address, "auth": {"token": "env:BAO_TOKEN"}},
            "providers": [
                {"id": "here", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1"},
                {
                    "id": "there",
                    "dialect": "openai",
                    "base_url": "http://127.0.0.1:9/v1",
                    "local": True,
                    "egress_proxy": "http://127.0.0.1:9",
                    "egress_proxy_auth": "vault:secret/llm/proxy#user",
                },
            ],
            "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "vault:secret/llm/web#key"}]}],
            "pools": [
                {"id": "one", "provider": "here", "secret": "vault:secret/llm/one#key"},
                {"id": "two", "provider": "here", "secret": "vault:secret/llm/none#key"},
            ],
        }
        config.write_text(json.dumps(made))
        assert check(config, True, {**ENVIRON, "BAO_TOKEN": ROOT_TOKEN}) == 1
    out = capsys.readouterr().out
    assert "ok: database: reached, 0 migrations to apply\n" in out
    assert "FAILED: pool two: vault:secret/llm/none#key: Vault has nothing there\n" in out
    assert "FAILED: provider there: vault:secret/llm/proxy#user: Vault has nothing there\n" in out
    assert "FAILED: tenant key a/web: vault:secret/llm/web#key: Vault has nothing there\n" in out
    assert (
        "FAILED: pool one (http://127.0.0.1:9): cannot be reached" in out
    )  # with its secret, but nobody is there
    assert "sk-one" not in out


def test_a_ledger_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "kaze.yaml"
    made = {"data_dir": str(tmp_path / "data"), "database": "none", "ledger": "redis://:canary@127.0.0.1:1"}
    config.write_text(json.dumps(made))
    assert check(config, True, ENVIRON) == 1
    out = capsys.readouterr().out
    assert "FAILED: ledger: cannot be reached" in out and "canary" not in out


def test_a_ledger_that_is_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "kaze.yaml"
    with tempfile.TemporaryDirectory(prefix="kz") as place:  # a socket's path has to be short
        server = Server(binaries()["valkey"], Path(place))
        server.start()
        made = {"data_dir": str(tmp_path / "data"), "database": "none", "ledger": server.url}
        config.write_text(json.dumps(made))
        check(config, True, ENVIRON)
        server.stop()
    assert "ok: ledger: reached\n" in capsys.readouterr().out


def test_who_makes_the_tables_is_looked_at_too(
    tmp_path: Path, empty: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kaze.yaml"
    made = {"data_dir": str(tmp_path / "data"), "database": empty.application}

    def said(**more: str) -> str:
        config.write_text(json.dumps(made | more))
        check(config, True, ENVIRON)
        return capsys.readouterr().out

    assert "FAILED: database: the role of database may not make or change tables here" in said()
    nobody = "postgresql://nobody:canary@127.0.0.1:1/none"
    away = said(database_owner=nobody)
    assert "FAILED: database_owner: cannot be reached" in away and "canary" not in away
    assert "ok: database: reached, " in said(database_owner=empty.owner)
    both = said(database_owner=empty.owner, database_replica=nobody)
    assert "ok: database: reached, " in both and "FAILED: database_replica: cannot be reached" in both
    itself = said(database_owner=empty.owner, database_replica=empty.application)
    assert "FAILED: database_replica: is no replica, as it takes writes" in itself

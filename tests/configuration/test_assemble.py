"""File and database as one snapshot: who says what, what is left out, and what stays the same object."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.settings.assemble import Assembled, assemble
from gateway.settings.row_secrets import RowSecrets
from gateway.settings.schema import ConfigFile, SecretsSection
from gateway.settings.server import Settings
from gateway.settings.snapshot import Limits, Snapshot, TenantKey
from storage.configuration import StoredConfiguration
from tests.settings.loading import VALID, load_text

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PROVIDER = {
    "id": "other", "dialect": "openai", "base_url": "https://other.example/v1", "flavour": None, "local": False,
    "apis": None, "insecure_http": False, "api_version": None, "egress_proxy": None, "egress_proxy_auth": None,
    "ca_file": None, "echo_model": None,
}  # fmt: skip
POOL = {
    "id": "other-1", "provider": "other", "secret": "env:KAZE_PROVIDER_ROWS", "tenants": ["*"],
    "limits": '{"rpm": 7}', "model_limits": "{}", "burst_s": None, "models": ["*"], "weight": 2.0,
    "state": "enabled",
}  # fmt: skip
MODEL = {"id": "wise", "targets": ["other/sage"], "overflow": None, "hint": None}
TENANT = {"id": "beta", "weight": 2.0, "models": "{}", "fetch_urls": False, "state": "active"}
KEY = {
    "tenant": "beta", "id": "app", "digest": b"1" * 32, "pepper_version": "", "former": None, "former_until": None,
    "priority": "conversation", "priority_max": "supervised", "limits": "{}", "models": ["*"], "endpoints": ["*"],
    "addresses": [], "expires_at": None, "revoked_at": None,
}  # fmt: skip
BUDGET = {
    "id": "b-1", "tenant": "beta", "key": None, "period": "month", "anchor_day": 5, "limit_nusd": 9,
    "enforce": "soft",
}  # fmt: skip


def stored(**tables: list[dict[str, Any]]) -> StoredConfiguration:
    rows: dict[str, list[dict[str, Any]]] = {
        "providers": [PROVIDER], "pools": [POOL], "models": [MODEL], "tenants": [TENANT], "tenant_keys": [KEY],
        "budgets": [BUDGET], **tables,
    }  # fmt: skip
    return StoredConfiguration(5, **{table: tuple(of) for table, of in rows.items()})


def put_together(settings: Settings, of: StoredConfiguration, before: Assembled | None = None) -> Assembled:
    return assemble(settings.declared, of, before or Assembled(settings.snapshot))


def key_of(snapshot: Snapshot, tenant: str, id_: str) -> TenantKey | None:
    found = (key for key in snapshot.tenant_keys.values() if (key.tenant.id, key.id) == (tenant, id_))
    return next(found, None)


def test_rows_stand_beside_the_file(tmp_path: Path) -> None:
    made = put_together(load_text(VALID, tmp_path), stored())
    snapshot = made.snapshot
    assert made.refused == () and snapshot.generation == 5
    assert list(snapshot.providers) == ["openai", "local", "other"]
    [pool] = [key for key in snapshot.provider_keys if key.id == "other-1"]
    assert pool.limits == Limits(rpm=7) and pool.weight == 2.0 and pool.secret is not None
    assert str(snapshot.routes["wise"].targets[0]) == "other/sage" and "smart" in snapshot.routes
    key = snapshot.tenant_keys[b"1" * 32]
    assert (key.id, key.tenant.weight, key.stored, key.standing) == ("app", 2.0, True, None)
    assert [budget.id for budget in snapshot.budgets_of(key)] == ["b-1"]
    assert snapshot.keys_for(key.tenant, snapshot.routes["wise"].targets[0]) == (pool,)


def test_what_the_file_names_the_file_says_but_for_what_it_has_no_word_for(tmp_path: Path) -> None:
    rows = stored(
        providers=[PROVIDER, {**PROVIDER, "id": "openai", "base_url": "https://evil.example/v1"}],
        pools=[{**POOL, "id": "openai-1", "state": "draining"}],
        tenants=[{**TENANT, "id": "acme", "weight": 9.0}],
        tenant_keys=[{**KEY, "tenant": "acme", "id": "web"}, {**KEY, "tenant": "acme", "digest": b"2" * 32}],
        budgets=[{**BUDGET, "tenant": "acme", "key": "web"}, {**BUDGET, "id": "all", "tenant": "*"}],
    )
    made = put_together(load_text(VALID, tmp_path), rows)
    snapshot = made.snapshot
    assert made.refused == ()
    assert snapshot.providers["openai"].origin.host == "api.openai.com"
    pool = snapshot.provider_keys[0]
    assert (pool.provider.id, pool.limits.rpm, pool.state) == ("openai", 100, "draining")
    assert snapshot.tenants["acme"].weight == 2
    web, app = key_of(snapshot, "acme", "web"), key_of(snapshot, "acme", "app")
    assert web is not None and not web.stored and app is not None and app.tenant is web.tenant
    assert [budget.id for budget in snapshot.budgets_of(web)] == ["all", "acme:month", "b-1"]
    assert snapshot.keys_for(web.tenant, snapshot.routes["smart"].targets[0]) == ()  # it takes no new work


def test_a_row_that_cannot_stand_is_left_out_with_all_that_stands_on_it(tmp_path: Path) -> None:
    rows = stored(providers=[{**PROVIDER, "base_url": "http://other.example/v1"}])
    made = put_together(load_text(VALID, tmp_path), rows)
    assert list(made.snapshot.providers) == ["openai", "local"]
    assert "wise" not in made.snapshot.routes and made.snapshot.tenant_keys[b"1" * 32]
    refused = [line.partition(": ")[0] for line in made.refused]
    assert refused == ["models wise", "pools other-1", "providers other"]
    assert made.refused[2] == (
        "providers other: base_url: http:// sends the secret in clear; use https://, or say insecure_http: true"
    )


def test_a_route_that_overflows_to_a_paid_provider_is_left_out(tmp_path: Path) -> None:
    made = put_together(load_text(VALID, tmp_path), stored(models=[{**MODEL, "overflow": "other/small"}]))
    assert "wise" not in made.snapshot.routes
    [line] = made.refused
    assert line.startswith("models wise: overflow: `other` is not local: ")


def test_what_a_row_was_when_it_was_good_stays_in_its_place(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    good = put_together(settings, stored())
    bad = stored(
        pools=[{**POOL, "secret": "env:KAZE_PROVIDER_NO_SUCH", "limits": '{"rpm": 70}'}],
        tenant_keys=[{**KEY, "limits": '{"rpm": -1}'}],
        models=[{**MODEL, "targets": ["nowhere/x"]}],
    )
    made = put_together(settings, bad, good)
    assert len(made.refused) == 3 and "NO_SUCH is not set" in made.refused[1]
    for before, after in zip(good.snapshot.provider_keys, made.snapshot.provider_keys, strict=True):
        assert after is before
    assert made.snapshot.routes["wise"] is good.snapshot.routes["wise"]
    assert made.snapshot.tenant_keys[b"1" * 32] is good.snapshot.tenant_keys[b"1" * 32]
    gone = put_together(settings, stored(pools=[], models=[], tenant_keys=[]), made)
    assert (
        gone.refused == ()
        and "wise" not in gone.snapshot.routes
        and b"1" * 32 not in gone.snapshot.tenant_keys
    )


def test_a_state_holds_whatever_else_is_wrong(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    good = put_together(settings, stored())
    bad = {**POOL, "limits": "[]", "state": "disabled"}
    made = put_together(
        settings, stored(pools=[bad], tenants=[{**TENANT, "weight": 0.0, "state": "suspended"}]), good
    )
    assert {key.id: key.state for key in made.snapshot.provider_keys}["other-1"] == "disabled"
    assert key_of(made.snapshot, "beta", "app") is None


def test_suspended_and_deleted_tenants_have_no_keys_and_their_names_break_nothing(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    rows = stored(
        tenants=[{**TENANT, "state": "deleted"}, {**TENANT, "id": "acme", "state": "suspended"}],
        pools=[{**POOL, "tenants": ["beta", "acme"]}],
    )
    made = put_together(settings, rows)
    assert made.refused == () and made.snapshot.tenant_keys == {}
    assert list(made.snapshot.tenants) == ["acme"]


def test_keys_that_end_and_values_that_are_taken(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    taken = next(iter(settings.snapshot.tenant_keys))
    rotated = {
        **KEY, "former": [b"0" * 32, b"9" * 32], "former_until": [NOW, NOW + timedelta(hours=1)],
        "expires_at": NOW + timedelta(days=1),
    }  # fmt: skip
    scoped = {**KEY, "id": "narrow", "digest": b"3" * 32, "models": ["gpt-*"], "addresses": ["10.0.0.0/8"]}
    rows = [rotated, scoped, {**KEY, "id": "thief", "digest": taken}, {**KEY, "tenant": "nobody"}]
    made = put_together(settings, stored(tenant_keys=rows))
    snapshot = made.snapshot
    assert (
        snapshot.tenant_keys[b"0" * 32] is snapshot.tenant_keys[b"1" * 32] is snapshot.tenant_keys[b"9" * 32]
    )
    standing = snapshot.tenant_keys[b"1" * 32].standing
    assert standing is not None
    assert [value.until for value in standing.values] == [None, NOW, NOW + timedelta(hours=1)]
    narrow = snapshot.tenant_keys[b"3" * 32]
    assert (
        narrow.scope.models == ("gpt-*",) and narrow.standing is None and narrow.scope.addresses is not None
    )
    assert snapshot.tenant_keys[taken].id == "web"
    assert made.refused == (
        "tenant_keys beta/thief: has the same value as another key",
        "tenant_keys nobody/app: its tenant does not exist",
    )


def test_what_one_key_had_takes_nothing_from_another(tmp_path: Path) -> None:
    """However such rows came about, and whichever is first."""
    settings = load_text(VALID, tmp_path)
    of_file = next(iter(settings.snapshot.tenant_keys))
    rotated = {**KEY, "id": "rotated", "former": [b"2" * 32], "former_until": [NOW]}
    present = {**KEY, "id": "present", "digest": b"2" * 32}
    had_files = {**KEY, "id": "third", "digest": b"3" * 32, "former": [of_file], "former_until": [NOW]}
    rows = [rotated, present, had_files]
    for order in (rows, rows[::-1]):
        made = put_together(settings, stored(tenant_keys=order))
        found = {by: key.id for by, key in made.snapshot.tenant_keys.items() if key.stored}
        assert found == {b"1" * 32: "rotated", b"2" * 32: "present", b"3" * 32: "third"}
        assert made.snapshot.tenant_keys[of_file].id == "web" and made.refused == ()


def test_what_does_not_change_stays_the_same_object(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    one = put_together(settings, stored())
    wider = {**POOL, "limits": '{"rpm": 8}'}
    two = put_together(settings, replace(stored(pools=[wider]), generation=6), one)
    assert two.snapshot.generation == 6
    assert [a is b for a, b in zip(one.snapshot.provider_keys, two.snapshot.provider_keys, strict=True)] == [
        True, False, True,
    ]  # fmt: skip
    for name in ("providers", "routes", "tenants", "tenant_keys"):
        before, after = getattr(one.snapshot, name), getattr(two.snapshot, name)
        assert all(after[id_] is thing for id_, thing in before.items()), name


def _own_secrets(data_dir: Path, elsewhere: Path) -> list[str]:
    """References that no row may have. The directory has other names, too."""
    (elsewhere / "link").symlink_to(data_dir)
    return [
        "env:KAZE_KEY_PEPPER", "env:KAZE_ADMIN_KEY", "env:KAZE_DATABASE_URL",
        "env:KEY_A",  # a tenant's key: whoever knows it is that tenant
        f"file:{data_dir}/pepper", f"file:{data_dir}/pg/../pepper", f"file:{elsewhere}/link/pepper",
        f"file:{elsewhere}/own-token", f"file:/{elsewhere}/own-token",
        "file:/proc/self/environ", "file://proc/1/environ", "file:/tmp/../proc/1/environ", "file:/dev/stdin",
        "file:/sys/kernel/x", "sk-a-literal-secret",
    ]  # fmt: skip


def test_a_row_cannot_have_the_gateways_own_secrets_sent_away(tmp_path: Path) -> None:
    """However it came into the table: the rule of the admin API, which rows were not always asked by."""
    token = tmp_path / "own-token"
    token.write_text("of-the-gateway-at-vault")
    auth = f"vault: {{address: 'https://vault:8200', auth: {{token: 'file:{token}'}}}}"
    settings = load_text(f"{VALID}\n{auth}\n", tmp_path)
    one = put_together(settings, stored())
    for reference in _own_secrets(settings.data_dir, tmp_path):
        pool = {**POOL, "secret": reference}
        made = put_together(settings, stored(pools=[pool]))
        assert [line.partition(": ")[0] for line in made.refused] == ["pools other-1"], reference
        assert reference not in made.refused[0]
        assert "other-1" not in {key.id for key in made.snapshot.provider_keys}
        # What the row was before stays in force.
        assert (
            put_together(settings, stored(pools=[pool]), one).snapshot.provider_keys
            == one.snapshot.provider_keys
        )
        provider = {**PROVIDER, "egress_proxy": "http://127.0.0.1:3128", "egress_proxy_auth": reference}
        made = put_together(settings, stored(providers=[provider]))
        assert made.refused[-1].startswith("providers other: egress_proxy_auth: "), made.refused
        assert "other" not in made.snapshot.providers


def among(tmp_path: Path, *places: str) -> Settings:
    """With a file that sets these aside for rows."""
    return load_text(f"{VALID}\nsecrets: {{rows_may_read: {json.dumps(places)}}}\n", tmp_path)


def refused(settings: Settings, secret: str) -> tuple[str, ...]:
    return put_together(settings, stored(pools=[{**POOL, "secret": secret}])).refused


def test_rows_refer_to_what_the_file_sets_aside_for_them(tmp_path: Path) -> None:
    for name in ("rows/one", "rows/deep/two", "beside", "rows-not"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("sk-of-the-provider")
    # As Kubernetes mounts secrets, and one that leads out.
    (tmp_path / "rows/link").symlink_to(tmp_path / "rows/deep/two")
    (tmp_path / "rows/out").symlink_to(tmp_path / "beside")
    (tmp_path / "rows/up").symlink_to(tmp_path)
    (tmp_path / "mounted").symlink_to(tmp_path / "rows")
    rows, mounted = f"file:{tmp_path}/rows", f"file:{tmp_path}/mounted"
    for place in (f"{rows}/*", f"{mounted}/*"):
        settings = among(tmp_path, place)
        for good in ("one", "deep/two", "deep/../one", "link"):
            assert refused(settings, f"{rows}/{good}") == (), good
            assert refused(settings, f"{mounted}/{good}") == (), good
        for bad in ("/../beside", "/out", "/up/beside", "-not", "/deep/../../beside", "/../rows-not"):
            assert refused(settings, f"{rows}{bad}") == (
                "pools other-1: secret: is not among the places that rows may refer to "
                f"(secrets.rows_may_read): {place}",
            ), bad
        assert len(refused(settings, "env:KAZE_PROVIDER_ROWS")) == 1
    # What the file names is the file's own affair: its pool has a secret from a variable.
    assert put_together(among(tmp_path), stored()).snapshot.provider_keys[0].secret is not None
    assert refused(among(tmp_path), f"{rows}/one")[0].endswith("(secrets.rows_may_read): none")
    assert refused(among(tmp_path, f"{rows}/one"), f"{rows}/one") == ()
    assert refused(among(tmp_path, f"{rows}/one"), f"{rows}/deep/two") != ()
    assert refused(among(tmp_path, "env:UPSTREAM"), "env:UPSTREAM") == ()


def test_not_even_a_file_that_sets_everything_aside_gives_the_gateways_own_away(tmp_path: Path) -> None:
    everything = among(tmp_path, "env:*", "file:/*", "vault:*")
    (tmp_path / "upstream").write_text("sk-of-the-provider")
    assert refused(everything, f"file:{tmp_path}/upstream") == ()
    for own in ("env:KAZE_ADMIN_KEY", f"file:{everything.data_dir}/pepper", "file:/proc/self/environ"):
        assert len(refused(everything, own)) == 1, own


def test_what_is_in_vault_is_set_aside_by_its_beginning() -> None:
    file = ConfigFile(secrets=SecretsSection(rows_may_read=("vault:kv/rows/*", "vault:kv/one#key")))
    rule = RowSecrets(None, file)
    for good in ("vault:kv/rows/groq#key", "vault:kv/rows/deep/groq#key", "vault:kv/one#key"):
        assert rule.why_not(good) is None
    for bad in ("vault:kv/rows-not/groq#key", "vault:kv/one#other", "vault:other/rows/groq#key"):
        assert rule.why_not(bad) is not None


def test_by_default_rows_have_vault_and_variables_of_their_own(tmp_path: Path) -> None:
    """Before there is a file as well."""
    for rule in (RowSecrets(None, None), RowSecrets(tmp_path, load_text(VALID, tmp_path).declared.file)):
        for good in ("vault:kv/anything#key", "env:KAZE_PROVIDER_GROQ"):
            assert rule.why_not(good) is None
        for bad in ("env:OPENAI_API_KEY", "env:PATH", "env:KAZE_PROVIDERS", "file:/etc/passwd", "file:/x"):
            assert rule.why_not(bad) is not None, bad


def test_a_narrower_rule_ends_what_stood_by_the_wider_one(tmp_path: Path) -> None:
    one = put_together(among(tmp_path, "env:*"), stored(pools=[{**POOL, "secret": "env:UPSTREAM"}]))
    assert one.refused == ()
    for row in ({**POOL, "secret": "env:UPSTREAM"}, {**POOL, "provider": "none"}):
        two = put_together(among(tmp_path, "env:KAZE_PROVIDER_*"), stored(pools=[row]), one)
        assert len(two.refused) == 1
        assert "other-1" not in {key.id for key in two.snapshot.provider_keys}

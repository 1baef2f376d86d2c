"""`kaze apply`: what it shows, what it makes and changes, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from tests.admin.conftest import Admin, Kaze, as_json
from tests.running import ProviderSim, configuration

DOTTED = """
budgets: [{period: day, usd: 3}]
tenants:
  - {id: all, budgets: [{period: day, usd: 4}]}
  - {id: c.web, budgets: [{period: day, usd: 1}]}
  - {id: c, keys: [{id: web, secret: env:DOTTED_KEY, budgets: [{period: day, usd: 2}]}]}
"""
FILE = """
providers:
  - {id: far, dialect: openai, base_url: https://far.example/v1}
pools:
  - {id: far-1, provider: far, secret: env:KAZE_PROVIDER_FAR, tenants: [client-a], limits: {rpm: 60}}
models:
  - {id: deep, targets: [far/deep-1]}
tenants:
  - id: client-a
    weight: 2
    models: {deep: far/deep-2}
    budgets: [{period: month, usd: 12.5}]
    keys:
      - {id: web, secret: env:CLIENT_A, limits: {rpm: 5}, budgets: [{period: day, usd: 1, enforce: soft}]}
"""


@pytest.mark.parametrize("name", ["client-a.web.day", "client-a.web.day.soft"])
async def test_apply_changes_whether_a_budget_is_hard_and_makes_no_other(
    admin: Admin, kaze: Kaze, tmp_path: Path, name: str
) -> None:
    await kaze("tenant", "create", "client-a")
    await admin.make("/tenants/client-a/keys", {"id": "web", "secret": "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R"})
    soft = {"id": name, "tenant": "client-a", "key": "web", "period": "day", "limit_nusd": 10**9}
    await admin.make("/budgets", {**soft, "enforce": "soft"})
    file = tmp_path / "wanted.yaml"
    for enforce in ("soft", "hard", "soft"):
        file.write_text(FILE.replace("enforce: soft", f"enforce: {enforce}"))
        await kaze("apply", "-f", str(file))
        rows = (await admin.get("/budgets"))["data"]
        found = [(row["id"], row["enforce"]) for row in rows if row["key"] == "web"]
        assert found == [(name, enforce)]
    both = "budgets: [{period: day, usd: 1, enforce: soft}, {period: day, usd: 2}]"
    file.write_text(FILE.replace("budgets: [{period: day, usd: 1, enforce: soft}]", both))
    await kaze("apply", "-f", str(file))
    rows = (await admin.get("/budgets"))["data"]
    assert [(row["id"], row["enforce"]) for row in rows if row["key"] == "web"] == [
        ("client-a.web.day", "hard"), ("client-a.web.day.soft", "soft")
    ]  # fmt: skip


@pytest.mark.parametrize("before", [False, True])
async def test_apply_makes_a_budget_each_where_dots_give_two_places_one_name(
    admin: Admin, kaze: Kaze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """The budget of before, of the tenant, keeps its name."""
    monkeypatch.setenv("DOTTED_KEY", "Hn3Vb7Kq2Zx9Rt5Wy8Mc4Lp6")
    file = tmp_path / "wanted.yaml"
    file.write_text(DOTTED)
    if before:
        await kaze("tenant", "create", "c.web")
        await admin.make(
            "/budgets", {"id": "c.web.day", "tenant": "c.web", "period": "day", "limit_nusd": 10**9}
        )
    await kaze("apply", "-f", str(file))
    assert {step["what"] for step in await as_json(kaze, "apply", "-f", str(file))} == {"same"}
    rows = {(row["tenant"], row["key"]): row for row in (await admin.get("/budgets"))["data"]}
    assert {scope: row["limit_nusd"] for scope, row in rows.items()} == {
        ("c.web", None): 10**9, ("c", "web"): 2 * 10**9, ("*", None): 3 * 10**9, ("all", None): 4 * 10**9
    }  # fmt: skip
    [named] = [scope for scope, row in rows.items() if row["id"] == "c.web.day"]
    assert named == (("c.web", None) if before else ("c", "web"))
    assert rows["*", None]["id"] == "all.day"


async def test_apply_shows_the_difference_and_then_makes_it(admin: Admin, kaze: Kaze, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE)
    names = ["provider far", "model deep", "tenant client-a", "pool far-1", "budget client-a.month",
             "key client-a:web", "budget client-a.web.day"]  # fmt: skip
    dry = await as_json(kaze, "apply", "-f", str(file), "--dry-run")
    assert [(step["what"], step["name"]) for step in dry] == [("create", name) for name in names]
    assert await admin.deeds() == []
    shown = await kaze("apply", "-f", str(file))
    assert shown.stdout.splitlines()[-1] == "7 applied"
    again = await as_json(kaze, "apply", "-f", str(file))
    assert {step["what"] for step in again} == {"same"}
    file.write_text(FILE.replace("weight: 2", "weight: 3").replace("usd: 12.5", "usd: 13"))
    changed = await kaze("apply", "-f", str(file), "--dry-run")
    assert "weight: 2.0 -> 3.0" in changed.stdout
    assert "limit_nusd: 12500000000 -> 13000000000" in changed.stdout
    await kaze("apply", "-f", str(file))
    assert (await admin.get("/tenants/client-a"))["weight"] == 3.0
    assert "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R" not in shown.output + changed.output
    file.write_text("tenants: [{id: client-a, weight: nonsense}]")
    assert "must be a number" in (await kaze("apply", "-f", str(file), status=1)).stderr


async def test_apply_does_or_refuses_all_that_a_file_may_say(
    admin: Admin, kaze: Kaze, tmp_path: Path
) -> None:
    file = tmp_path / "wanted.yaml"
    text = """
budgets: [{period: month, usd: 90, anchor: 15}, {period: day, usd: 4, enforce: soft}]
models: [{id: deep, targets: [sim/chat], overflow: own/small}]
providers: [{id: own, dialect: ollama, base_url: "http://127.0.0.1:1", local: true}]
"""
    file.write_text(text)
    await kaze("apply", "-f", str(file))
    made = await admin.get("/budgets/all.month")
    assert (made["scope"], made["anchor_day"], made["limit_nusd"]) == ("all", 15, 90_000_000_000)
    assert {step["what"] for step in await as_json(kaze, "apply", "-f", str(file))} == {"same"}
    # What the file does not say any more is the default again.
    file.write_text(text.replace(", overflow: own/small", "").replace(", anchor: 15", ""))
    changed = (await kaze("apply", "-f", str(file))).stdout
    assert 'overflow: "own/small" -> null' in changed and "anchor_day: 15 -> 1" in changed
    assert (await admin.get("/models/deep"))["overflow"] is None
    file.write_text("models: [{id: deep, targets: [sim/chat], overflow: sim/small}]")
    paid = await kaze("apply", "-f", str(file), status=1)
    assert "overflow: `sim` is not local" in paid.stderr
    # What the gateway's file has is left alone, and said to be another.
    file.write_text("tenants: [{id: a, weight: 7}]")
    assert "weight: 1.0 -> 7.0" in (await kaze("apply", "-f", str(file))).stdout
    # What is for the gateway's own file is refused, and then nothing is done.
    file.write_text(
        text.replace("deep", "deeper") + "prices: [{id: p, model: x, input: 1, output: 2}]\nport: 1"
    )
    refused = (await kaze("apply", "-f", str(file), status=1)).stderr.splitlines()
    assert [line.partition(": ")[2].split(": ")[0] for line in refused] == ["prices", "port"]
    assert (await admin.ask("GET", "/models/deeper")).status_code == 404
    # Two budgets that would have one name.
    file.write_text("""
budgets: [{period: month, usd: 90}, {period: month, usd: 91}]
""")
    assert "2 of the name budget all.month" in (await kaze("apply", "-f", str(file), status=1)).stderr


async def test_the_gateways_own_file_has_nothing_to_apply(
    admin: Admin, kaze: Kaze, sim: ProviderSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = admin.gateway
    for name, value in gateway.environ.items():
        monkeypatch.setenv(name, value)
    config = configuration(sim.openai_url, prices=[{"id": "p", "model": "x", "input": 1, "output": 2}])
    config["budgets"] = [{"period": "month", "usd": 90}]
    config["tenants"][0]["budgets"] = [{"period": "day", "usd": 2}]
    gateway.write(config)
    assert (await admin.ask("POST", "/config/reload")).status_code == 200
    budgets = {row["id"]: row["scope"] for row in await as_json(kaze, "budget", "list")}
    assert budgets == {"*:month": "all", "a:day": "tenant"}
    file = tmp_path / "same.yaml"
    file.write_text(json.dumps(config))
    steps = await as_json(kaze, "apply", "-f", str(file))
    assert {(step["what"], bool(step["fields"])) for step in steps} == {("leave alone", False)}
    assert "prices" in [step["name"] for step in steps]
    told = await as_json(kaze, "explain", "b", "smart")
    assert [row["scope"] for row in told["budgets"]] == ["*:month"]


async def test_apply_gives_a_key_its_new_value(
    admin: Admin, kaze: Kaze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE)
    await kaze("apply", "-f", str(file))
    monkeypatch.setenv("CLIENT_A", "Zq8Wm4Rt6Yp2Ls9Dk3Fh7Gj5")
    steps = await as_json(kaze, "apply", "-f", str(file))
    assert [step["name"] for step in steps if step["what"] == "rotate"] == ["key client-a:web"]
    assert (await admin.get("/keys/client-a:web"))["tail"] == "7Gj5"


async def test_apply_changes_a_key_and_its_value_at_once(
    admin: Admin, kaze: Kaze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE)
    await kaze("apply", "-f", str(file))
    monkeypatch.setenv("CLIENT_A", "Zq8Wm4Rt6Yp2Ls9Dk3Fh7Gj5")
    file.write_text(FILE.replace("rpm: 5}", "rpm: 6}"))
    shown = (await kaze("apply", "-f", str(file))).stdout.splitlines()
    assert [line for line in shown if line.startswith("~")] == [
        "~ change: key client-a:web", "~ rotate: key client-a:web"
    ]  # fmt: skip
    assert shown[-1] == "2 applied"
    key = await admin.get("/keys/client-a:web")
    assert (key["tail"], key["limits"]["rpm"]) == ("7Gj5", 6)


async def test_apply_does_all_or_nothing(
    admin: Admin, kaze: Kaze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the gateway refuses, and however late in the file it stands."""
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE)
    await kaze("apply", "-f", str(file))
    before = await admin.get("/tenants/client-a"), await admin.get("/keys/client-a:web")

    async def refused(why: str) -> None:
        deeds = await admin.deeds()
        for words in (["--dry-run"], []):
            told = await kaze("apply", "-f", str(file), *words, status=1)
            assert why in told.stderr and "Nothing was done." in told.stderr
            assert "applied" not in told.stdout
        assert await admin.deeds() == deeds
        assert (await admin.get("/tenants/client-a"), await admin.get("/keys/client-a:web")) == before

    # The new value of a key that ended.
    await admin.rows("UPDATE tenant_keys SET expires_at = now() - interval '1 s' RETURNING 1")
    before = await admin.get("/tenants/client-a"), await admin.get("/keys/client-a:web")
    monkeypatch.setenv("CLIENT_A", "Zq8Wm4Rt6Yp2Ls9Dk3Fh7Gj5")
    file.write_text(FILE.replace("weight: 2", "weight: 3") + "budgets: [{period: day, usd: 1}]\n")
    await refused("(keys.rotate client-a:web): This key ended at ")
    assert (await admin.ask("GET", "/budgets/all.day")).status_code == 404
    # A value that somebody else has.
    monkeypatch.setenv("CLIENT_A", "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R")
    more = "\n  - {id: client-b, keys: [{id: web, secret: env:CLIENT_A}]}\n"
    file.write_text(FILE.replace("weight: 2", "weight: 3").rstrip() + more)
    await refused("(keys.create client-b): There is a key of that value already.")
    assert (await admin.ask("GET", "/tenants/client-b")).status_code == 404


async def test_apply_says_first_what_is_gone_for_good(admin: Admin, kaze: Kaze, tmp_path: Path) -> None:
    file = tmp_path / "wanted.yaml"
    file.write_text(FILE)
    await kaze("apply", "-f", str(file))
    file.write_text(FILE.replace("weight: 2", "weight: 3") + "budgets: [{period: day, usd: 1}]\n")
    revoked = "key client-a:web was revoked, and its name cannot be had again: nothing was done"
    await kaze("key", "revoke", "client-a:web")
    for words in (["--dry-run"], []):
        refused = await kaze("apply", "-f", str(file), *words, status=1)
        assert (revoked in refused.stderr, refused.stdout) == (True, "")
    await admin.change("/pools/far-1", {"tenants": ["*"]})
    await admin.ask("DELETE", "/tenants/client-a")
    refused = await kaze("apply", "-f", str(file), status=1)
    deleted = "tenant client-a was deleted, and its name cannot be had again: nothing was done"
    assert (deleted in refused.stderr, refused.stdout) == (True, "")
    assert (await admin.get("/pools/far-1"))["tenants"] == ["*"]
    assert (await admin.ask("GET", "/budgets/all.day")).status_code == 404

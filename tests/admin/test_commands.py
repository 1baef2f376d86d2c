"""`kaze …` against a gateway with a database: what people see, what programs get, and what stays as it was."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.cli.fields import FieldError, merged, parsed
from tests.admin.conftest import Admin
from tests.admin.test_usage import used
from tests.clock import until
from tests.running import ADMIN_KEY, ProviderSim, configuration

Kaze = Callable[..., Any]
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


@pytest.fixture
def kaze(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Kaze:
    """Runs a command in a thread, as it waits for this loop's gateway."""
    monkeypatch.setenv("KAZE_ADMIN_URL", admin.gateway.admin_url)
    monkeypatch.setenv("KAZE_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("CLIENT_A", "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R")

    async def run(*words: str, status: int = 0) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(words))
        assert result.exit_code == status, (words, result.output)
        return result

    return run


async def as_json(kaze: Kaze, *words: str) -> Any:
    return json.loads((await kaze(*words, "--json")).stdout)


async def test_a_tenant_and_its_key_from_the_shell(admin: Admin, kaze: Kaze) -> None:
    await kaze("tenant", "create", "client-a", "--set", "name=Client A", "--set", "weight=2")
    assert "Client A" in (await kaze("tenant", "list")).stdout
    changed = await as_json(kaze, "tenant", "change", "client-a", "--set", 'models.smart=["sim/chat"]')
    assert (changed["weight"], changed["models"]) == (2.0, {"smart": ["sim/chat"]})
    refused = await kaze("key", "create", "client-a", "x", "--set", "secret=short", status=1)
    assert "secret: must have at least 20 characters" in refused.stderr
    made = await as_json(kaze, "key", "create", "client-a", "web", "--set", "limits.rpm=600")
    changed = await as_json(kaze, "key", "change", "client-a:web", "--set", "limits.concurrency=5")
    assert changed["limits"] == {"rpm": 600, "concurrency": 5}
    listed = await kaze("key", "list", "client-a")
    assert made["tail"] in listed.stdout
    assert made["secret"] not in listed.stdout
    rotated = await as_json(kaze, "key", "rotate", "web", "--overlap", "60")
    assert rotated["secret"] != made["secret"]
    assert (await kaze("key", "revoke", "web")).stdout == "revoked web\n"
    assert (await as_json(kaze, "tenant", "suspend", "client-a"))["state"] == "suspended"
    assert (await kaze("tenant", "delete", "client-a")).stdout == "deleted client-a\n"
    refused = await kaze("tenant", "create", "Not An Id", status=1)
    assert re.search(r"id: must be 1 to 64", refused.stderr)
    await admin.ask("DELETE", "/tenants/client-a", key="kza_unknown_0123456789")
    assert re.search(r"denied +admin key", (await kaze("audit", "list", "--outcome", "denied")).stdout)
    assert (await kaze("tenant", "show", "none", status=1)).stderr == "There is no such tenant.\n"
    await kaze("audit", "verify")
    assert (await kaze("audit", "verify", "--tenant", "none", status=1)).stderr == "There is no such chain.\n"
    (admin.data_dir / "audit-anchors").unlink()
    found = await kaze("audit", "verify", "--tenant", "client-a", status=1)
    assert "unanchored: audit-anchors has no head of rows 1 to" in found.stdout
    assert "keys.rotate" in (await kaze("audit", "list", "--tenant", "client-a")).stdout


async def test_of_a_key_of_the_file_it_is_not_known_when_it_was_used(kaze: Kaze) -> None:
    [key] = await as_json(kaze, "key", "list", "a")
    assert (key["source"], key["last_used_at"]) == ("file", None)
    assert "n/a (file)" in (await kaze("key", "list", "a")).stdout


async def test_help_gives_an_example_of_the_command_that_is_asked_about(kaze: Kaze) -> None:
    for verb in ("list", "show", "create", "change", "delete"):
        assert f"For example: kaze budget {verb}" in (await kaze("budget", verb, "--help")).stdout


async def test_pools_models_and_budgets_from_the_shell(kaze: Kaze) -> None:
    await kaze(
        "provider", "create", "far", "--set", "dialect=openai", "--set", "base_url=https://far.example/v1"
    )
    await kaze(
        "pool",
        "create",
        "p1",
        "--set",
        "provider=far",
        "--set",
        "secret=env:KAZE_PROVIDER_X",
        "--set",
        "tenants=a,b",
    )
    await kaze("model", "create", "org/deep", "--set", "targets=far/one,sim/chat")
    assert (await as_json(kaze, "model", "show", "org/deep"))["targets"] == ["far/one", "sim/chat"]
    assert (await as_json(kaze, "pool", "show", "p1"))["tenants"] == ["a", "b"]
    assert "sim" in (await kaze("pool", "list")).stdout
    assert (await as_json(kaze, "pool", "drain", "p1"))["state"] == "draining"
    assert (await as_json(kaze, "pool", "verify", "one"))["accepted"] is True
    made = await as_json(kaze, "budget", "create", "--set", "period=month", "--set", "usd=12.50")
    assert made["limit_nusd"] == 12_500_000_000
    assert made["id"] in (await kaze("budget", "list")).stdout
    for tenant, remarked in (("*", True), ("a", False)):
        said = await kaze(
            "budget", "create", "--set", f"tenant={tenant}", "--set", "period=day", "--set", "usd=1"
        )
        assert ("all tenants" in said.stderr) is remarked
    key = await as_json(kaze, "admin-key", "create", "ci", "--set", "role=auditor")
    assert key["secret"].startswith("kz_admin")
    assert "auditor" in (await kaze("admin-key", "list")).stdout


async def test_a_pool_that_is_not_in_force_says_why(admin: Admin, kaze: Kaze) -> None:
    await kaze("pool", "create", "p1", "--set", "provider=sim", "--set", "secret=env:KAZE_PROVIDER_NO_SUCH")
    await until(lambda: bool(admin.gateway.app.following.refused))
    [listed] = [line for line in (await kaze("pool", "list")).stdout.splitlines() if line.startswith("p1 ")]
    assert "NO_SUCH is not set" in listed
    shown = await as_json(kaze, "pool", "show", "p1")
    assert (shown["live"], "NO_SUCH is not set" in shown["problem"]) == (None, True)
    [one, two] = [row for row in await as_json(kaze, "pool", "list") if row["id"] != "p1"]
    assert one["problem"] is two["problem"] is None
    await kaze("pool", "rotate", "p1", "--set", "secret=env:KAZE_PROVIDER_KEY")
    await until(lambda: not admin.gateway.app.following.refused)
    assert (await as_json(kaze, "pool", "show", "p1"))["problem"] is None


async def test_usage_and_explain_from_the_shell(admin: Admin, kaze: Kaze) -> None:
    await used(admin)
    span = ("--from", "2026-11-01", "--to", "2026-12-01")
    assert (await kaze("usage", *span)).stdout.splitlines()[0].split()[:2] == ["tenant", "requests"]
    rows = await as_json(kaze, "usage", *span, "--by", "day")
    assert [row["cost_nusd"] for row in rows] == [111, 111]
    exported = (await kaze("usage", *span, "--export", "csv")).stdout.splitlines()
    assert len(exported) == 7
    told = (await kaze("explain", "b", "smart")).stdout
    assert "it is not for this tenant" in told
    assert (await as_json(kaze, "explain", "a", "smart"))["candidates"][0]["pool"] == "one"


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
budgets: [{period: month, usd: 90}]
tenants: [{id: all, budgets: [{period: month, usd: 1}]}]
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


async def test_names_are_shown_as_they_are(kaze: Kaze, tmp_path: Path) -> None:
    await kaze("tenant", "create", "t1", "--set", "name=Bücher & 猫 \u202e\u009b")
    await kaze("tenant", "create", "t2", "--set", "name=Second")
    first, second = [
        line for line in (await kaze("tenant", "list")).stdout.splitlines() if line.startswith("t")
    ][-2:]
    assert "Bücher & 猫 \\u202e\\x9b" in first
    assert second.index("active") == first.index("active") + 1  # 猫 takes two places


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


def test_fields_as_they_are_typed() -> None:
    assert parsed(["a=1", "b=text", "c.d=true", "c.e=null", "targets=x/y,z/w", "weight=2", "usd=0.1"]) == {
        "a": 1, "b": "text", "c": {"d": True, "e": None}, "targets": ["x/y", "z/w"], "weight": 2.0,
        "limit_nusd": 100_000_000,
    }  # fmt: skip
    there = {"limits": {"rpm": 1, "tpm": 2}, "models": ["*"]}
    assert merged(there, {"limits": {"rpm": 5}, "models": ["a"]}) == {
        "limits": {"rpm": 5, "tpm": 2}, "models": ["a"]
    }  # fmt: skip
    assert parsed(["usd=1e9"]) == {"limit_nusd": 10**18}
    assert parsed(["usd=1.1000000000000"]) == {"limit_nusd": 1_100_000_000}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nothing", "takes name=value"),
        ("=1", "takes name=value"),
        ("usd=much", "such as 12.50"),
        ("usd=nan", "such as 12.50"),
        ("usd=Infinity", "such as 12.50"),
        ("usd=1e30", "at most 1,000,000,000"),
        ("usd=1e999999999", "at most 1,000,000,000"),
        ("usd=-1", "at least 0"),
        ("usd=0.0000000001", "no finer than a billionth"),
        ("usd=1e-999999", "no finer than a billionth"),
    ],
)
def test_a_field_that_is_wrong_is_told_why(wrong: str, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        parsed([wrong])


@pytest.mark.parametrize(
    "command", ["tenant", "provider", "pool", "model", "budget", "admin-key", "key", "lost-worker"]
)
def test_every_command_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"]).output
    assert f"kaze {command}" in " ".join(shown.split())

"""`kaze …` against a gateway with a database: what people see, what programs get, and what stays as it was."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.fields import FieldError, merged, parsed
from tests.admin.conftest import Admin, Kaze, as_json
from tests.admin.test_usage import used
from tests.clock import until


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


async def test_names_are_shown_as_they_are(kaze: Kaze, tmp_path: Path) -> None:
    await kaze("tenant", "create", "t1", "--set", "name=Bücher & 猫 \u202e\u009b")
    await kaze("tenant", "create", "t2", "--set", "name=Second")
    first, second = [
        line for line in (await kaze("tenant", "list")).stdout.splitlines() if line.startswith("t")
    ][-2:]
    assert "Bücher & 猫 \\u202e\\x9b" in first
    assert second.index("active") == first.index("active") + 1  # 猫 takes two places


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

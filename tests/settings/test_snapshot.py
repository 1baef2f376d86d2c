"""What a file becomes, and that it cannot be changed afterwards."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import get_args

import pytest

from gateway.settings.apis import APIS, DIALECTS, FLAVOURS, default_apis, default_flavour
from gateway.settings.schema_bounds import BoundsSection
from gateway.settings.schema_types import Dialect, Flavour, Priority
from gateway.settings.snapshot import PRIORITIES, Bounds, Budget, Limits, Queue
from keys.digest import digest
from tests.settings.loading import KEY_A, KEY_B, PEPPER, VALID, load_text


def test_the_valid_file(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    snapshot = settings.snapshot
    assert not settings.companions and settings.created == () and settings.warnings == ()
    openai, local = snapshot.providers["openai"], snapshot.providers["local"]
    assert (str(openai.origin), openai.base_path, openai.flavour) == (
        "https://api.openai.com:443",
        "/v1",
        "openai",
    )
    assert openai.echo_model and "responses" in openai.apis and "responses" not in local.apis
    key, implicit = snapshot.provider_keys
    assert key.provider is openai and key.secret is not None and key.secret.reveal() == "upstream-secret"
    assert (key.tenants, key.limits, key.burst_s) == (frozenset({"acme"}), Limits(rpm=100, concurrency=4), 10)
    assert key.model_limits == (("gpt-6-astra*", Limits(rpm=5)),)
    assert implicit.id == "local" and implicit.provider is local and implicit.secret is None
    assert snapshot.routes["fast"].targets[0].provider is openai
    assert str(snapshot.routes["fast"].overflow) == "local/llama3.2"
    tenant = snapshot.tenants["acme"]
    assert tenant.weight == 2 and tenant.budgets == (Budget("month", 100_000_000, id="acme:month"),)
    assert [str(target) for target in tenant.models["smart"]] == ["openai/gpt-6.1-sol"]
    web, batch = (snapshot.tenant_keys[digest(PEPPER.encode(), value)] for value in (KEY_A, KEY_B))
    assert web.tenant is tenant and (web.priority, web.limits) == ("conversation", Limits(rpm=6))
    assert (batch.id, batch.priority, batch.priority_max) == ("batch", "evaluation", "scheduled")
    assert snapshot.queue == Queue(depth_max=10) and snapshot.bounds == Bounds(commit_after_s=3)
    assert (snapshot.on_ledger_loss, snapshot.on_disconnect, snapshot.generation) == ("closed", "drain", 1)
    assert dict(snapshot.capabilities["llama*"]) == {"ctx": 1000, "sampling": True}


def test_nothing_in_it_can_be_changed(tmp_path: Path) -> None:
    settings = load_text(VALID, tmp_path)
    snapshot = settings.snapshot
    for thing in (settings, snapshot, snapshot.bounds, snapshot.provider_keys[0], snapshot.tenants["acme"]):
        name = fields(thing)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)
    mappings = (
        snapshot.providers,
        snapshot.routes,
        snapshot.tenants,
        snapshot.tenant_keys,
        snapshot.tenants["acme"].models,
        snapshot.capabilities,
        snapshot.capabilities["llama*"],
    )
    for mapping in mappings:
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


def test_a_secret_is_neither_copied_nor_pickled(tmp_path: Path) -> None:
    secret = load_text(VALID, tmp_path).snapshot.provider_keys[0].secret
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            duplicate(secret)  # type: ignore[operator]


def test_the_schema_names_what_the_snapshot_has() -> None:
    assert get_args(Priority) == PRIORITIES
    assert set(get_args(Flavour)) == set(FLAVOURS)
    assert get_args(Dialect) == DIALECTS
    assert BoundsSection().model_dump() == {one.name: getattr(Bounds(), one.name) for one in fields(Bounds)}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_only_openai_azure_and_the_scripted_one_speak_responses(dialect: str, flavour: str) -> None:
    apis = default_apis(dialect, flavour)
    assert apis and apis <= APIS
    assert ("responses" in apis) == (
        dialect == "azure" or (dialect == "openai" and flavour in ("openai", "sim"))
    )


@pytest.mark.parametrize(
    ("host", "flavour"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("api.groq.com", "groq"),
        ("api.mistral.ai", "mistral"),
        ("api.deepseek.com", "deepseek"),
        ("api.x.ai", "xai"),
        ("openrouter.ai", "openrouter"),
        ("api.together.xyz", "together"),
        ("api.openai.com.evil.example", "generic"),
        ("notapi.openai.com", "generic"),
    ],
)
def test_flavour_of_well_known_hosts(host: str, flavour: str) -> None:
    assert default_flavour("openai", host) == flavour


def test_deepseek_is_given_without_a_version(tmp_path: Path) -> None:
    text = "providers: [{id: d, dialect: openai, base_url: https://api.deepseek.com, local: true}]"
    assert load_text(text, tmp_path).snapshot.providers["d"].base_path == ""


def test_merge_keys_and_short_lists(tmp_path: Path) -> None:
    text = """\
    providers: [{id: a, dialect: openai, base_url: "https://a.example/v1/"}]
    pools:
      - &base {id: one, provider: a, secret: env:UPSTREAM, limits: {rpm: 5}, tenants: "*"}
      - {<<: *base, id: two, models: "gpt-*"}
    models: [{id: m, targets: a/x}]
    """
    snapshot = load_text(text, tmp_path).snapshot
    assert [(key.id, key.limits.rpm, key.models) for key in snapshot.provider_keys] == [
        ("one", 5, ("*",)),
        ("two", 5, ("gpt-*",)),
    ]
    assert snapshot.providers["a"].base_path == "/v1" and len(snapshot.routes["m"].targets) == 1

"""Where a request can be served: only what the tenant may use, refusals that tell nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.health_table import HealthTable
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.clock import SystemClock
from gateway.errors import MODEL_NOT_FOUND, NO_ELIGIBLE_KEY, OBJECT_NOT_FOUND, UNSUPPORTED_ENDPOINT
from gateway.pipeline import router as router_module
from gateway.pipeline.account import Accounts
from gateway.pipeline.router import Router
from gateway.settings.model_facts import ModelFacts
from gateway.settings.snapshot import Snapshot, Target, Tenant
from tests.pipeline.parts import provider, provider_key, refused, snapshot

A, B = Tenant("a"), Tenant("b")


def router(of: Snapshot) -> Router:
    clock = SystemClock()
    time = LedgerTime(clock)
    accounts = Accounts(MemoryLedger(time), of.provider_keys, 0, time.now())
    return Router(of, accounts, HealthTable(of.provider_keys), time, clock)


@given(
    owners=st.lists(st.one_of(st.none(), st.sets(st.sampled_from("ab"))), min_size=1, max_size=6),
    tenant=st.sampled_from([A, B]),
)
def test_only_keys_that_the_tenant_may_use(owners: list[set[str] | None], tenant: Tenant) -> None:
    only = provider()
    keys = [provider_key(f"k{number}", only, owner) for number, owner in enumerate(owners)]
    routes = router(snapshot(keys, {"m": (Target(only, "x"),)}))
    allowed = [key for key in keys if key.tenants is None or tenant.id in key.tenants]
    for name in ("m", "p/x"):
        if allowed:
            (ways,) = routes.candidates(tenant, name, "chat").targets
            assert [way.account.key for way in ways] == allowed
        else:
            refused(
                NO_ELIGIBLE_KEY if name == "m" else MODEL_NOT_FOUND,
                lambda name=name: routes.candidates(tenant, name, "chat"),
            )


def test_without_a_model_one_provider_serves() -> None:
    first, second = provider("p", ["chat"]), provider("q", ["files"])
    keys = [
        provider_key("p1", first), provider_key("q1", second, ["a"]), provider_key("q2", second, ["b"]),
    ]  # fmt: skip
    routes = router(snapshot(keys))
    (ways,) = routes.without_model(A, "files", None).targets
    assert [(way.target, way.key_id) for way in ways] == [(None, "q1")]
    assert routes.without_model(B, "files", "q2").targets[0][0].key_id == "q2"
    refused(OBJECT_NOT_FOUND, lambda: routes.without_model(A, "files", "q2"))
    refused(OBJECT_NOT_FOUND, lambda: routes.without_model(A, "files", "nothing"))
    refused(UNSUPPORTED_ENDPOINT, lambda: routes.without_model(A, "batches", None))


@pytest.mark.parametrize("api", ["chat", "files", "rerank"])
@pytest.mark.parametrize("model", ["hidden/x", "nothing/x", "nothing", "hidden/", "/x", "", "hidden"])
def test_a_refusal_does_not_tell_what_exists_for_others(api: str, model: str) -> None:
    """A provider that is not this tenant's and one that does not exist look the same, on every API."""
    hidden = provider("hidden")
    routes = router(snapshot([provider_key("k", hidden, ["b"]), provider_key("own", provider("p"))]))
    error = refused(MODEL_NOT_FOUND, lambda: routes.candidates(A, model, api))
    assert error.message == f"The model `{model}` does not exist or you do not have access to it."
    assert error.param == "model"


def test_an_api_that_the_provider_does_not_speak_is_told_to_who_may_use_it() -> None:
    routes = router(snapshot([provider_key("k", provider())]))
    assert refused(UNSUPPORTED_ENDPOINT, lambda: routes.candidates(A, "p/x", "rerank")).param == "model"


def test_a_key_serves_only_its_models() -> None:
    only = provider()
    routes = router(snapshot([provider_key("k", only, models=("gpt-*",)), provider_key("all", only)]))
    for model, keys in (("p/gpt-6", ["k", "all"]), ("p/other", ["all"]), ("p/GPT-6", ["all"])):
        (ways,) = routes.candidates(A, model, "chat").targets
        assert [way.key_id for way in ways] == keys


def test_what_is_remembered_of_callers_names_has_a_bound() -> None:
    routes = router(snapshot([provider_key("k", provider())]))
    first: Any = routes.candidates(A, "p/0", "chat")
    assert routes.candidates(A, "p/0", "chat") is first, "worked out once"
    for number in range(2 * router_module._CACHE_MAX + 10):
        routes.candidates(A, f"p/{number}", "chat")
        assert len(routes._candidates) <= router_module._CACHE_MAX


def test_plain_requests_go_as_they_came_to_servers_that_lack_something() -> None:
    """Only what has a field that such a server knows by another name has to be looked at."""
    routes = router(snapshot([provider_key("k", provider())]))
    found = routes.candidates(A, "p/x", "chat")
    assert found.takes_as_it_is({"model": 0, "messages": 0, "max_tokens": 0})
    assert not found.takes_as_it_is({"model": 0, "messages": 0, "max_completion_tokens": 0})


def test_what_is_said_of_a_model_holds_from_the_next_configuration_on() -> None:
    of = provider()
    key = provider_key("k", of)
    before, after = Target(of, "x"), Target(of, "x", facts=ModelFacts({"vision": False}))
    routes = router(snapshot([key], {"m": (before,)}))
    assert routes.candidates(A, "m", "chat").targets[0][0].target is before
    routes.configure(snapshot([key], {"m": (after,)}))
    assert routes.candidates(A, "m", "chat").targets[0][0].target is after

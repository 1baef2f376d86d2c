"""Which provider key serves: fair by load and turn, only what the tenant may use, refusals that tell nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.admission.accounts import Account
from gateway.errors import MODEL_NOT_FOUND, NO_ELIGIBLE_KEY, OBJECT_NOT_FOUND, UNSUPPORTED_ENDPOINT
from gateway.pipeline import admit
from gateway.pipeline.admit import Admission, Permit
from gateway.settings.snapshot import Target, Tenant
from tests.pipeline.parts import provider, provider_key, refused, snapshot

A, B = Tenant("a"), Tenant("b")


class LeastInFlightThenInTurn(RuleBasedStateMachine):
    """Against a model that is a plain list: per key, what is in flight and the turn of its last use."""

    def __init__(self) -> None:
        super().__init__()
        only = provider()
        self.keys = [provider_key(f"k{number}", only) for number in range(4)]
        self.admission = Admission(snapshot(self.keys, {"m": (Target(only, "x"),)}))
        self.candidates = self.admission.candidates(A, "m", "chat")
        self.in_flight = [0] * 4
        self.used = [0] * 4
        self.turn = 0
        self.permits: list[Permit] = []

    @rule(tried=st.sets(st.integers(0, 3)))
    def take(self, tried: set[int]) -> None:
        accounts = [self.admission.accounts.by_key[key] for key in self.keys]
        permit = self.admission.take(self.candidates, None, [accounts[number] for number in tried])
        left = [number for number in range(4) if number not in tried]
        if not left:
            assert permit is None
            return
        best = min(left, key=lambda number: (self.in_flight[number], self.used[number], number))
        assert permit is not None
        assert permit.account is accounts[best]
        self.turn += 1
        self.in_flight[best] += 1
        self.used[best] = self.turn
        self.permits.append(permit)

    @precondition(lambda self: self.permits)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        permit = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        self.admission.accounts.give_back(permit.account)
        self.in_flight[self.keys.index(permit.account.key)] -= 1

    @invariant()
    def what_is_in_flight_is_known(self) -> None:
        assert [self.admission.accounts.by_key[key].in_flight for key in self.keys] == self.in_flight


TestLeastInFlightThenInTurn = LeastInFlightThenInTurn.TestCase


def test_a_place_is_given_back_once() -> None:
    key = provider_key("k", provider())
    accounts = Admission(snapshot([key])).accounts
    taken = accounts.take([accounts.by_key[key]])
    assert taken is not None
    accounts.give_back(taken)
    with pytest.raises(AssertionError):
        accounts.give_back(taken)


@given(
    owners=st.lists(st.one_of(st.none(), st.sets(st.sampled_from("ab"))), min_size=1, max_size=6),
    tenant=st.sampled_from([A, B]),
)
def test_only_keys_that_the_tenant_may_use(owners: list[set[str] | None], tenant: Tenant) -> None:
    only = provider()
    keys = [provider_key(f"k{number}", only, owner) for number, owner in enumerate(owners)]
    admission = Admission(snapshot(keys, {"m": (Target(only, "x"),)}))
    allowed = [key for key in keys if key.tenants is None or tenant.id in key.tenants]
    for name in ("m", "p/x"):
        if allowed:
            ((_, accounts),) = admission.candidates(tenant, name, "chat").by_target
            assert [account.key for account in accounts] == allowed
        else:
            refused(
                NO_ELIGIBLE_KEY if name == "m" else MODEL_NOT_FOUND,
                lambda name=name: admission.candidates(tenant, name, "chat"),
            )


def two_targets() -> tuple[Admission, list[Account]]:
    first, second = provider("p"), provider("q")
    keys = [provider_key("p1", first), provider_key("p2", first), provider_key("q1", second)]
    admission = Admission(snapshot(keys, {"m": (Target(first, "x"), Target(second, "y"))}))
    return admission, [admission.accounts.by_key[key] for key in keys]


def test_targets_in_order_of_preference_whatever_their_load() -> None:
    admission, accounts = two_targets()
    candidates = admission.candidates(A, "m", "chat")
    taken = [admission.take(candidates, None, accounts[:tried]) for tried in (0, 0, 0, 2, 3)]
    assert [permit and permit.account.key.id for permit in taken] == ["p1", "p2", "p1", "q1", None]
    assert [permit and str(permit.target) for permit in taken] == ["p/x", "p/x", "p/x", "q/y", None]


def test_pinned_to_the_owner_of_an_object_or_nowhere() -> None:
    admission, (_, second, _) = two_targets()
    candidates = admission.candidates(A, "m", "chat")
    for _ in range(3):
        permit = admission.take(candidates, "p2", ())
        assert permit is not None
        assert permit.account is second
    assert admission.take(candidates, "p2", [second]) is None
    assert admission.take(candidates, "gone", ()) is None


def test_without_a_model_one_provider_serves() -> None:
    first, second = provider("p", ["chat"]), provider("q", ["files"])
    keys = [
        provider_key("p1", first), provider_key("q1", second, ["a"]), provider_key("q2", second, ["b"]),
    ]  # fmt: skip
    admission = Admission(snapshot(keys))
    ((target, accounts),) = admission.without_model(A, "files", None).by_target
    assert (target, [account.key.id for account in accounts]) == (None, ["q1"])
    assert admission.without_model(B, "files", "q2").by_target[0][1][0].key.id == "q2"
    refused(OBJECT_NOT_FOUND, lambda: admission.without_model(A, "files", "q2"))
    refused(OBJECT_NOT_FOUND, lambda: admission.without_model(A, "files", "nothing"))
    refused(UNSUPPORTED_ENDPOINT, lambda: admission.without_model(A, "batches", None))


@pytest.mark.parametrize("api", ["chat", "files", "rerank"])
@pytest.mark.parametrize("model", ["hidden/x", "nothing/x", "nothing", "hidden/", "/x", "", "hidden"])
def test_a_refusal_does_not_tell_what_exists_for_others(api: str, model: str) -> None:
    """A provider that is not this tenant's and one that does not exist look the same, on every API."""
    hidden = provider("hidden")
    admission = Admission(snapshot([provider_key("k", hidden, ["b"]), provider_key("own", provider("p"))]))
    error = refused(MODEL_NOT_FOUND, lambda: admission.candidates(A, model, api))
    assert error.message == f"The model `{model}` does not exist or you do not have access to it."
    assert error.param == "model"


def test_an_api_that_the_provider_does_not_speak_is_told_to_who_may_use_it() -> None:
    admission = Admission(snapshot([provider_key("k", provider())]))
    assert refused(UNSUPPORTED_ENDPOINT, lambda: admission.candidates(A, "p/x", "rerank")).param == "model"


def test_a_key_serves_only_its_models() -> None:
    only = provider()
    admission = Admission(snapshot([provider_key("k", only, models=("gpt-*",)), provider_key("all", only)]))
    for model, keys in (("p/gpt-6", ["k", "all"]), ("p/other", ["all"]), ("p/GPT-6", ["all"])):
        ((_, accounts),) = admission.candidates(A, model, "chat").by_target
        assert [account.key.id for account in accounts] == keys


def test_what_is_remembered_of_callers_names_has_a_bound() -> None:
    admission = Admission(snapshot([provider_key("k", provider())]))
    first: Any = admission.candidates(A, "p/0", "chat")
    assert admission.candidates(A, "p/0", "chat") is first, "worked out once"
    for number in range(2 * admit._CACHE_MAX + 10):
        admission.candidates(A, f"p/{number}", "chat")
        assert len(admission._candidates) <= admit._CACHE_MAX

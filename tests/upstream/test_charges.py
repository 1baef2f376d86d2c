"""What a request charges at each provider (admission reference §1.2): at the start, at the end, when refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.charge import Charge, Estimate
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace
from gateway.upstream.adapter import adapter_of
from gateway.upstream.flavours import FLAVOURS
from gateway.upstream.observed import Observed
from gateway.upstream.tpm_rule import TpmEvidence
from tests.upstream.recordings import provider

PROVIDERS = {
    **{dialect: provider(dialect) for dialect in ("azure", "anthropic", "gemini", "ollama")},
    **{flavour: provider("openai", flavour) for flavour in FLAVOURS},
}
ESTIMATE = Estimate(input=900, input_upper=1000, output=300, output_max=4000, cached=500)
USAGE = Usage(input=950, output=200, cache_read=600, cache_write=50, reasoning=100, source="provider")
MORE = Usage(input=1100, output=5000, source="provider")

Units = tuple[int, int, int, int]
#: Provider, what it charges at the start, and what that becomes with `USAGE`, with `MORE`, and when refused.
TABLE = [
    ("openai", (1, 1000, 4000, 5000), (1, 950, 200, 4950), (1, 1100, 5000, 6100), (1, 1000, 4000, 5000)),
    ("azure", (1, 1000, 4000, 5000), (1, 950, 200, 4950), (1, 1100, 5000, 6100), (1, 1000, 4000, 5000)),
    ("anthropic", (1, 550, 300, 850), (1, 350, 200, 550), (1, 1100, 5000, 6100), (1, 550, 0, 550)),
    ("gemini", (1, 1000, 300, 1000), (1, 950, 200, 950), (1, 1100, 5000, 1100), (1, 1000, 0, 1000)),
    ("ollama", (1, 1000, 4000, 5000), (1, 950, 200, 1150), (1, 1100, 5000, 6100), (1, 0, 0, 0)),
    ("vllm", (1, 1000, 4000, 5000), (1, 950, 200, 1150), (1, 1100, 5000, 6100), (1, 0, 0, 0)),
    ("groq", (1, 1000, 4000, 5000), (1, 350, 200, 4350), (1, 1100, 5000, 6100), (1, 1000, 4000, 5000)),
]


@pytest.mark.parametrize(("name", "start", "used", "more", "refused"), TABLE)
def test_charges(name: str, start: Units, used: Units, more: Units, refused: Units) -> None:
    adapter = adapter_of(PROVIDERS[name])
    started = adapter.at_start(ESTIMATE)
    assert started == Charge(*start)
    assert adapter.at_end(USAGE, started) == Charge(*used)
    assert adapter.at_end(MORE, started) == Charge(*more)
    assert adapter.at_end(NO_USAGE, started) == started
    assert adapter.at_refusal(started) == Charge(*refused)


def test_the_larger_of_the_two_where_openai_has_shown_that_it_counts_so() -> None:
    adapter = adapter_of(PROVIDERS["openai"], "max")
    assert adapter.at_start(ESTIMATE) == Charge(1, 1000, 4000, 4000)
    assert adapter.at_start(replace(ESTIMATE, output_max=None)) == Charge(1, 1000, 300, 1000)
    assert adapter.at_end(MORE, Charge(1, 1000, 4000, 4000)).tokens == 5000


def test_without_a_bound_what_is_expected_counts() -> None:
    unbound = replace(ESTIMATE, output_max=None)
    assert adapter_of(PROVIDERS["openai"]).at_start(unbound) == Charge(1, 1000, 300, 1300)


def test_anthropic_does_not_count_max_tokens_but_no_more_than_it_is_expected() -> None:
    adapter = adapter_of(PROVIDERS["anthropic"])
    huge = replace(ESTIMATE, output_max=64_000)
    assert adapter.at_start(huge) == adapter.at_start(ESTIMATE)
    assert adapter.at_start(replace(ESTIMATE, output_max=5)).output == 5


def test_who_slices_a_minute() -> None:
    assert {name: adapter_of(one).request_slice_s for name, one in PROVIDERS.items()} == {
        name: 10.0 if name == "azure" else None for name in PROVIDERS
    }


_COUNT = st.integers(0, 10**9)
_ESTIMATES = st.builds(Estimate, _COUNT, _COUNT, _COUNT, st.none() | _COUNT, _COUNT)
_USAGES = st.builds(
    Usage, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, st.sampled_from(["provider", "estimated", "none"])
)


@given(st.sampled_from(sorted(PROVIDERS)), st.sampled_from(["sum", "max"]), _ESTIMATES, _USAGES)
def test_charges_are_whole_and_never_negative(
    name: str, rule: object, estimate: Estimate, usage: Usage
) -> None:
    adapter = adapter_of(PROVIDERS[name], rule)  # type: ignore[arg-type]
    started = adapter.at_start(estimate)
    ended = adapter.at_end(usage, started)
    for charge in (started, ended, adapter.at_refusal(started)):
        assert all(type(axis) is int and axis >= 0 for axis in charge)
        assert charge.requests == 1
    assert all(less <= more for less, more in zip(adapter.at_refusal(started), started, strict=True))
    if usage.source == "none":
        assert ended == started
    elif name not in ("anthropic", "gemini", "ollama", "vllm", "groq"):
        held = started.tokens - started.input if rule == "sum" else 0
        assert ended.tokens >= held  # of what was held for output nothing is given back
        assert ended.tokens >= max(usage.input, usage.output)
    elif name != "groq":
        assert ended.output == usage.output
        assert ended.input <= usage.input


@given(_ESTIMATES, st.integers(0, 5000))
def test_the_sum_is_never_below_the_larger(estimate: Estimate, more: int) -> None:
    openai = PROVIDERS["openai"]
    by_sum, by_max = adapter_of(openai).at_start(estimate), adapter_of(openai, "max").at_start(estimate)
    assert by_sum.tokens >= by_max.tokens
    raised = replace(estimate, input_upper=estimate.input_upper + more)
    assert adapter_of(openai).at_start(raised).tokens == by_sum.tokens + more


def seen(remaining: int | None, limit: int = 100_000) -> Observed:
    return Observed("tpm", limit, remaining, None)


def evidence(*falls: int, elapsed_s: float = 0.0) -> TpmEvidence:
    """After requests of 900 in and at most 4000 out, which took so much."""
    found = TpmEvidence()
    for fall in falls:
        found.add(ESTIMATE, seen(90_000), seen(90_000 - fall), elapsed_s)
    return found


def test_the_rule_is_the_safer_one_until_eight_requests_have_shown_the_other() -> None:
    assert evidence().rule == "sum"
    assert evidence(*[4000] * 7).rule == "sum"
    assert evidence(*[4000] * 8).rule == "max"
    assert evidence(*[4000] * 20, 4900).rule == "sum"
    assert evidence(4900, *[4000] * 20).rule == "sum"


def test_what_may_have_come_back_meanwhile_is_no_evidence() -> None:
    assert evidence(*[3000] * 20, elapsed_s=2.0).rule == "sum"  # 3333 may have come back
    assert evidence(*[4000] * 20, elapsed_s=0.1).rule == "max"


def test_what_shows_no_difference_is_no_evidence() -> None:
    found = TpmEvidence()
    for _ in range(20):
        found.add(replace(ESTIMATE, output_max=None), seen(90_000), seen(86_000), 0.0)
        found.add(replace(ESTIMATE, input=20), seen(90_000), seen(86_000), 0.0)
        found.add(ESTIMATE, seen(None), seen(86_000), 0.0)
        found.add(ESTIMATE, seen(90_000), seen(86_000, limit=200_000), 0.0)
        found.add(ESTIMATE, seen(90_000), seen(100_000), 0.0)
    assert found.rule == "sum"

"""What a request charges at each provider (admission reference §1.2): at the start, at the end, when refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.charge import Charge, Estimate
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace
from gateway.upstream.adapter import adapter_of
from gateway.upstream.flavours import FLAVOURS
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


@given(st.sampled_from(sorted(PROVIDERS)), _ESTIMATES, _USAGES)
def test_charges_are_whole_and_never_negative(name: str, estimate: Estimate, usage: Usage) -> None:
    adapter = adapter_of(PROVIDERS[name])
    started = adapter.at_start(estimate)
    ended = adapter.at_end(usage, started)
    for charge in (started, ended, adapter.at_refusal(started)):
        assert all(type(axis) is int and axis >= 0 for axis in charge)
        assert charge.requests == 1
    assert all(less <= more for less, more in zip(adapter.at_refusal(started), started, strict=True))
    if usage.source == "none":
        assert ended == started
    elif name not in ("anthropic", "gemini", "ollama", "vllm", "groq"):
        assert (
            ended.tokens >= started.tokens - started.input
        )  # of what was held for output nothing is given back
        assert ended.tokens >= max(usage.input, usage.output)
    elif name != "groq":
        assert ended.output == usage.output
        assert ended.input <= usage.input

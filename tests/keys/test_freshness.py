"""When a remembered secret may be used, as properties over any history of fetches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.secret import Secret
from keys.secrets.freshness import CachePolicy, Entry, Use
from keys.secrets.source import Fault, Fetched, FetchError

POLICY = CachePolicy(ttl_s=60, stale_max_s=600, overlap_s=5)
GONE = FetchError(Fault.AWAY, "is away")
CHANCES = st.floats(0, 1, exclude_max=True)
#: What comes of a fetch (a value, or None for a failure), how long it took, and how long nothing was done then.
STEPS = st.tuples(st.sampled_from(["one", "two", None]), st.floats(0, 30), st.floats(0, 900), CHANCES)


def fetched(value: str) -> Fetched:
    return Fetched(Secret(value), f"version of {value}")


@given(st.lists(STEPS, max_size=20), st.floats(0, 2000))
def test_what_is_used_was_seen_lately_and_what_was_seen_lately_is_used(
    steps: list[tuple[str | None, float, float, float]], later: float
) -> None:
    entry, now = Entry(), 1000.0
    last: tuple[str, float] | None = None
    for value, took, pause, chance in steps:
        asked, now = now, now + took
        if value is None:
            entry = entry.failed(GONE, now, POLICY, chance)
        else:
            entry = entry.succeeded(fetched(value), asked, now, POLICY, chance)
            last = value, asked
        now += pause
    now += later
    usable = last is not None and now - last[1] <= POLICY.stale_max_s
    assert (entry.use(now, POLICY) is not Use.OUT) == usable
    values = [secret.reveal() for secret in entry.values(now, POLICY)]
    assert bool(values) == usable
    if usable:
        assert last is not None and values[0] == last[0]
        assert len(values) <= 2 and len(set(values)) == len(values)


@given(CHANCES, st.floats(0, 1e6))
def test_a_success_is_fresh_for_about_a_ttl(chance: float, asked: float) -> None:
    entry = Entry().succeeded(fetched("one"), asked, asked, POLICY, chance)
    assert 0.9 * POLICY.ttl_s <= entry.due_at - asked + 1e-6
    assert entry.due_at <= asked + POLICY.ttl_s
    assert entry.use(asked, POLICY) is Use.FRESH
    assert entry.use(entry.due_at, POLICY) is Use.STALE


@given(st.integers(1, 10_000), CHANCES)
def test_failures_are_tried_again_ever_more_seldom_up_to_a_bound(failures: int, chance: float) -> None:
    assert (
        POLICY.retry_min_s <= POLICY.retry_s(failures) <= POLICY.retry_s(failures + 1) <= POLICY.retry_max_s
    )
    entry = Entry(failures=failures - 1).failed(GONE, 100.0, POLICY, chance)
    assert 100 < entry.due_at <= 100 + POLICY.retry_max_s
    assert entry.error == (Fault.AWAY, "is away")


@given(st.floats(0, 20))
def test_a_change_leaves_the_former_value_for_the_overlap(later: float) -> None:
    entry = Entry().succeeded(fetched("one"), 0, 0, POLICY, 0).succeeded(fetched("two"), 9, 10, POLICY, 0)
    values = [secret.reveal() for secret in entry.values(10 + later, POLICY)]
    assert values == (["two", "one"] if later < POLICY.overlap_s else ["two"])


def test_the_same_value_again_is_no_change_and_ends_no_overlap() -> None:
    entry = Entry().succeeded(fetched("one"), 0, 0, POLICY, 0).succeeded(fetched("two"), 9, 10, POLICY, 0)
    again = entry.succeeded(Fetched(Secret("two"), "another version"), 11, 12, POLICY, 0)
    assert [secret.reveal() for secret in again.values(12, POLICY)] == ["two", "one"]
    assert again.current is not None and again.current.version == "another version"
    assert (
        again.succeeded(fetched("two"), 16, 17, POLICY, 0).previous is None
    )  # not kept for longer than needed


def test_success_forgets_the_failures() -> None:
    entry = Entry().failed(GONE, 0, POLICY, 0).failed(GONE, 1, POLICY, 0)
    assert entry.failures == 2
    entry = entry.succeeded(fetched("one"), 2, 2, POLICY, 0)
    assert entry.failures == 0 and entry.error is None


@pytest.mark.parametrize(
    "wrong",
    [{"ttl_s": 0}, {"ttl_s": 61, "stale_max_s": 60}, {"jitter": 1}, {"retry_min_s": 31}, {"fetches_max": 0}],
)
def test_a_policy_that_cannot_be_kept_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        CachePolicy(**wrong)  # type: ignore[arg-type]

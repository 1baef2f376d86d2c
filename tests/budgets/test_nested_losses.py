"""What was held of nested budgets is spent to the nano-dollar in each, and counted once in all."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from budgets.nested_losses import Loss, Part, losses


def part(
    account: str, held: int, tenant: str = "*", key: str = "", period: str = "total", **more: int
) -> Part:
    return Part(account, period, more.get("epoch", 1), tenant, key, held, more.get("at_ms"))


def told(found: list[Loss]) -> list[tuple[int, str, str, list[str]]]:
    return [(one.cost, one.tenant, one.key, [account for account, _ in one.accounts]) for one in found]


def test_what_a_request_is_charged_to_is_one_loss() -> None:
    parts = [part("all", 800), part("a", 800, "a"), part("a-web", 800, "a", "web")]
    assert told(losses(parts)) == [(800, "a", "web", ["a-web", "a", "all"])]


def test_what_reaches_further_is_its_own() -> None:
    parts = [part("all", 100), part("a", 80, "a"), part("b", 50, "b"), part("b-web", 10, "b", "web")]
    assert told(losses(parts)) == [
        (10, "b", "web", ["b-web", "b", "all"]), (80, "a", "", ["a", "all"]), (10, "b", "", ["b", "all"]),
        (30, "b", "", ["b"]),
    ]  # fmt: skip


def test_another_tenants_another_keys_and_another_lifes_are_others() -> None:
    parts = [part("a", 5, "a"), part("b", 5, "b"), part("a-x", 5, "a", "x"), part("a-y", 5, "a", "y")]
    assert [one.cost for one in losses(parts)] == [5, 5, 5] and len(losses(parts)[0].accounts) == 2
    assert len(losses([part("all", 5), part("a", 5, "a", epoch=2)])) == 2


def test_no_request_is_of_two_days() -> None:
    yesterday, today = "day:2026-11-20", "day:2026-11-21"
    parts = [
        part("all", 9), part("a", 4, "a", period=yesterday), part("a", 5, "a", period=today),
        part("m", 9, "a", period="month:2026-11-01"), part("all-day", 5, period=today),
    ]  # fmt: skip
    assert told(losses(parts)) == [
        (4, "a", "", ["a", "m", "all"]),
        (5, "a", "", ["a", "m", "all", "all-day"]),
    ]


def test_it_is_as_late_as_the_latest_of_its_parts() -> None:
    """Which is in all of their periods."""
    parts = [part("all", 5), part("a", 5, "a", at_ms=7), part("b", 5, "a", at_ms=9)]
    assert [one.at_ms for one in losses(parts)] == [9]
    assert losses([part("all", 5)])[0].at_ms is None


def test_nothing_is_nothing() -> None:
    assert losses([]) == []


AMOUNTS = st.integers(1, 100)
TREES = st.tuples(
    st.lists(AMOUNTS, max_size=2),
    st.lists(
        st.tuples(st.lists(AMOUNTS, max_size=2), st.lists(st.lists(AMOUNTS, max_size=2), max_size=3)),
        max_size=3,
    ),
)


@given(TREES)
def test_each_part_is_spent_and_the_sum_is_the_least_that_can_be(tree: tuple) -> None:
    parts: list[Part] = []

    def add(amounts: list[int], tenant: str, key: str) -> int:
        parts.extend(
            part(f"{tenant}:{key}:{place}", amount, tenant, key) for place, amount in enumerate(amounts)
        )
        return max(amounts, default=0)

    of_all, tenants = tree
    least = 0
    for number, (amounts, keys) in enumerate(tenants):
        of_keys = sum(add(of_key, f"t{number}", f"k{place}") for place, of_key in enumerate(keys))
        least += max(of_keys, add(amounts, f"t{number}", ""))
    least = max(least, add(of_all, "*", ""))
    found = losses(parts)
    spent: Counter[str] = Counter()
    for one in found:
        assert one.cost > 0
        spent.update({account: one.cost for account, _ in one.accounts})
    assert spent == {one.account: one.held for one in parts}
    assert sum(one.cost for one in found) == least

"""How far tenants came over all workers, when there are more of them than are kept."""

from collections import Counter

from gateway.admission.ledger import Served
from gateway.admission.tenant_tags import TAGS_MAX, TenantTags

COST = 1_000
STEP_MS = 50
TURNS = 300


def test_who_comes_when_as_many_are_kept_gets_no_more_than_others() -> None:
    """Two tenants at one worker, one with larger requests at another; the others are far ahead."""
    tags, now = TenantTags(), 0
    crowd = [f"crowd{number}" for number in range(TAGS_MAX - 2)]
    at = (["x", "y"], ["late"])
    tags.book([Served(2, tenant, waits=True) for tenant in at[0]], now)
    tags.book([Served(2, tenant, 1_000 * COST, True) for tenant in crowd], now)
    assert len(tags) == TAGS_MAX
    got: Counter[str] = Counter()
    waited = Counter(x=0, y=1, late=2)
    for turn in range(TURNS):
        now += STEP_MS
        heads = [min(there, key=lambda tenant: (tags.of(2, tenant), waited[tenant])) for there in at]
        first = min(heads, key=lambda tenant: (tags.of(2, tenant), waited[tenant]))
        waited[first] = 3 + turn
        cost = 4 * COST if first == "late" else COST
        got[first] += cost
        for there in at:
            tags.book([Served(2, tenant, cost if tenant == first else 0, True) for tenant in there], now)
    mean = sum(got.values()) / 3
    assert all(abs(service - mean) <= 0.05 * mean for service in got.values()), got


def test_no_more_are_kept_than_that() -> None:
    tags = TenantTags()
    for number in range(10 * TAGS_MAX):
        tags.book([Served(number % 5, f"t{number}", 1 + number % 7, True)], number)
        assert len(tags) <= TAGS_MAX

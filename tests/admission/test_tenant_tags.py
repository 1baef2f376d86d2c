"""How far tenants came over all workers, when there are more of them than are kept."""

import random
from collections import Counter

from gateway.admission.ledger import Served
from gateway.admission.tenant_tags import TAGS_MAX, TenantTags

COST = 1_000
STEP_MS = 50
TURNS = 20


def test_a_crowd_larger_than_is_kept_takes_turns_and_nobody_is_left_out() -> None:
    rng, tags, now = random.Random(5), TenantTags(), 0
    tenants = [f"t{number}" for number in range(2 * TAGS_MAX)]
    got: Counter[str] = Counter()
    for _ in range(TURNS * len(tenants)):
        now += STEP_MS
        heads = rng.sample(tenants, 8)  # of those at eight workers, each of which has a few of them first
        first = min(heads, key=lambda tenant: tags.of(2, tenant))
        got[first] += 1
        tags.book([Served(2, tenant, COST if tenant == first else 0, True) for tenant in heads], now)
    assert min(got[tenant] for tenant in tenants) >= TURNS // 2
    assert max(got.values()) <= 2 * TURNS


def test_no_more_are_kept_than_that() -> None:
    tags = TenantTags()
    for number in range(10 * TAGS_MAX):
        tags.book([Served(number % 5, f"t{number}", 1 + number % 7, True)], number)
        assert len(tags) <= TAGS_MAX

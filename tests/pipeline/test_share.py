"""In what tenants' shares are reckoned: the narrowest ceiling, places by the time that they are taken for."""

import pytest

from gateway.admission.dimension import account_of
from gateway.charge import Charge
from gateway.pipeline.account import Account, share_of
from gateway.settings.snapshot import Limits
from gateway.upstream.adapter import adapter_of
from tests.pipeline.parts import provider, provider_key


def account(**limits: int) -> Account:
    key = provider_key("one", provider(), limits=Limits(**limits))
    adapter = adapter_of(key.provider)
    return Account(key, account_of(key, "", "UTC", adapter.request_slice_s, 0), adapter)


def test_the_largest_part_of_any_ceiling_counts() -> None:
    assert share_of(account(rpm=100, tpm=1000), Charge(1, 40, 10, 50)) == pytest.approx(0.05)


def test_a_place_counts_for_the_part_of_a_minute_that_it_is_taken_for() -> None:
    places = account(concurrency=2)
    assert share_of(places, Charge(1, 40, 10, 50)) == pytest.approx(1 / 120)
    for _ in range(100):
        places.lasted(30.0)
    assert share_of(places, Charge()) == pytest.approx(30 / 120, rel=0.01)


def test_where_nothing_limits_requests_count() -> None:
    assert share_of(account(), Charge(1, 40, 10, 50)) == share_of(account(), Charge(1)) > 0

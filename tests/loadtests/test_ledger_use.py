"""What the benchmark reads of the ledger's use."""

from math import isnan

from loadtests.ledger_use import LedgerUse, read

PAGE = """\
# TYPE gateway_ledger_seconds histogram
gateway_ledger_seconds_bucket{le="0.001"} 3.0
gateway_ledger_seconds_count 12.0
gateway_lease_hits_total 990.0
gateway_lease_misses_total 10.0
"""


def test_calls_and_hits_are_counted_between_two_pages() -> None:
    assert read(PAGE) == (12, 990, 10)
    use = read(PAGE).since(LedgerUse(2, 90, 10))
    assert use == (10, 900, 0) and use.hit_share == 1.0


def test_what_is_not_there_is_no_number() -> None:
    assert isnan(read("").calls) and isnan(LedgerUse(1, 0, 0).hit_share)

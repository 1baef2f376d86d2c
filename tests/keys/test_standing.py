"""Who is let in with which key, when and for what: expiry, rotation, revocation and scope as properties."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.digest import Pepper
from keys.scope import OutOfScope, Scope, Use, parse_address, parse_network
from keys.standing import Ended, KeyStanding, KeyValue

START = datetime(2026, 1, 1, tzinfo=UTC)
PEPPER = Pepper(b"of the tests of who is let in, and when")
FIRST, SECOND, THIRD, OTHER = (PEPPER.digest(name) for name in ("first", "second", "third", "other"))
KEY = KeyStanding("web", (KeyValue(FIRST),))
USE = Use("chat", "smart", ip_address("192.0.2.7"))
SPANS = st.timedeltas(timedelta(0), timedelta(days=400))
MOMENTS = SPANS.map(lambda span: START + span)


def rotated_twice(first: datetime, second: datetime) -> KeyStanding:
    """From `FIRST` to `SECOND` to `THIRD`; until when the first two are good."""
    return KeyStanding("web", (KeyValue(THIRD), KeyValue(SECOND, second), KeyValue(FIRST, first)))


def test_a_key_is_good_and_a_stranger_is_not() -> None:
    assert KEY.refuses(FIRST, USE, START) is None
    assert KEY.refuses(OTHER, USE, START) is Ended.UNKNOWN


@given(MOMENTS, MOMENTS)
def test_an_expiry_ends_it_for_good(expires: datetime, now: datetime) -> None:
    key = KeyStanding("web", (KeyValue(FIRST),), expires_at=expires)
    assert key.ended(FIRST, now) is (Ended.EXPIRED if now >= expires else None)


@given(MOMENTS, MOMENTS)
def test_a_revocation_ends_it(revoked: datetime, now: datetime) -> None:
    key = KeyStanding("web", (KeyValue(FIRST),), revoked_at=revoked)
    assert key.ended(FIRST, now) is (Ended.REVOKED if now >= revoked else None)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_each_value_before_is_good_until_its_own_end(
    first: datetime, second: datetime, now: datetime
) -> None:
    key = rotated_twice(first, second)
    assert key.ended(THIRD, now) is None
    for value, until in ((FIRST, first), (SECOND, second)):
        assert key.ended(value, now) is (Ended.ROTATED if now >= until else None)


@given(MOMENTS, MOMENTS, MOMENTS, MOMENTS)
def test_no_overlap_outlives_a_revocation_or_an_expiry(
    ends: datetime, first: datetime, second: datetime, now: datetime
) -> None:
    key = rotated_twice(first, second)
    for ended in (replace(key, revoked_at=ends), replace(key, expires_at=ends)):
        if now >= ends:
            assert None not in {ended.ended(value, now) for value in (FIRST, SECOND, THIRD)}


NETWORKS = (parse_network("10.0.0.0/8"), parse_network("192.0.2.7"), parse_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("scope", "use", "refusal"),
    [
        (Scope(), Use("chat", None, None), None),
        (Scope(models=("smart", "gpt-*")), Use("chat", "gpt-6-sol", None), None),
        (Scope(models=("smart", "gpt-*")), Use("chat", "fast", None), OutOfScope.MODEL),
        (Scope(models=()), Use("chat", "fast", None), OutOfScope.MODEL),
        (Scope(models=("smart",)), Use("models", None, None), None),
        (Scope(models=("smart",)), Use("chat", "Smart", None), OutOfScope.MODEL),
        (Scope(endpoints=frozenset({"chat"})), Use("chat", "x", None), None),
        (Scope(endpoints=frozenset({"chat"})), Use("files", None, None), OutOfScope.ENDPOINT),
        (Scope(endpoints=frozenset()), Use("chat", "x", None), OutOfScope.ENDPOINT),
        (Scope(addresses=NETWORKS), Use("chat", "x", parse_address("10.1.2.3")), None),
        (Scope(addresses=NETWORKS), Use("chat", "x", parse_address("::ffff:10.1.2.3")), None),
        (Scope(addresses=NETWORKS), Use("chat", "x", parse_address("2001:db8::1%eth0")), None),
        (Scope(addresses=NETWORKS), Use("chat", "x", parse_address("192.0.2.8")), OutOfScope.ADDRESS),
        (Scope(addresses=NETWORKS), Use("chat", "x", parse_address("::1")), OutOfScope.ADDRESS),
        (Scope(addresses=NETWORKS), Use("chat", "x", None), OutOfScope.ADDRESS),
        (Scope(addresses=()), Use("chat", "x", parse_address("10.0.0.1")), OutOfScope.ADDRESS),
    ],
)
def test_scopes(scope: Scope, use: Use, refusal: OutOfScope | None) -> None:
    assert scope.refuses(use) is refusal
    assert KeyStanding("web", (KeyValue(FIRST),), scope).refuses(FIRST, use, START) is refusal


def test_what_has_ended_is_told_before_what_it_was_not_for() -> None:
    key = KeyStanding("web", (KeyValue(FIRST),), Scope(models=()), revoked_at=START)
    assert key.refuses(FIRST, USE, START) is Ended.REVOKED


@given(st.ip_addresses(v=4))
def test_an_address_in_its_ipv6_form_is_the_same(address: IPv4Address) -> None:
    assert parse_address(str(address)) == parse_address(f"::ffff:{address}") == address


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4.5", "[::1]", "10.0.0.0/8", "unix:"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_a_network_with_bits_beyond_its_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="host bits"):
        parse_network("10.0.0.1/8")

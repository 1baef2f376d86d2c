"""Who is let in with which key, when and for what: expiry, rotation, revocation and scope as properties."""

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
TICK = timedelta(microseconds=1)
SPANS = st.timedeltas(timedelta(0), timedelta(days=400))
MOMENTS = SPANS.map(lambda span: START + span)


def test_a_key_is_good_and_a_stranger_is_not() -> None:
    assert KEY.refuses(FIRST, USE, START) is None
    assert KEY.refuses(OTHER, USE, START) is Ended.UNKNOWN


@given(MOMENTS, MOMENTS)
def test_an_expiry_ends_it_for_good(expires: datetime, now: datetime) -> None:
    key = KeyStanding("web", (KeyValue(FIRST),), expires_at=expires)
    assert key.ended(FIRST, now) is (Ended.EXPIRED if now >= expires else None)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_a_revocation_ends_it_and_is_not_taken_back(first: datetime, again: datetime, now: datetime) -> None:
    key = KEY.revoked(first).revoked(again)
    assert (key.ended(FIRST, now) is Ended.REVOKED) == (now >= min(first, again))


@given(MOMENTS, SPANS, MOMENTS)
def test_both_values_are_good_until_the_overlap_ends(
    rotated: datetime, overlap: timedelta, now: datetime
) -> None:
    key = KEY.rotated(SECOND, rotated, overlap)
    assert key.ended(SECOND, now) is None
    assert key.ended(FIRST, now) is (Ended.ROTATED if now >= rotated + overlap else None)


@given(MOMENTS, SPANS, SPANS, SPANS)
def test_rotating_again_keeps_two_values_and_ends_the_oldest(
    at: datetime, overlap: timedelta, later: timedelta, again: timedelta
) -> None:
    key = KEY.rotated(SECOND, at, overlap).rotated(THIRD, at + later, again)
    assert len(key.values) == 2
    assert key.ended(FIRST, at) is Ended.UNKNOWN
    assert key.ended(SECOND, at + later + again) is Ended.ROTATED
    assert key.ended(THIRD, at) is None


@given(MOMENTS, SPANS, MOMENTS)
def test_no_overlap_outlives_a_revocation_or_an_expiry(
    ends: datetime, overlap: timedelta, now: datetime
) -> None:
    for key in (KEY.revoked(ends), KeyStanding("web", (KeyValue(FIRST),), expires_at=ends)):
        rotated = key.rotated(SECOND, START, overlap)
        if now >= ends:
            assert rotated.ended(FIRST, now) is not None and rotated.ended(SECOND, now) is not None


def test_a_rotation_to_what_is_there_or_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="another"):
        KEY.rotated(FIRST, START, timedelta(hours=1))
    with pytest.raises(ValueError, match="negative"):
        KEY.rotated(SECOND, START, -TICK)


def test_a_value_rewritten_under_a_new_pepper_keeps_its_end() -> None:
    key = KEY.rotated(SECOND, START, timedelta(hours=1)).rewritten(FIRST, OTHER)
    assert key.ended(FIRST, START) is Ended.UNKNOWN
    assert key.ended(OTHER, START) is None
    assert key.ended(OTHER, START + timedelta(hours=1)) is Ended.ROTATED


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

"""Who is asking: every way of presenting a key, and keys that are nearly the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import AMBIGUOUS_CREDENTIALS, INVALID_API_KEY, NO_CREDENTIALS, Condition
from gateway.pipeline.authenticate import Authenticator
from gateway.settings.snapshot import Snapshot, TenantKey
from keys.digest import KeyDigest
from keys.standing import KeyStanding, KeyValue
from tests.pipeline.parts import refused, snapshot

KEY, OTHER = b"tenant-a-key-0123456789", b"tenant-b-key-0123456789"
KNOWN = snapshot(tenant_keys={"a": KEY, "b": OTHER})
Headers = list[tuple[bytes, bytes]]
BEARER = (b"authorization", b"Bearer " + KEY)


def now() -> datetime:
    return datetime.now(UTC)


def ask(headers: Headers, known: Snapshot = KNOWN) -> TenantKey:
    return Authenticator(known, now).authenticate(headers, dict(headers), 0.0)


@pytest.mark.parametrize(
    "headers",
    [
        [BEARER],
        [(b"authorization", b"bearer " + KEY)],
        [(b"authorization", b"BEARER " + KEY)],
        [(b"authorization", b"Bearer   " + KEY + b"  ")],
        [(b"x-api-key", KEY)],
        [(b"api-key", KEY)],
        [(b"x-goog-api-key", KEY)],
        [BEARER, (b"x-api-key", KEY)],
        [(b"x-goog-api-key", KEY), (b"api-key", KEY), (b"x-api-key", KEY), BEARER],
        [(b"accept", b"a"), (b"accept", b"b"), BEARER],
        [(b"accept", b"a"), (b"accept", b"b"), (b"authorization", b"bearer " + KEY)],
    ],
)
def test_ways_to_present_a_key(headers: Headers) -> None:
    assert ask(headers).tenant.id == "a"


@pytest.mark.parametrize(
    ("headers", "condition"),
    [
        ([], NO_CREDENTIALS),
        ([(b"authorization", b"")], NO_CREDENTIALS),
        ([(b"authorization", b"Bearer")], NO_CREDENTIALS),
        ([(b"authorization", b"Bearer ")], NO_CREDENTIALS),
        ([(b"authorization", b"Bearer" + KEY)], NO_CREDENTIALS),
        ([(b"authorization", KEY)], NO_CREDENTIALS),
        ([(b"authorization", b"Basic " + KEY)], NO_CREDENTIALS),
        ([(b"x-api-key", b"")], NO_CREDENTIALS),
        ([(b"x-tenant-id", b"a"), (b"x-forwarded-user", b"a"), (b"cookie", b"key=" + KEY)], NO_CREDENTIALS),
        ([(b"authorization", b"Bearer Bearer " + KEY)], INVALID_API_KEY),
        ([(b"x-api-key", b"Bearer " + KEY)], INVALID_API_KEY),
        ([(b"authorization", b"Bearer " + KEY.upper())], INVALID_API_KEY),
        ([(b"authorization", b"Bearer \xff\xfe\x00")], INVALID_API_KEY),
        ([BEARER, (b"x-api-key", OTHER)], AMBIGUOUS_CREDENTIALS),
        ([BEARER, (b"x-api-key", b"")], AMBIGUOUS_CREDENTIALS),
        ([(b"authorization", b"Basic eDp5"), (b"x-api-key", KEY)], AMBIGUOUS_CREDENTIALS),
        ([(b"api-key", KEY), (b"x-goog-api-key", OTHER)], AMBIGUOUS_CREDENTIALS),
        ([BEARER, BEARER], AMBIGUOUS_CREDENTIALS),
        ([BEARER, (b"authorization", b"Bearer " + OTHER)], AMBIGUOUS_CREDENTIALS),
        ([(b"authorization", b"Basic x"), BEARER], AMBIGUOUS_CREDENTIALS),
        ([(b"x-api-key", KEY), (b"x-api-key", KEY)], AMBIGUOUS_CREDENTIALS),
        ([BEARER, (b"x-api-key", OTHER), (b"x-api-key", KEY)], AMBIGUOUS_CREDENTIALS),
    ],
)
def test_what_is_refused(headers: Headers, condition: Condition) -> None:
    error = refused(condition, lambda: ask(headers))
    for secret in (KEY, OTHER):
        assert secret.decode() not in error.message


def test_the_digest_itself_opens_nothing() -> None:
    """Who reads the snapshot's digests, in whatever notation, still has no key."""
    for digest in KNOWN.tenant_keys:
        for text in (digest, digest.hex().encode()):
            refused(INVALID_API_KEY, lambda text=text: ask([(b"x-api-key", text)]))


_TEXT = st.binary(min_size=1, max_size=80).map(bytes.strip).filter(bool)


@settings(max_examples=1000)
@given(prefix=st.binary(max_size=300), one=_TEXT, two=_TEXT, suffix=st.binary(max_size=300))
def test_keys_that_share_a_beginning_or_an_end_share_no_identity(
    prefix: bytes, one: bytes, two: bytes, suffix: bytes
) -> None:
    """Reliability D6: nothing is cut, hashed in part or looked up by prefix."""
    first, second = (b"k" + prefix + middle + suffix + b"k" for middle in (one, two))
    known = snapshot(tenant_keys={"a": first})
    assert ask([(b"x-api-key", first)], known).tenant.id == "a"
    if first != second:
        refused(INVALID_API_KEY, lambda: ask([(b"x-api-key", second)], known))
        both = snapshot(tenant_keys={"a": first, "b": second})
        assert [ask([(b"x-api-key", key)], both).tenant.id for key in (first, second)] == ["a", "b"]
    if prefix:
        refused(INVALID_API_KEY, lambda: ask([(b"x-api-key", first[: -len(suffix) - 2])], known))


def test_a_key_is_known_by_the_pepper_before() -> None:
    moved = replace(KNOWN, pepper=b"another pepper", pepper_previous=KNOWN.pepper)
    assert ask([BEARER], moved).id == ask([BEARER]).id
    refused(INVALID_API_KEY, lambda: ask([BEARER], replace(moved, pepper_previous=None)))


def test_a_key_ends_at_its_moment_however_often_it_was_let_in() -> None:
    key = ask([BEARER])
    at = now()
    standing = KeyStanding(key.id, (KeyValue(KeyDigest("", key.digest), until=at),))
    known = replace(KNOWN, tenant_keys={key.digest: replace(key, standing=standing)})
    clock = [at - timedelta(microseconds=1)]
    authenticator = Authenticator(known, lambda: clock[0])
    headers = [BEARER]
    assert authenticator.authenticate(headers, dict(headers), 0.0).id == key.id
    clock[0] = at
    refused(INVALID_API_KEY, lambda: authenticator.authenticate(headers, dict(headers), 0.0))

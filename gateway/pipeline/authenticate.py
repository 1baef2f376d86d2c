"""Who is asking: the presented key is hashed and looked up in the snapshot. Deny by default.

The same answer is given for an unknown, malformed, expired or revoked key. With the database away nothing changes
here: the snapshot in memory is all that is read.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gateway.errors import (
    AMBIGUOUS_CREDENTIALS,
    INVALID_API_KEY,
    INVALID_VALUE,
    NO_CREDENTIALS,
    PRIORITY_NOT_ALLOWED,
    GatewayError,
)
from gateway.exchange import Exchange
from gateway.settings.snapshot import PRIORITIES, RANKS, Snapshot, TenantKey
from keys.digest import KeyDigest
from keys.tenant_key import key_id_of

Headers = Sequence[tuple[bytes, bytes]]

_CREDENTIALS = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")
#: Headers by which a caller says more about a request.
OWN_HEADERS = frozenset(
    {
        b"x-gateway-priority",
        b"x-gateway-deadline-ms",
        b"x-gateway-agent",
        b"x-gateway-task",
        b"idempotency-key",
    }
)
_KNOWN_MAX = 4096
_INCORRECT = "Incorrect API key provided."


class UnknownKeyError(GatewayError):
    """Nobody has that key in this snapshot. `may_be_one`: it looks like those that the admin API makes."""

    def __init__(self, presented: bytes) -> None:
        super().__init__(INVALID_API_KEY, _INCORRECT)
        self.may_be_one = key_id_of(presented.decode("latin-1")) is not None


class Authenticator:
    """Knows the tenant keys of one snapshot.

    `used` is told who was let in and when (monotonic seconds), `outdated` which digests of the database are
    by the pepper before, each with what is to be in its place. Who was let in once with an `Authorization`
    header is known by it from then on, which spares the hash. The memory holds accepted values only, ends
    with its snapshot (so a revocation forgets), has a bound, and is looked up by a keyed hash of the whole
    value, which tells nothing by its time.
    """

    __slots__ = ("_known", "_outdated", "_snapshot", "_used", "_utc")

    def __init__(
        self,
        snapshot: Snapshot,
        utc: Callable[[], datetime],
        used: dict[TenantKey, float] | None = None,
        outdated: dict[bytes, bytes] | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._utc = utc
        self._used = {} if used is None else used
        self._outdated = {} if outdated is None else outdated
        self._known: dict[bytes | None, TenantKey] = {}

    def succeeded_by(self, snapshot: Snapshot) -> "Authenticator":
        """Who knows the keys of the next snapshot."""
        return Authenticator(snapshot, self._utc, self._used, self._outdated)

    def authenticate(self, headers: Headers, named: Mapping[bytes, bytes], now: float) -> TenantKey:
        """The tenant key presented at `now`. `named` is `headers` as a mapping (the last of equal names wins).

        Raises GatewayError: no credential, an unknown one, or two that differ.
        """
        usual = named.get(b"authorization")
        other = b"x-api-key" in named or b"api-key" in named or b"x-goog-api-key" in named
        if other or len(named) != len(headers):
            other_key = self._found(_presented(headers, named))
            self._used[other_key] = now
            return other_key
        key = self._known.get(usual)  # one credential in the usual header
        if key is None:
            key = self._found(_presented(headers, named))
            if key.standing is None:  # one that ends at some moment is looked at each time
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[usual] = key
        self._used[key] = now
        return key

    def _found(self, presented: bytes) -> TenantKey:
        if not presented:
            raise GatewayError(
                NO_CREDENTIALS,
                "You didn't provide an API key. Send your tenant key as 'Authorization: Bearer <key>'.",
            )
        snapshot = self._snapshot
        digest = hmac.digest(snapshot.pepper, presented, "sha256")
        key = snapshot.tenant_keys.get(digest)
        if key is None and snapshot.pepper_previous is not None:
            current, digest = digest, hmac.digest(snapshot.pepper_previous, presented, "sha256")
            key = snapshot.tenant_keys.get(digest)
            if key is not None and key.stored:
                self._outdated[digest] = current
        if key is None:
            raise UnknownKeyError(presented)
        standing = key.standing
        if standing is not None and standing.ended(KeyDigest("", digest), self._utc()) is not None:
            raise GatewayError(INVALID_API_KEY, _INCORRECT)
        return key


def _presented(headers: Headers, named: Mapping[bytes, bytes]) -> bytes:
    found = b""
    count = 0
    for name in _CREDENTIALS:
        value = named.get(name)
        if value is None:
            continue
        if name == b"authorization":
            scheme, _, value = value.partition(b" ")
            value = value.strip()
            if scheme.lower() != b"bearer":
                value = b""
        if count and value != found:
            raise GatewayError(AMBIGUOUS_CREDENTIALS, "The request carries two credentials that differ.")
        found = value
        count += 1
    if len(named) != len(headers) and sum(1 for name, _ in headers if name in _CREDENTIALS) != count:
        raise GatewayError(AMBIGUOUS_CREDENTIALS, "The request carries the same credential header twice.")
    return found


def attribute(exchange: Exchange, key: TenantKey, named: Mapping[bytes, bytes]) -> None:
    """Write down who the exchange is for: priority, deadline, agent and task.

    Raises GatewayError for values that are not what contract §3 allows.
    """
    asked = named.get(b"x-gateway-priority")
    if asked is not None:
        exchange.priority = _priority(key, asked.decode("latin-1"))
    deadline = named.get(b"x-gateway-deadline-ms")
    if deadline is not None:
        exchange.deadline = exchange.arrived + _milliseconds(deadline) / 1000
    if b"x-gateway-agent" in named:
        exchange.agent = _label(named[b"x-gateway-agent"], "x-gateway-agent")
    if b"x-gateway-task" in named:
        exchange.task = _label(named[b"x-gateway-task"], "x-gateway-task")


def lower(exchange: Exchange, priority: str) -> None:
    """Let the exchange be at most as urgent as `priority`."""
    if RANKS[exchange.priority] < RANKS[priority]:
        exchange.priority = priority


def _priority(key: TenantKey, asked: str) -> str:
    rank = RANKS.get(asked)
    if rank is None:
        raise GatewayError(
            INVALID_VALUE,
            f"x-gateway-priority must be one of {', '.join(PRIORITIES)}.",
            param="x-gateway-priority",
        )
    if rank < RANKS[key.priority_max]:
        raise GatewayError(
            PRIORITY_NOT_ALLOWED,
            f"This key may not ask for a priority above '{key.priority_max}'.",
            param="x-gateway-priority",
        )
    return asked


def _milliseconds(text: bytes) -> int:
    if not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise GatewayError(
            INVALID_VALUE,
            "x-gateway-deadline-ms must be a positive whole number.",
            param="x-gateway-deadline-ms",
        )
    return int(text)


def _label(value: bytes, name: str) -> str:
    text = value.decode("latin-1")
    if len(text) > 128 or not text.isascii() or not text.isprintable():
        raise GatewayError(
            INVALID_VALUE, f"{name} must be at most 128 printable ASCII characters.", param=name
        )
    return text

"""A record of the spool: its frame, and what it says.

    length u32 | checksum u32 | sequence u64 | kind u8 | payload (JSON, `length` bytes)

The checksum is CRC-32 (zlib's): it covers all but itself and finds what CRC-32C finds, torn and rotten bytes; no
wheel for the latter is among ours, and in Python it would cost a hundred times as much. SETTLE and CORRECT repeat
what INTENT said, so that each can be posted on its own, whatever else is lost. Payloads are arrays in the order of
the fields: PostgreSQL takes them apart itself (budgets/flush.sql), which costs a worker nothing; so fields are
only ever added at the end. Depends on nothing.
"""

import struct
from enum import IntEnum
from typing import Any
from zlib import crc32

from budgets.record import Decoder, Encoder, Record, RecordError
from budgets.usage import NOTHING, Tokens

HEAD = struct.Struct("<IIQB")
#: The part of a head that the checksum does not cover, and the part that it does.
_FRONT, _BODY = struct.Struct("<II"), struct.Struct("<QB")
_HEAD_BYTES, _FRONT_BYTES = HEAD.size, _FRONT.size
#: A payload never gets this long: names are bounded where they come in.
PAYLOAD_MAX = 64 * 1024


class Kind(IntEnum):
    INTENT = 1
    SETTLE = 2
    VOID = 3
    CORRECT = 4


class Intent(Record, frozen=True, array_like=True):
    """Written before anything goes upstream: what may be owed, and by whom."""

    request_id: str
    attempt: int  # 1, 2, …: every attempt is an event of its own
    at_ms: int  # when it was reserved, which decides the periods it counts in
    reserved: int  # nano-dollars; no settlement is more
    accounts: tuple[tuple[str, str], ...] = ()  # (budget, period) pairs that are charged
    holder: str = ""  # whose slices of them
    price_version: str = ""
    tenant: str = ""
    key: str = ""
    provider: str = ""
    pool: str = ""
    model: str = ""
    route: str = ""
    priority: str = ""
    agent: str | None = None
    task: str | None = None
    overflow: bool = False  # made at the route's local model, in place of waiting


class Settle(Record, frozen=True, array_like=True):
    """What an attempt came to."""

    intent: Intent
    cost: int
    source: str  # provider | estimated | none | unknown
    tokens: Tokens = NOTHING
    tier: str = ""
    status: int = 0
    outcome: str = ""
    settled_ms: int = 0
    queue_ms: int = 0
    upstream_ms: int = 0
    first_token_ms: int = 0
    price_known: bool = True


class Void(Record, frozen=True, array_like=True):
    """Nothing was sent, or nothing is owed for it."""

    request_id: str
    attempt: int
    reason: str = ""


class Correct(Record, frozen=True, array_like=True):
    """A later correction: an event of its own, never a rewrite. `number` counts from 1 for each attempt."""

    intent: Intent
    number: int
    delta: int
    reason: str = ""


Said = Intent | Settle | Void | Correct
Key = tuple[str, int]
_TYPES: tuple[tuple[Kind, Any], ...] = (
    (Kind.INTENT, Intent),
    (Kind.SETTLE, Settle),
    (Kind.VOID, Void),
    (Kind.CORRECT, Correct),
)
_DECODERS = {int(kind): Decoder(said) for kind, said in _TYPES}
_KINDS = {said: int(kind) for kind, said in _TYPES}
#: The payload of a record.
encoded = Encoder().encode


def frame(sequence: int, said: Said) -> bytes:
    """The bytes of a record. ValueError when it is too long to be one."""
    payload = encoded(said)
    length = len(payload)
    if length > PAYLOAD_MAX:
        raise ValueError("a record that is too long")
    covered = _BODY.pack(sequence, _KINDS[type(said)]) + payload
    return _FRONT.pack(length, crc32(covered, length)) + covered


def read_frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """(sequence, kind, end) of the whole and sound record at `at`, whose payload is after `HEAD`; or None."""
    start = at + _HEAD_BYTES
    if start > len(data):
        return None
    length, checksum, sequence, kind = HEAD.unpack_from(data, at)
    end = start + length
    if not 0 < length <= PAYLOAD_MAX or end > len(data):
        return None
    if checksum != crc32(data[at + _FRONT_BYTES : end], length):
        return None
    return sequence, kind, end


def said_in(kind: int, payload: bytes) -> Said | None:
    """What a sound record says; None for kinds and forms that a later version may have written."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return None
    try:
        said: Said = decoder.decode(payload)
    except (RecordError, UnicodeDecodeError):
        return None
    return said


def key_of(said: Said) -> Key:
    """The attempt that a record is about."""
    about = said if isinstance(said, (Intent, Void)) else said.intent
    return about.request_id, about.attempt

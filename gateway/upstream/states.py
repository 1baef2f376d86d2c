"""The states of an upstream connection and every legal step between them.

    CONNECTING ──> IDLE ──> WAITING_HEAD ──> BODY ──> COMPLETE ──> IDLE
                     └────> SENDING ──┴───────┘

`SENDING` is only for request bodies that arrive piece by piece; a body of bytes is written with its head. An
answer that comes while still `SENDING` goes straight to `BODY`. Every state may fall to `CLOSED`, and nothing
leaves it.
"""

from enum import IntEnum


class State(IntEnum):
    CONNECTING = 0  # the transport is not ours yet: TCP, egress proxy, TLS
    IDLE = 1  # may carry an exchange; any byte that arrives now closes it
    SENDING = 2  # the head is out, pieces of the request body follow
    WAITING_HEAD = 3  # the request is out, the head of the reply is not whole (1xx are skipped here)
    BODY = 4  # the head is known, the body is arriving
    COMPLETE = 5  # the body ended cleanly, the caller has not let go yet
    CLOSED = 6  # for good; the pool's slot is free


CONNECTING = State.CONNECTING
IDLE = State.IDLE
SENDING = State.SENDING
WAITING_HEAD = State.WAITING_HEAD
BODY = State.BODY
COMPLETE = State.COMPLETE
CLOSED = State.CLOSED

#: Indexed by state. A step that is not here is a fault of ours and fails an assertion.
LEGAL: tuple[frozenset[State], ...] = (
    frozenset({IDLE, CLOSED}),  # CONNECTING
    frozenset({SENDING, WAITING_HEAD, CLOSED}),  # IDLE
    frozenset({WAITING_HEAD, BODY, CLOSED}),  # SENDING
    frozenset({BODY, CLOSED}),  # WAITING_HEAD
    frozenset({COMPLETE, CLOSED}),  # BODY
    frozenset({IDLE, CLOSED}),  # COMPLETE
    frozenset(),  # CLOSED
)

#: An exchange is under way and its time limits count.
BUSY = frozenset({SENDING, WAITING_HEAD, BODY})

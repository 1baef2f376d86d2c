"""The state table, and that the steps really taken are in it."""

import asyncio

import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.connection import Connection
from gateway.upstream.states import (
    BODY,
    CLOSED,
    COMPLETE,
    CONNECTING,
    IDLE,
    LEGAL,
    SENDING,
    WAITING_HEAD,
    State,
)

ILLEGAL = [(a, b) for a in State for b in State if b not in LEGAL[a]]


class _NoPool:
    def give_back(self, connection: Connection) -> None: ...

    def gone(self, connection: Connection) -> None: ...


def test_the_table_covers_every_state_and_nothing_leaves_closed() -> None:
    assert len(LEGAL) == len(State)
    assert LEGAL[CLOSED] == frozenset()
    assert all(CLOSED in LEGAL[state] for state in State if state is not CLOSED)


def test_only_a_complete_or_new_connection_becomes_idle() -> None:
    assert {state for state in State if IDLE in LEGAL[state]} == {CONNECTING, COMPLETE}
    assert {state for state in State if COMPLETE in LEGAL[state]} == {BODY}
    assert {state for state in State if BODY in LEGAL[state]} == {SENDING, WAITING_HEAD}


@pytest.mark.parametrize(("start", "to"), ILLEGAL)
async def test_an_illegal_step_fails(start: State, to: State) -> None:
    connection = Connection(asyncio.get_running_loop(), _NoPool(), Bounds())
    connection.state = start
    with pytest.raises(AssertionError, match=f"{start.name} -> {to.name}"):
        connection._move(to)

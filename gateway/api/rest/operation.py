"""An operation of the admin API: one row of its table of routes, from which the OpenAPI document is made too."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.principal import Roles
from gateway.settings.schema_types import Section
from storage.audit import GATEWAY
from storage.connection import Connection

Schema = dict[str, Any]
#: Of a body, where an operation says nothing else.
BODY_BYTES_MAX = 256 * 1024
#: Of the headers that say what is changed, and what is the same request again.
HEADER_CHARS_MAX = 255


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query."""

    name: str
    schema: Schema
    description: str = ""


PAGING = (
    Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 200}, "Entries of a page: 50 at once."),
    Parameter("after", {"type": "string", "maxLength": 256}, "Go on after this: `next` of the page before."),
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a change did, in its transaction: the answer, and what the audit trail says of it.

    `kept` is what a repeated idempotency key gets instead of `answer`, which may hold a secret. `then` is done
    after the commit, and its answer is the one given: for what is done elsewhere than in the database.
    Of one that is made of `parts`, by the names of their operations, the trail has these. What is `undone` was
    only tried: nothing of it stays.
    """

    answer: Answer
    object: str
    tenant: str = GATEWAY
    before: Row | None = None
    after: Row | None = None
    kept: Answer | None = None
    then: Callable[[], Awaitable[Answer]] | None = None
    parts: tuple[tuple[str, "Done"], ...] = ()
    undone: bool = False


class Denied(Problem):
    """The role of who asks does not let them do `action`: the attempt, `ask`, is to be written down."""

    def __init__(self, ask: Ask, action: str) -> None:
        super().__init__(403, f"The role {ask.principal.role} may not do this.")
        self.ask = ask
        self.action = action


Read = Callable[[Ask], Awaitable[Answer]]
Change = Callable[[Ask, Connection], Awaitable[Done]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One of `read`, `change` (of the database, in one transaction with its audit row) and `act`.

    `act` is a deed elsewhere: that it begins is written down first, when `possible` did not refuse, and then how
    it ended; in a process without a database (a worker, which its supervisor asks) it is simply done. Beside a
    `change` it is what of it can be done there.
    `body` is what is sent, all of it or a `partial` one, and `answer` the schema of what comes back. What is
    `versioned` is changed with If-Match only; what is `repeatable` takes an idempotency key.
    """

    method: str
    path: str
    name: str
    summary: str
    roles: Roles
    answer: Schema | None = None
    status: int = 200
    read: Read | None = None
    change: Change | None = None
    act: Read | None = None
    possible: Callable[[Ask], Awaitable[None]] | None = None
    body: type[Section] | None = None
    partial: bool = False
    body_bytes_max: int = BODY_BYTES_MAX
    parameters: tuple[Parameter, ...] = ()
    versioned: bool = False
    repeatable: bool = False
    media_types: tuple[str, ...] = ()

    def permit(self, ask: Ask) -> None:
        """Raises Denied."""
        if ask.principal.role not in self.roles:
            raise Denied(ask, self.name)

"""One request on its way through the simulator, and what an endpoint is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from provider_sim.answer import Answer
from provider_sim.ask import Ask
from provider_sim.determinism import Draw
from provider_sim.errors import Dialect
from provider_sim.fault import NONE, Fault
from provider_sim.message import JsonObject, Reply, Request
from provider_sim.shelf import Shelf

UNDRAWN = Draw(0, b"")
"""Stands in until the request is read."""


@dataclass(slots=True)
class Call:
    """What handlers are given. `answer` is composed after `Endpoint.read` and before `Endpoint.respond`."""

    request: Request
    endpoint: "Endpoint"
    shelf: Shelf
    parameters: tuple[str, ...] = ()
    """Path parameters, percent-decoded."""
    dialect: Dialect = "openai"
    credential: str = ""
    request_id: str = ""
    body: JsonObject = field(default_factory=dict)
    seed: int = 0
    draw: Draw = UNDRAWN
    fault: Fault = NONE
    ask: Ask = field(default_factory=lambda: Ask(""))
    answer: Answer = field(default_factory=Answer)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of one dialect.

    `read` turns the body into an `Ask` (and refuses what the provider refuses); None where no model is asked.
    `respond` makes the reply. `body` says how the body is to be read before either.
    """

    name: str
    dialect: Dialect
    respond: Callable[[Call], Reply]
    read: Callable[[Call], Ask] | None = None
    body: str = "none"
    """`json` (refused when it is none), `form` (multipart or JSON) or `none`."""

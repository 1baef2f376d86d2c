"""A route's local model, to which requests overflow: what runs and waits there, and what fits into it."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from gateway.admission.line import Line
from gateway.admission.overflow import LocalModel
from gateway.exchange import Exchange
from gateway.pipeline.router import Way

#: Without a configured concurrency nothing says when it is full; the model's own server will.
_UNBOUNDED = 1 << 30


def local_model(ways: Sequence[Way], line: Line, waiting_max: int) -> LocalModel:
    """The local target as it is now."""
    account = ways[0].account
    places = [one.limit for one in account.terms.dimensions if one.name == "concurrency"]
    waiting = line.depth((account.id,))
    return LocalModel(account.in_flight, places[0] if places else _UNBOUNDED, waiting, waiting_max)


def fits_context(exchange: Exchange, model: str, capabilities: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether prompt and answer fit into the model's context, where the configuration says how long that is."""
    for pattern, flags in capabilities.items():
        if fnmatchcase(model, pattern):
            context = flags.get("num_ctx", flags.get("ctx"))
            if isinstance(context, int):
                estimate = exchange.sizing.estimate()
                return estimate.input_upper + (estimate.output_max or estimate.output) <= context
    return True

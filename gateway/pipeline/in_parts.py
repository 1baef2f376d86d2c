"""In how many requests a target is asked what its caller asks in one: for their charge, and their money."""

from math import ceil

from gateway.charge import Makeup
from gateway.dialects.fan_out import answers_max
from gateway.dialects.passage import CONVERSATIONS, EMBEDDINGS, passage
from gateway.pipeline.model_can import model_can
from gateway.settings.snapshot import Target


def requests_in(asked: str, target: Target, makeup: Makeup) -> int:
    """How many it takes of the API `asked`, for one request of `makeup`."""
    texts = makeup.texts
    if texts == 1 and makeup.choices == 1:
        return 1
    if asked in EMBEDDINGS:
        return ceil(texts / (_texts_max(asked, target) or texts))
    reads = reads_in(asked, target, makeup)
    return reads * texts if _fans_out(asked, target) else 1


def reads_in(asked: str, target: Target, makeup: Makeup) -> int:
    """How often all of it is read there: as often as it takes to have as many answers as are asked for."""
    choices = makeup.choices // makeup.texts
    if choices <= 1 or not _fans_out(asked, target):
        return 1
    provider, can = target.provider, model_can(target.facts)
    way = passage(asked, provider.dialect, provider.apis, can)
    if way is None or (way.native and asked != "chat"):
        return 1
    # What may have to take the API that gives one is thought to.
    api = "responses" if way.bridged else way.api
    return ceil(choices / answers_max(provider.dialect, provider.flavour, api, can))


def _fans_out(asked: str, target: Target) -> bool:
    return asked in CONVERSATIONS and model_can(target.facts).fanout


def _texts_max(asked: str, target: Target) -> int:
    provider = target.provider
    way = passage(asked, provider.dialect, provider.apis, model_can(target.facts))
    return 0 if way is None else way.texts_max

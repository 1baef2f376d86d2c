"""How hard a Gemini model is to think: `thinkingConfig`, a level since Gemini 3, a budget of tokens before.

Both at once are refused there, so only ever one is written.
"""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Effort, JsonObject, Parameters
from gateway.dialects.effort import effort_of_budget, nearest
from gateway.dialects.losses import Losses

#: Of a model of which no levels are known.
_USUAL_LEVELS: tuple[Effort, ...] = ("low", "medium", "high")
_BUDGETS: dict[Effort, int] = {"none": 0, "low": 1024, "medium": 8192, "high": 24576}
_HIGHEST: Effort = "high"
#: The least thought of models that may be told not to think, and of those that always do.
_LEAST, _LEAST_ALWAYS = 512, 128


def thinking_config(request: ChatRequest, can: Capabilities, losses: Losses) -> JsonObject | None:
    """None where nothing is asked for, or the model does not think."""
    parameters = request.parameters
    asked = parameters.effort or parameters.thinking_budget
    if asked is None and not parameters.shows_thinking:
        return None
    if can.thinking == "none":
        _drop(request, parameters, losses)
        return None
    config: JsonObject = {}
    if parameters.effort is not None:
        config = _of_effort(parameters.effort, request, can, losses)
    elif parameters.thinking_budget is not None:
        config = _of_budget(parameters.thinking_budget, request, can, losses)
    if parameters.shows_thinking or (
        parameters.shows_thinking is None and asked is not None and parameters.effort != "none"
    ):
        config["includeThoughts"] = True
    return config or None


def _drop(request: ChatRequest, parameters: Parameters, losses: Losses) -> None:
    """Not to think is what such a model does anyway, and thoughts it has none to show."""
    if parameters.effort not in (None, "none"):
        losses.dropped(request.named("effort"))
    if parameters.thinking_budget:
        losses.dropped(request.named("thinking_budget"))


def _of_effort(effort: Effort, request: ChatRequest, can: Capabilities, losses: Losses) -> JsonObject:
    if can.thinking != "budget":
        return {"thinkingLevel": _level(effort, request.named("effort"), can, losses)}
    always = _always(can)
    if effort == "none" and always:
        losses.clamped(request.named("effort"))
        return {"thinkingBudget": _LEAST_ALWAYS}
    if effort == "minimal":
        return {"thinkingBudget": _LEAST_ALWAYS if always else _LEAST}
    if effort not in _BUDGETS:
        losses.clamped(request.named("effort"))
    return {"thinkingBudget": _BUDGETS.get(effort, _BUDGETS[_HIGHEST])}


def _of_budget(tokens: int, request: ChatRequest, can: Capabilities, losses: Losses) -> JsonObject:
    name = request.named("thinking_budget")
    if can.thinking == "budget":
        if 0 <= tokens < _LEAST_ALWAYS and _always(can):
            losses.clamped(name)
            tokens = _LEAST_ALWAYS
        return {"thinkingBudget": tokens}
    losses.changed(name)
    return {"thinkingLevel": _level(effort_of_budget(tokens), name, can, losses)}


def _always(can: Capabilities) -> bool:
    """Of a model with budgets: whether it cannot be told not to think."""
    return bool(can.effort_levels) and "none" not in can.effort_levels


def _level(effort: Effort, name: str, can: Capabilities, losses: Losses) -> str:
    """Levels above the highest word there is are that word; thinking cannot be turned off."""
    known = [level for level in can.effort_levels if level not in ("none", "max")]
    if "max" in can.effort_levels and "xhigh" not in known:
        known.append("xhigh")
    level = nearest(effort, known or _USUAL_LEVELS)
    if level != effort:
        losses.clamped(name)
    return level.upper()

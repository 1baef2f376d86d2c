"""How hard a model of Anthropic's is to think, in the way it knows (wire reference §2.1, `reasoning_effort`).

By a budget of tokens; adaptive, with an effort; always, with an effort; or not at all. Thinking cannot go together
with a forced call, nor with a turn that goes on without the thoughts it began with: then it is left out.
"""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Effort, JsonObject
from gateway.dialects.effort import effort_of_budget, nearest
from gateway.dialects.losses import Losses
from gateway.record import Record

_BUDGETS: dict[Effort, int] = {
    "minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 32_000,
}  # fmt: skip
_BUDGET_MIN = 1024
#: What a caller gets who leaves the budget to the model.
_OWN_CHOICE: Effort = "medium"
_OFF: JsonObject = {"type": "disabled"}


class Reasoning(Record, frozen=True):
    """`thinking` and `output_config.effort`; None: left out. `on`: it was switched on."""

    thinking: JsonObject | None = None
    effort: Effort | None = None
    on: bool = False


_UNSAID = Reasoning()


def reasoning(
    request: ChatRequest, can: Capabilities, max_tokens: int, barred: bool, losses: Losses
) -> Reasoning:
    """`barred`: thinking cannot be in this request."""
    said = request.parameters
    effort, budget = said.effort, said.thinking_budget
    if effort is None and budget is None and said.shows_thinking is None:
        return _UNSAID
    asked = request.named("effort" if effort is not None else "thinking_budget")
    if can.thinking in ("none", "level"):
        if effort not in (None, "none") or (effort is None and budget):
            losses.dropped(asked)
        return _UNSAID
    if effort == "none" or (effort is None and budget == 0):
        if can.thinking != "always":
            return Reasoning(_OFF)
        losses.dropped(asked)
        return Reasoning(effort=_known("low", asked, can, losses))
    if can.thinking == "budget":
        return _budgeted(request, max_tokens, barred, losses)
    wanted: Effort | None = effort
    if wanted is None and budget is not None and budget > 0:
        wanted = effort_of_budget(budget)
    if barred and can.thinking == "adaptive":
        losses.dropped(asked)
        return Reasoning(effort=_known(wanted, asked, can, losses))
    return Reasoning(
        _shown({"type": "adaptive"}, said.shows_thinking), _known(wanted, asked, can, losses), True
    )


def _budgeted(request: ChatRequest, max_tokens: int, barred: bool, losses: Losses) -> Reasoning:
    said = request.parameters
    budget, effort = said.thinking_budget, said.effort
    if budget is None and effort is None:
        return _UNSAID  # only whether it is shown was said
    asked = request.named("effort" if budget is None else "thinking_budget")
    if barred or max_tokens <= _BUDGET_MIN:
        losses.dropped(asked)
        return _UNSAID
    tokens = budget if budget is not None and budget > 0 else _BUDGETS[effort or _OWN_CHOICE]
    allowed = min(max(tokens, _BUDGET_MIN), max_tokens - 1)
    if allowed != tokens and tokens == budget:
        losses.clamped(asked)
    thinking: JsonObject = {"type": "enabled", "budget_tokens": allowed}
    if said.shows_thinking is False:
        thinking["display"] = "omitted"
    return Reasoning(thinking, on=True)


def _shown(thinking: JsonObject, shows: bool | None) -> JsonObject:
    """Adaptive thoughts have no text unless that is asked for."""
    return {**thinking, "display": "omitted" if shows is False else "summarized"}


def _known(wanted: Effort | None, asked: str, can: Capabilities, losses: Losses) -> Effort | None:
    levels = [level for level in can.effort_levels if level not in ("none", "minimal")]
    if wanted is None:
        return None
    if not levels:
        losses.dropped(asked)
        return None
    found = nearest(wanted, levels)
    if found != wanted and wanted != "minimal":
        losses.clamped(asked)
    return found

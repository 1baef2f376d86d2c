"""How hard a model is to think: levels, and what token budgets are among them (wire reference §2.1, §2.2)."""

from collections.abc import Sequence
from typing import get_args

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Effort
from gateway.dialects.losses import Losses

LEVELS: tuple[Effort, ...] = get_args(Effort)  # least first
#: The most tokens of thought that a level stands for where budgets are asked for.
_BUDGETS: tuple[tuple[int, Effort], ...] = (
    (0, "none"), (1024, "minimal"), (2048, "low"), (8192, "medium"), (16384, "high"),
)  # fmt: skip


def nearest(wanted: Effort, known: Sequence[Effort]) -> Effort:
    """Of the levels that a model knows (one at least) the highest not above the wanted one, else its lowest.

    Who wants some thought does not get none, where there is a level that thinks.
    """
    if wanted != "none":
        known = [level for level in known if level != "none"] or known
    place = LEVELS.index(wanted)
    below = [level for level in known if LEVELS.index(level) <= place]
    return max(below, key=LEVELS.index) if below else min(known, key=LEVELS.index)


def effort_of_budget(tokens: int) -> Effort:
    for most, level in _BUDGETS:
        if tokens <= most:
            return level
    return "xhigh"


def wanted_effort(request: ChatRequest) -> tuple[Effort, str] | None:
    """What the caller asks for, as a level or as a budget of tokens, and the noun by which it was asked."""
    parameters = request.parameters
    if parameters.effort is not None:
        return parameters.effort, "effort"
    if parameters.thinking_budget is None:
        return None
    return effort_of_budget(parameters.thinking_budget), "thinking_budget"


def effort_sent(request: ChatRequest, can: Capabilities, losses: Losses) -> Effort | None:
    """The level that a model is asked for that is asked by levels; None: its own."""
    asked = wanted_effort(request)
    if asked is None:
        return None
    wanted, noun = asked
    if not can.effort_levels:
        if wanted != "none" or can.thinking != "none":
            losses.dropped(request.named(noun))
        return None
    sent = nearest(wanted, can.effort_levels)
    if sent != wanted:
        losses.clamped(request.named(noun))
    return sent


def thinks_at(effort: Effort | None, can: Capabilities) -> bool:
    """Whether the model thinks when it is asked for that level; None: for none."""
    return effort not in (None, "none") or can.thinking == "always"


def thinks(request: ChatRequest, can: Capabilities) -> bool:
    """Whether the model thinks about it: of itself, or since it is asked to."""
    if can.thinking in ("always", "level"):
        return True
    said = request.parameters
    return can.thinking != "none" and (said.effort not in (None, "none") or bool(said.thinking_budget))

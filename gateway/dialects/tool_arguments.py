"""Arguments of tool calls: raw JSON text in the middle, objects for the dialects that have objects there.

Text that is no JSON object is refused, never taken for `{}` (wire reference §2.0); no text means no arguments.
"""

import re

from gateway.chat import Json, JsonObject, Stop, ToolCall
from gateway.dialects.json_fields import path, wrong_value
from gateway.dialects.json_text import json_text, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.said_fields import no_answer

#: What a plain-text tool's one argument is called where tools take objects (wire reference §2.1).
INPUT = "input"
#: And what such a tool takes there.
PLAIN_TEXT: JsonObject = {
    "type": "object",
    "properties": {INPUT: {"type": "string"}},
    "required": [INPUT],
    "additionalProperties": False,
}
#: What a reply says of arguments that are no object, to callers who can be told objects only.
RAW = "_raw"
_WRAPPED = re.compile(r'\s*\{\s*"input"\s*:')


def arguments_object(call: ToolCall) -> JsonObject:
    """Raises GatewayError with the caller's path of the arguments."""
    if call.custom:
        return {INPUT: call.arguments}
    if not call.arguments.strip():
        return {}
    value = read_object(call.arguments)
    if value is None:
        raise wrong_value(path(call.at, "arguments"), "must be the text of a JSON object")
    return value


def said_object(call: ToolCall, losses: Losses) -> JsonObject:
    """The arguments of a call that a model made, whatever it said; what is no object is told."""
    if call.custom:
        return {INPUT: call.arguments}
    if not call.arguments.strip():
        return {}
    value = read_object(call.arguments)
    if value is None:
        losses.unread((RAW,))
        return {RAW: call.arguments}
    return value


def arguments_text(value: Json) -> str:
    """Without spaces, in the order of the keys as they came."""
    return json_text(value if value is not None else {})


def plain_input(arguments: str) -> str:
    """What a model gave to a plain-text tool that it knows as one with an object; all of it, if it is no such.

    Raises GatewayError for such an object that has no text.
    """
    value = read_object(arguments or "{}")
    said = None if value is None else value.get(INPUT)
    if said is not None and not isinstance(said, str):
        raise no_answer(INPUT)
    return arguments if said is None else said


def is_half_input(said: str) -> bool:
    """Whether it is such an object that was cut off."""
    return _WRAPPED.match(said) is not None and read_object(said) is None


def check_inputs(has_half: bool, stop: Stop) -> None:
    """Raises GatewayError for half of an input in an answer that says of itself that it is finished."""
    if has_half and stop in ("stop", "tool_calls"):
        raise no_answer(INPUT)

"""Calls in the form before tools (`function_call`, role `function`) as calls of tools, for who knows no others."""

from gateway.chat import Json, JsonObject


def as_tool_calls(messages: list[Json]) -> list[Json]:
    """With the ids that callers of other providers' have, too (`fc_0`, `fc_1`, …). Like theirs, a result is of the
    call before it; that of no call stays what it is.
    """
    made: list[Json] = []
    calls = 0
    for message in messages:
        if isinstance(message, dict) and isinstance(called := message.get("function_call"), dict):
            kept = {name: value for name, value in message.items() if name != "function_call"}
            call: JsonObject = {"id": _id(calls), "type": "function", "function": called}
            stated = message.get("tool_calls")
            kept["tool_calls"] = [*(stated if isinstance(stated, list) else ()), call]
            made.append(kept)
            calls += 1
        elif isinstance(message, dict) and message.get("role") == "function" and calls:
            made.append({**message, "role": "tool", "tool_call_id": _id(calls - 1)})
        else:
            made.append(message)
    return made


def _id(number: int) -> str:
    return f"fc_{number}"

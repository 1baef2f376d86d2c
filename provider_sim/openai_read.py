"""Reading OpenAI's request fields, and refusing what OpenAI refuses, in its words."""

from typing import Any

import orjson

from provider_sim.ask import Tool
from provider_sim.errors import Refusal
from provider_sim.message import JsonObject
from provider_sim.tokens import IMAGE_TOKENS, count


def model_of(body: JsonObject) -> str:
    """The model, which must be there and must exist; names starting with `unknown` do not."""
    model = body.get("model")
    if model is None:
        raise Refusal("invalid", "you must provide a model parameter")
    if not isinstance(model, str):
        raise bad_type("model", "a string", model)
    known_model(model)
    return model


def known_model(model: str) -> None:
    if model.startswith("unknown"):
        raise Refusal(
            "not_found",
            f"The model `{model}` does not exist or you do not have access to it.",
            param="model",
            code="model_not_found",
        )


def missing(param: str) -> Refusal:
    return Refusal(
        "invalid", f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def bad_type(param: str, wanted: str, value: Any) -> Refusal:
    name = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}.get(
        type(value), "an object" if isinstance(value, dict) else "null"
    )
    message = f"Invalid type for '{param}': expected {wanted}, but got {name} instead."
    return Refusal("invalid", message, param=param, code="invalid_type")


def bad_value(param: str, message: str) -> Refusal:
    return Refusal("invalid", message, param=param, code="invalid_value")


def integer(body: JsonObject, name: str, least: int, most: int | None = None) -> int | None:
    """An optional whole number within bounds."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_type(name, "an integer", value)
    if value < least or (most is not None and value > most):
        bound = f"a value >= {least}" if value < least else f"a value <= {most}"
        code = "integer_below_min_value" if value < least else "integer_above_max_value"
        message = f"Invalid '{name}': integer {'below minimum' if value < least else 'above maximum'} value. "
        raise Refusal(
            "invalid", f"{message}Expected {bound}, but got {value} instead.", param=name, code=code
        )
    return value


def part_text(part: Any, param: str) -> tuple[str, int]:
    """A content part's text and the tokens of what is not text."""
    if isinstance(part, str):
        return part, 0
    if not isinstance(part, dict):
        raise bad_type(param, "an object", part)
    kind = part.get("type")
    if kind in {"text", "input_text", "output_text", "refusal"}:
        return str(part.get("text") or part.get("refusal") or ""), 0
    if kind in {"image_url", "input_image"}:
        return "", IMAGE_TOKENS
    if kind in {"file", "input_file", "input_audio"}:
        return "", count(orjson.dumps(part).decode())
    raise bad_value(f"{param}.type", f"Invalid value: '{kind}'. Supported values are: 'text', 'image_url', …")


def content_text(content: Any, param: str) -> tuple[str, int]:
    """A message's content as text, and the tokens of its images and files."""
    if content is None or isinstance(content, str):
        return content or "", 0
    if not isinstance(content, list):
        raise bad_type(param, "one of a string or array of objects", content)
    parts = [part_text(part, f"{param}[{i}]") for i, part in enumerate(content)]
    return "\n".join(text for text, _ in parts if text), sum(tokens for _, tokens in parts)


def tools_of(listed: Any, nested: bool) -> list[Tool]:
    """Chat (`nested`: {"type","function":{…}}) or Responses (flat) tools. Hosted tools are not offered."""
    tools = []
    for i, item in enumerate(listed or []):
        kind = item.get("type", "function") if isinstance(item, dict) else None
        if kind not in {"function", "custom"}:
            if nested or not isinstance(item, dict):
                raise bad_value(
                    f"tools[{i}].type",
                    f"Invalid value: '{kind}'. Supported values are: 'function', 'custom'.",
                )
            continue
        inner = item.get(kind) if nested else item
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise missing(f"tools[{i}].function.name" if nested else f"tools[{i}].name")
        tools.append(Tool(inner["name"], inner.get("parameters") or {}, kind == "custom"))
    return tools


def choice_of(choice: Any) -> tuple[str, list[str]]:
    """`tool_choice` in either shape as (auto | none | required | named, names)."""
    if choice is None or isinstance(choice, str):
        return choice or "auto", []
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        names = [t.get("name") or t.get("function", {}).get("name", "") for t in allowed.get("tools", [])]
        return str(allowed.get("mode", "auto")), names
    inner = choice.get("function") or choice.get("custom") or choice
    return "named", [str(inner.get("name", ""))]

"""What a provider's JSON says.

It is a stranger's: of what stands beside an answer (ids, sources, probabilities) what is not of its type was not
said. The answer itself, its texts and calls, must be of its type: what else would be lost of it nobody could see.
"""

from base64 import b64decode
from collections.abc import Set

from gateway.chat import ANSWERS_MAX, Json, JsonObject
from gateway.errors import UPSTREAM_INVALID, GatewayError


def word(fields: JsonObject, name: str) -> str:
    """ "" for what is no string."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def decimal(fields: JsonObject, name: str) -> float:
    """0 for what is no number, or one that none of these can be."""
    value = fields.get(name)
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def count(fields: JsonObject, name: str) -> int:
    """0 for what is no integer."""
    value = fields.get(name)
    return value if isinstance(value, int) else 0


def inside(fields: JsonObject, name: str) -> JsonObject:
    """An empty object for what is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def dicts(value: Json) -> list[JsonObject]:
    """The objects of an array; none for what is no array."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def unknown_in(fields: JsonObject, known: Set[str]) -> list[str]:
    """The names of others that say something."""
    return (
        []
        if fields.keys() <= known
        else [name for name, value in fields.items() if value and name not in known]
    )


def answer_word(fields: JsonObject, name: str) -> str:
    """ "" where the answer does not have it. Raises GatewayError for what is no string."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise no_answer(name)
    return value


def answer_base64(fields: JsonObject, name: str) -> str:
    """The same of what must be base64, too."""
    value = answer_word(fields, name)
    try:
        b64decode(value, validate=True)
    except ValueError:
        raise no_answer(name) from None
    return value


def answer_object(fields: JsonObject, name: str) -> JsonObject:
    """An empty one where the answer does not have it. Raises GatewayError for what is none."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise no_answer(name)
    return value


def answer_objects(fields: JsonObject, name: str) -> list[JsonObject]:
    """None where the answer does not have them. Raises GatewayError for what is no array of objects."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise no_answer(name)
    return [_object(one, name) for one in value]


def answer_index(fields: JsonObject) -> int:
    """Which of several answers it is; the first where that is not said. Raises GatewayError for one of more than
    anybody may ask for: all before it would have to be told.
    """
    index = count(fields, "index")
    if not 0 <= index < ANSWERS_MAX:
        raise no_answer("index")
    return index


def no_answer(name: str) -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, f"The `{name}` of the provider's answer is not what it should be.")


def _object(value: Json, name: str) -> JsonObject:
    if not isinstance(value, dict):
        raise no_answer(name)
    return value

"""What a provider's JSON says, leniently: it is a stranger's, and what is not of its type was not said."""

from gateway.chat import Json, JsonObject


def word(fields: JsonObject, name: str) -> str:
    """ "" for what is no string."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def decimal(fields: JsonObject, name: str) -> float:
    """0 for what is no number."""
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


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

"""Reading a caller's JSON into typed values: what is of another type is refused with the caller's own path.

Each function takes the object, the field's name and `at`, the object's path ("" at the top). A missing field and
`null` are the same: the dialects' SDKs send either.
"""

from collections.abc import Iterator
from typing import cast

from gateway.chat import Json, JsonObject
from gateway.errors import INVALID_TYPE, INVALID_VALUE, MISSING_PARAMETER, GatewayError


def path(at: str, name: str | int) -> str:
    """`messages` + 3 → `messages[3]`, + `role` → `messages[3].role`."""
    if isinstance(name, int):
        return f"{at}[{name}]"
    return f"{at}.{name}" if at else name


def text(fields: JsonObject, name: str, at: str = "") -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong_type(path(at, name), "a string")


def required_text(fields: JsonObject, name: str, at: str = "") -> str:
    value = text(fields, name, at)
    if value is None:
        raise missing(path(at, name))
    return value


def integer(
    fields: JsonObject, name: str, at: str = "", least: int | None = None, most: int | None = None
) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():  # SDKs in languages without integers
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(path(at, name), "an integer")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"between {least} and {most}" if most is not None else f"{least} or more"
        raise wrong_value(path(at, name), f"must be {bounds}")
    return value


def number(
    fields: JsonObject, name: str, at: str = "", least: float | None = None, most: float | None = None
) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(path(at, name), "a number")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"between {least} and {most}" if most is not None else f"{least} or more"
        raise wrong_value(path(at, name), f"must be {bounds}")
    return value


def flag(fields: JsonObject, name: str, at: str = "") -> bool | None:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong_type(path(at, name), "a boolean")


def one_of(fields: JsonObject, name: str, allowed: tuple[str, ...], at: str = "") -> str | None:
    value = text(fields, name, at)
    if value is not None and value not in allowed:
        raise wrong_value(path(at, name), f"must be one of {', '.join(allowed)}")
    return value


def mapping(fields: JsonObject, name: str, at: str = "") -> JsonObject | None:
    value = fields.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise wrong_type(path(at, name), "an object")


def required_mapping(fields: JsonObject, name: str, at: str = "") -> JsonObject:
    value = mapping(fields, name, at)
    if value is None:
        raise missing(path(at, name))
    return value


def array(fields: JsonObject, name: str, at: str = "") -> list[Json] | None:
    value = fields.get(name)
    if value is None or isinstance(value, list):
        return value
    raise wrong_type(path(at, name), "an array")


def objects(fields: JsonObject, name: str, at: str = "") -> Iterator[tuple[JsonObject, str]]:
    """The objects of an array with their paths; of none where there is no array."""
    found = array(fields, name, at)
    if not found:
        return
    whole = path(at, name)
    for index, value in enumerate(found):
        where = f"{whole}[{index}]"
        if not isinstance(value, dict):
            raise wrong_type(where, "an object")
        yield value, where


def texts(fields: JsonObject, name: str, at: str = "") -> tuple[str, ...]:
    """The strings of an array, or a lone string."""
    value = fields.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(cast(list[str], value))
    raise wrong_type(path(at, name), "a string or an array of strings")


def missing(where: str) -> GatewayError:
    return GatewayError(MISSING_PARAMETER, f"Missing required parameter: '{where}'.", param=where)


def wrong_type(where: str, wanted: str) -> GatewayError:
    return GatewayError(INVALID_TYPE, f"`{where}` must be {wanted}.", param=where)


def wrong_value(where: str, what: str) -> GatewayError:
    """`what` goes on after the field: "must be …"."""
    return GatewayError(INVALID_VALUE, f"`{where}` {what}.", param=where)

"""How Google's JSON may be spelt: names as `thisWay` or as `this_way`, lists of one as what would be in them."""

import re

from gateway.chat import JsonObject
from gateway.dialects.json_fields import mapping, objects, path
from gateway.dialects.known_fields import KnownFields

_CAPITAL = re.compile("[A-Z]")


def camel(fields: JsonObject) -> JsonObject:
    """The same with its names as Google's documents spell them; what is in it stays as it came."""
    for name in fields:
        if "_" in name:
            return {camel_name(name): value for name, value in fields.items()}
    return fields


def inner(fields: JsonObject, name: str, at: str = "") -> JsonObject | None:
    """An object in an object. Raises GatewayError when it is something else."""
    found = mapping(fields, name, at)
    return None if found is None else camel(found)


def several(fields: JsonObject, name: str, at: str = "") -> list[tuple[JsonObject, str]]:
    """The objects of an array, or a lone one, with their paths. Raises GatewayError for what is no object."""
    value = fields.get(name)
    if isinstance(value, dict):
        return [(camel(value), path(at, name))]
    return [(camel(one), where) for one, where in objects(fields, name, at)] if value is not None else []


def spelt_either_way(known: KnownFields) -> KnownFields:
    """The same, which takes names as they may be spelt, too."""
    todo, seen = [known], set[int]()
    while todo:
        fields = todo.pop()
        if id(fields) in seen:
            continue
        seen.add(id(fields))
        todo += [inside for inside in fields.values() if inside is not None]
        for name in list(fields):
            fields.setdefault(_CAPITAL.sub(lambda letter: "_" + letter[0].lower(), name), fields[name])
    return known


def camel_name(name: str) -> str:
    """`this_way` as `thisWay`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)

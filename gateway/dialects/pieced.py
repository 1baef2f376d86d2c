"""JSON that comes in pieces, as OpenAI's streams bring it: what each adds to what was said before.

Texts and lists go one behind the other, objects into each other, and entries of a list that have one `index` are
pieces of the same. What is told once, or in each piece anew, holds as it was told first; so it is with numbers as
they were told last.
"""

from typing import Any, TypeAlias

from gateway.chat import Json

_ONCE = frozenset({"role", "id", "type", "name", "format", "index"})


class _Text(list[str]):
    """One that is joined once, however many pieces it comes in."""


#: A value that may go on: what `told` makes JSON of.
Pieced: TypeAlias = Any


def added(before: Pieced, value: Json) -> Pieced:
    """`before` (None: nothing yet) with a piece more."""
    if value is None:
        return before
    if isinstance(value, str) and (before is None or isinstance(before, _Text)):
        before = _Text() if before is None else before
        before.append(value)
    elif isinstance(value, dict) and (before is None or isinstance(before, dict)):
        before = {} if before is None else before
        for name, one in value.items():
            if name not in _ONCE:
                before[name] = added(before.get(name), one)
            elif one is not None:
                before.setdefault(name, one)
    elif isinstance(value, list) and (before is None or _is_list(before)):
        before = [] if before is None else before
        for one in value:
            _append(before, one)
    else:
        before = value
    return before


def told(value: Pieced) -> Any:
    """JSON: no more is added."""
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items()}
    return [told(one) for one in value] if isinstance(value, list) else value


def _is_list(before: Pieced) -> bool:
    return isinstance(before, list) and not isinstance(before, _Text)


def _append(several: list[Pieced], one: Json) -> None:
    place = one.get("index") if isinstance(one, dict) else None
    if isinstance(place, int):
        for before in several:
            if isinstance(before, dict) and before.get("index") == place:
                added(before, one)
                return
    several.append(added(None, one))

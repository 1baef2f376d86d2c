"""What of a request a provider does not take, as its refusal says (wire reference §5, end).

Callers must not be able to have one left out by having their own words quoted: it is named by the provider's own
member, or by how the message begins.
"""

import re
from typing import Any, NamedTuple

from gateway.upstream.error_reply import read_error

_STATUSES = frozenset({400, 422})
_NAME = r"[`'\"]?([A-Za-z_]+)[`'\"]?"
_SAYS = re.compile(
    rf"Unsupported (?:parameter|value):? {_NAME}"
    rf"|Unrecognized request argument supplied: {_NAME}"
    rf"|Unknown (?:parameter|field|argument):? {_NAME}"
    rf"|Argument not supported on this model: {_NAME}"
    rf"|(?:[Pp]roperty |[Pp]arameter |[Ff]ield )?{_NAME}"
    r"(?:: Extra inputs are not permitted| (?:is|are) (?:not supported|unsupported|not permitted|deprecated))"
    rf"|(?:This |The )?[Mm]odel (?:\S+ )?does not support (?:the )?(?:parameter |field )?{_NAME}"
)
#: Google's of its JSON: the second is the object that it is in.
_UNKNOWN_NAME = re.compile(
    r"Invalid JSON payload received\. Unknown name \"(\w+)\"(?: at '(\w+)')?: Cannot find field\."
)
#: What a model cannot do, in words for people: Google's and Ollama's. `value`: it is about the one that was sent.
_CANNOT = re.compile(
    r"(?:Unable to submit request because )?(?P<what>Penalty|[Tt]hinking(?:[ _](?:level|budget))?)"
    r"(?P<value> [A-Z]+)? is not (?:enabled|supported) (?:for|by) (?:this model|models/)"
    r"|\"?[^\s\"]+\"? does not support (?P<lack>thinking)$"
    r"|(?P<word>think) value \S+ (?P<one>is) not supported for this model"
)
_OF_VALUE, _ANY_VALUE = "Unsupported value", "Only the default"
_EXTRA = "extra_forbidden"
_HUMP = re.compile(r"(?<=[a-z])[A-Z]")


class Unsupported(NamedTuple):
    """`word` is a field (`a.b` in an object), or what the provider calls some fields; `any_value`: whatever its
    value is; else the one that was sent.
    """

    word: str
    any_value: bool


def unsupported(status: int, body: bytes) -> Unsupported | None:
    """None where the refusal is about something else, or does not say what."""
    if status not in _STATUSES:
        return None
    reply = read_error(body)
    extra = _extra_field(reply.detail.get("detail"))
    if extra:
        return Unsupported(extra, any_value=True)
    unknown = _UNKNOWN_NAME.match(reply.message)
    if unknown is not None:
        name, within = unknown.groups()
        return Unsupported(f"{within}.{name}" if within else name, any_value=True)
    lacking = _CANNOT.match(reply.message)
    if lacking is not None:
        word = lacking["what"] or lacking["lack"] or lacking["word"]
        return Unsupported(
            word.lower().replace(" ", "_"), any_value=lacking["value"] is None and lacking["one"] is None
        )
    said = _SAYS.match(reply.message)
    if said is None:
        return None
    param = reply.detail.get("param")
    name = param if isinstance(param, str) and param else next(filter(None, said.groups()), "")
    of_value = reply.message.startswith(_OF_VALUE) and _ANY_VALUE not in reply.message
    return Unsupported(_HUMP.sub(lambda hump: "_" + hump[0].lower(), name), any_value=not of_value)


def _extra_field(problems: Any) -> str:
    """Of a list of problems as pydantic has them, which Mistral passes on: the first field that is too much."""
    for one in problems if isinstance(problems, list) else ():
        place = one.get("loc") if isinstance(one, dict) and one.get("type") == _EXTRA else None
        if isinstance(place, list) and len(place) == 2 and isinstance(place[1], str):
            return place[1]
    return ""

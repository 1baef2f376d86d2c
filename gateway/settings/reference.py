"""The tables of docs/configuration.md, made from the schema: `python -m gateway.settings.reference FILE`.

Rewrites what stands between the two markers of FILE; a test holds the file to it.
"""

import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.layers import VARIABLES
from gateway.settings.schema import ConfigFile

BEGIN = "<!-- begin: made by gateway/settings/reference.py -->\n"
END = "<!-- end -->\n"

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def tables() -> str:
    """One table for the top level and one for each section, in the order of the schema."""
    text = ""
    waiting: list[tuple[str, type[BaseModel]]] = [("", ConfigFile)]
    while waiting:
        path, section = waiting.pop(0)
        text += f"### {f'`{path}`' if path else 'Top level'}\n\n{(section.__doc__ or '').strip()}\n\n"
        text += "| field | type | default | meaning |\n|---|---|---|---|\n"
        inner: list[tuple[str, type[BaseModel]]] = []
        for name, field in section.model_fields.items():
            text += _row(name, field, top=not path)
            held, suffix = _section(field.annotation)
            if held is not None:
                inner.append((f"{path}.{name}{suffix}" if path else f"{name}{suffix}", held))
        waiting = inner + waiting
        text += "\n"
    return text


def rewritten(document: str) -> str:
    """`document` with the tables of today between its markers."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables()}{END}{tail}"


def _row(name: str, field: FieldInfo, top: bool) -> str:
    variables = [variable for variable, setting in VARIABLES.items() if top and setting == name]
    meaning = " ".join([field.description or "", *(f"Variable `{variable}`." for variable in variables)])
    return f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, BaseModel) or value in ((), {}):
        return "empty"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(kind: Any) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(args[0])
    if origin in (Union, types.UnionType):
        return _type(next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if origin is dict:
        return f"mapping to {_type(args[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "section"
    return _WORDS.get(kind, "number")


def _section(kind: Any) -> tuple[type[BaseModel] | None, str]:
    """The section that a field holds, and how its entries are reached: `[]` in a list, `.*` in a mapping."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _section(args[0])
    if origin in (Union, types.UnionType):
        return _section(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return _section(args[0])[0], "[]"
    if origin is dict:
        return _section(args[1])[0], ".*"
    return (kind, "") if isinstance(kind, type) and issubclass(kind, BaseModel) else (None, "")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(rewritten(target.read_text()))

"""Plain data against the schema; every deviation becomes a problem in words that hold no values."""

import re
import types
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gateway.settings.apis import APIS
from gateway.settings.places import Findings
from gateway.settings.problem import Path, show
from gateway.settings.schema import ConfigFile
from gateway.settings.schema_types import ID_PATTERN, PLACES_PATTERN, VAULT_PATH_PATTERN, Section

_SectionT = TypeVar("_SectionT", bound=Section)

#: What may be repeated of an unknown field's name: a word, not something that could be a pasted secret.
_WORD = re.compile(r"[A-Za-z_][A-Za-z_-]{0,31}\Z")

_MESSAGES = {
    "decimal_max_places": "must have at most {decimal_places} digits after the point",
    "missing": "is required",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "is_instance_of": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text (put it in quotes)",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "has more than {max_length} entries",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "is longer than {max_length} characters",
    "literal_error": "must be {expected}",
    "finite_number": "must be a finite number",
}

_PATTERNS = {
    ID_PATTERN: "must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit",
    r"^[\x21-\x7e]{1,256}$": "must be 1 to 256 printable ASCII characters without spaces",
    r"^[\x20-\x7e]{1,256}$": "must be 1 to 256 printable ASCII characters",
    r"^[a-z0-9][a-z0-9._-]{0,63}/[\x20-\x7e]{1,256}$": "must be `provider/model`",
    r"^[\x21-\x7e]+$": "must be printable ASCII characters without spaces",
    PLACES_PATTERN: "must be env:NAME, file:/path or vault:mount/path#field; `*` at its end is all that "
    "begins so, of files all in a directory",
    VAULT_PATH_PATTERN: "must be names of A-Z a-z 0-9 _ . ~ @ - with single slashes between them",
}


def validate(data: Mapping[str, Any], findings: Findings) -> ConfigFile | None:
    """The file as written, or None after every problem was added to `findings`."""
    return validate_section(ConfigFile, data, findings)


def validate_section(kind: type[_SectionT], data: Mapping[str, Any], findings: Findings) -> _SectionT | None:
    """The same of one section by itself."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            path: Path = detail["loc"]
            if detail["type"] == "extra_forbidden":
                findings.add(*_unknown(path, kind))
                continue
            if path and path[-1] == "[key]":
                path = path[:-1]
            empty = _is_empty(data, path)
            findings.add(path, "is empty" if empty else _words(detail["type"], detail.get("ctx", {})))
        return None


class UnfitError(ValueError):
    """What is no section, in words that hold no values."""


def section_of(kind: type[_SectionT], data: Mapping[str, Any]) -> _SectionT:
    """One section by itself. Raises UnfitError with the first thing that is wrong."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        where = f"{show(detail['loc'])}: " if detail["loc"] else ""
        raise UnfitError(where + _words(detail["type"], detail.get("ctx", {}))) from None


def suggestion(word: str, known: list[str]) -> str:
    """ "; did you mean …?" when something in `known` is close to `word`, else nothing."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def check_local(provider: str, local: bool, path: Path, findings: Findings) -> None:
    """Adds a problem unless `provider`, to which a route overflows, is a model server of ours."""
    if not local:
        message = f"`{provider}` is not local: overflow goes to models of our own, never to a paid one"
        findings.add(path, message)


def check_apis(apis: tuple[str, ...], path: Path, findings: Findings) -> None:
    """Adds a problem for each name that is not an API."""
    for index, api in enumerate(apis):
        if api not in APIS:
            known = sorted(APIS)
            findings.add((*path, index), f"no such API{suggestion(api, known)}; known: {', '.join(known)}")


def _words(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"must match {context['pattern']}")
    if context.get("min_length") == 1:
        return "must not be empty"
    return _MESSAGES.get(kind, "is not valid").format_map(context)


def _is_empty(data: Any, path: Path) -> bool:
    """Whether the file has nothing after the field's colon, which deserves plainer words than a type."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    return data is None


def _unknown(path: Path, top: type[BaseModel]) -> tuple[Path, str]:
    name = str(path[-1])
    if not _WORD.match(name):
        return path[:-1], "unknown field (its name is not a word and not repeated here)"
    known = _fields_at(path[:-1], top)
    return path, f"unknown field{suggestion(name, known)}"


def _fields_at(path: Path, top: type[BaseModel]) -> list[str]:
    """The fields of the section at `path` in one of the kind `top`."""
    kind: Any = top
    for step in path:
        kind = _plain(kind)
        if get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            kind = kind.model_fields[str(step)].annotation
    kind = _plain(kind)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _plain(annotation: Any) -> Any:
    """The type inside optional and annotated ones."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _plain(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation

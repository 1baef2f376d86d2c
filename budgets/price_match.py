"""Which name of a model, or of a provider, is meant: the conditions of the price package, as plain lists. Pure."""

import re
from typing import Any

Match = list[Any]  # [kind, text] or ["or" | "and", [Match, …]]


def matches(match: Match, name: str) -> bool:
    """Whether `name`, in lower case, is meant."""
    kind, what = match
    if kind == "or":
        return any(matches(one, name) for one in what)
    if kind == "and":
        return all(matches(one, name) for one in what)
    if kind == "regex":
        return re.search(what, name) is not None
    text = what.lower()
    if kind == "equals":
        return bool(name == text)
    if kind == "starts_with":
        return name.startswith(text)
    return name.endswith(text) if kind == "ends_with" else text in name

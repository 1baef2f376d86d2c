"""`--set name=value`, as resources are made and changed from the shell. Pure.

A value is JSON where it is some, else text: `weight=2`, `name=Ada`, `limits.rpm=600`, `local=true`, `hint=null`.
Fields that hold lists take words with commas between them too.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from budgets.money import nano

Document = dict[str, Any]
_LISTS = frozenset({"targets", "tenants", "models", "endpoints", "addresses", "apis"})
_DECIMALS = frozenset({"weight"})
_PLACES = 9
_USD_MAX = 1_000_000_000  # as the file and the admin API have it


class FieldError(Exception):
    """What was typed says no field; the message is for who typed it."""


def parsed(settings: Iterable[str]) -> Document:
    """All that was set, with nested names as nested mappings."""
    document: Document = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise FieldError(f"--set takes name=value, not {setting[:64]!r}")
        if name == "usd":
            name, text = "limit_nusd", str(_nano(text))
        *above, last = name.split(".")
        inner = document
        for step in above:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise FieldError(f"{name}: {step} was set to something else already")
        inner[last] = _value(name, text)
    return document


def merged(there: Document, settings: Document) -> Document:
    """The patch by which `settings` get into `there`: of a mapping what was not set stays."""
    patch: Document = {}
    for name, value in settings.items():
        before = there.get(name)
        both = isinstance(value, dict) and isinstance(before, dict)
        patch[name] = {**before, **value} if both and isinstance(before, dict) else value
    return patch


def _value(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if name in _LISTS and isinstance(value, str):
        return [word for word in value.split(",") if word]
    if name in _DECIMALS and type(value) is int:
        return float(value)
    return value


def _nano(text: str) -> int:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("nan")
    if not usd.is_finite():
        raise FieldError("usd: an amount of dollars, such as 12.50")
    if not 0 <= usd <= _USD_MAX:
        raise FieldError(f"usd: must be at least 0 and at most {_USD_MAX:,}")
    if usd != round(usd, _PLACES):
        raise FieldError("usd: no finer than a billionth of a dollar")
    return nano(usd)

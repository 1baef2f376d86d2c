"""A valid instance of a JSON Schema, as a model under constrained decoding would produce.

Covers what providers accept in structured outputs and tools: types and type lists, enum, const, anyOf, oneOf,
allOf, $ref (recursion stops at the first optional chance), formats, numeric and length bounds, and the common
patterns. Optional properties are filled at the top levels only, so recursive schemas end.
"""

import re
from typing import Any

from provider_sim.determinism import Draw
from provider_sim.message import JsonObject

FORMATS = {
    "date-time": "2026-09-21T12:00:00Z", "date": "2026-09-21", "time": "12:00:00Z", "duration": "PT1H",
    "email": "someone@example.com", "hostname": "example.com", "uri": "https://example.com/",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "7f1c3a52-4c1d-4e53-9d0a-5b6f0f3a2c11",
}  # fmt: skip
WORDS = ["alpha", "bravo", "delta", "gamma", "kilo", "lima", "sierra", "tango"]
PATTERN_CANDIDATES = [
    "a", "A", "1", "abc", "ABC", "123", "a1", "A1", "AB-123", "ABC-1234", "2026-09-21", "12:00", "#a1b2c3",
    "someone@example.com", "https://example.com/", "+15550100", "en", "en-US", "EUR", "v1.2.3", "1.5", "a_b", "a-b",
]  # fmt: skip
DEPTH_OPTIONAL = 3
DEPTH_MAX = 24


def instance(schema: Any, draw: Draw, text: str = "") -> Any:
    """A value valid under `schema`; free strings carry `text` when it fits, so answers stay recognisable."""
    root = schema if isinstance(schema, dict) else {}
    return _Writer(root, draw, text).value(root, "$", 0)


class _Writer:
    def __init__(self, root: JsonObject, draw: Draw, text: str) -> None:
        self._root = root
        self._draw = draw
        self._text = text

    def value(self, schema: Any, path: str, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > DEPTH_MAX:
            return "any" if schema is True else None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._draw.pick(path, schema["enum"])
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                options = schema[word]
                rest = {key: item for key, item in schema.items() if key != word}
                # Deep down the shortest way out is taken: null or a scalar before an object.
                option = options[0] if depth < DEPTH_OPTIONAL else min(options, key=self._weight)
                return self.value(_merged(rest, self._resolved(option)), path, depth + 1)
        return self._typed(schema, path, depth)

    def _typed(self, schema: JsonObject, path: str, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null") if depth < DEPTH_OPTIONAL else kind[-1]
        if kind is None:
            if "properties" in schema or "required" in schema:
                kind = "object"
            elif "items" in schema or "prefixItems" in schema:
                kind = "array"
            elif not {"minimum", "maximum", "multipleOf"}.isdisjoint(schema):
                kind = "number"
            else:
                kind = "string"
        # Gemini's own schema dialect writes types in capitals.
        match str(kind).lower():
            case "object":
                return self._object(schema, path, depth)
            case "array":
                return self._array(schema, path, depth)
            case "integer" | "number" as name:
                return self._number(schema, path, whole=name == "integer")
            case "boolean":
                return bool(self._draw.number(path, 0, 1))
            case "null":
                return None
        return self._string(schema, path)

    def _object(self, schema: JsonObject, path: str, depth: int) -> JsonObject:
        properties: JsonObject = schema.get("properties") or {}
        required = list(schema.get("required") or [])
        names = list(properties) if depth < DEPTH_OPTIONAL else [n for n in properties if n in required]
        names += [name for name in required if name not in properties]
        made = {name: self.value(properties.get(name, {}), f"{path}.{name}", depth + 1) for name in names}
        extra = 0
        while len(made) < int(schema.get("minProperties", 0)):
            made[f"extra{extra}"] = self.value(
                schema.get("additionalProperties", {}), f"{path}+{extra}", depth + 1
            )
            extra += 1
        return made

    def _array(self, schema: JsonObject, path: str, depth: int) -> list[Any]:
        first = [
            self.value(s, f"{path}[{i}]", depth + 1) for i, s in enumerate(schema.get("prefixItems") or [])
        ]
        least = int(schema.get("minItems", 0))
        wanted = max(least, 1 if depth < DEPTH_OPTIONAL and int(schema.get("maxItems", 1)) > 0 else 0)
        items = schema.get("items", {})
        while len(first) < wanted:
            item = self.value(items, f"{path}[{len(first)}]", depth + 1)
            if schema.get("uniqueItems") and item in first:
                item = self._another(items, item, len(first))
                if item in first:
                    break
            first.append(item)
        return first

    def _another(self, items: Any, item: Any, number: int) -> Any:
        """A different item for `uniqueItems`."""
        choices = self._resolved(items).get("enum") if isinstance(items, dict) else None
        if choices:
            return choices[number % len(choices)]
        if isinstance(item, str):
            return f"{item}{number}"
        return item + number if isinstance(item, int) and not isinstance(item, bool) else item

    def _number(self, schema: JsonObject, path: str, whole: bool) -> int | float:
        step = schema.get("multipleOf") or (1 if whole else None)
        low: Any = schema.get("minimum")
        high: Any = schema.get("maximum")
        if isinstance(schema.get("exclusiveMinimum"), int | float):
            low = schema["exclusiveMinimum"] + (step or 1e-3)
        if isinstance(schema.get("exclusiveMaximum"), int | float):
            high = schema["exclusiveMaximum"] - (step or 1e-3)
        if low is None and high is None:
            low, high = 1, 100
        low = high - 10 if low is None and high is not None else low
        high = low + 10 if high is None else high
        if step:
            first = -(-low // step)
            last = max(high // step, first)
            chosen = self._draw.number(path, int(first), int(last)) * step
            return int(chosen) if whole else chosen
        return float(low + (high - low) * self._draw.number(path, 0, 1000) / 1000)

    def _string(self, schema: JsonObject, path: str) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        pattern = schema.get("pattern")
        if pattern:
            for candidate in [*PATTERN_CANDIDATES, "a" * least, "A" * least, "1" * least]:
                if (
                    re.search(pattern, candidate)
                    and len(candidate) >= least
                    and len(candidate) <= (most or 1e9)
                ):
                    return candidate
        made = self._text[:80] or self._draw.pick(path, WORDS)
        made = made.ljust(least, "x")
        return made if most is None else made[: int(most)]

    def _resolved(self, given: Any) -> JsonObject:
        """`given` with its local $ref and allOf folded in."""
        if not isinstance(given, dict):
            return {}
        schema: JsonObject = given
        for _ in range(DEPTH_MAX):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            target: Any = self._root
            for step in reference.lstrip("#/").split("/") if reference != "#" else []:
                target = (
                    target.get(step.replace("~1", "/").replace("~0", "~"), {})
                    if isinstance(target, dict)
                    else {}
                )
            schema = _merged({key: item for key, item in schema.items() if key != "$ref"}, target)
        for part in schema.get("allOf") or []:
            rest = {key: item for key, item in schema.items() if key != "allOf"}
            schema = _merged(rest, self._resolved(part)) | {"allOf": []}
        return schema

    def _weight(self, option: Any) -> int:
        kind = self._resolved(option).get("type")
        return {"null": 0, "object": 3, "array": 2}.get(kind if isinstance(kind, str) else "", 1)


def _merged(first: JsonObject, second: Any) -> JsonObject:
    """Both schemas' demands; properties and required add up."""
    if not isinstance(second, dict):
        return first
    both = {**first, **second}
    if "properties" in first and "properties" in second:
        both["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        both["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return both

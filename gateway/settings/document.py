"""A YAML text as plain data in which every value knows its line.

Only what a configuration needs of YAML: one document, plain scalars by the YAML 1.2 core rules (so `no` and
`1:30` stay text), anchors and merge keys with a bound on what they expand to. Tags are refused, duplicate
keys are problems. The text is untrusted: nothing here recurses deeper than `DEPTH_MAX`.
"""

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.settings.problem import ConfigError, Path, Problem, show

SIZE_MAX = 4 * 1024 * 1024
DEPTH_MAX = 32
VALUES_MAX = 200_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]{0,18})\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,20}|[0-9]{1,20}(\.[0-9]{0,20})?)([eE][-+]?[0-9]{1,3})?\Z")


@dataclass(slots=True)
class _Node:
    """A value with its line: `value` is a scalar, a list of nodes or a dict of (key line, node) by key."""

    line: int
    value: Any
    merges: "list[_Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Document:
    """`data` is the top mapping; `lines` gives the line (from 1) of every path in it."""

    source: str
    data: dict[str, Any]
    lines: dict[Path, int]
    digest: str = ""

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 1


def parse(text: str, source: str) -> Document:
    """Read `text`; raises ConfigError with every duplicate key, or with the first error of syntax."""
    if len(text) > SIZE_MAX:
        raise ConfigError([Problem(source, None, "", f"larger than {SIZE_MAX // 1024 // 1024} MiB")])
    composer = _Composer(text, source)
    root = composer.document()
    if root is None or root.value is None:
        return Document(source, {}, {})
    if not isinstance(root.value, dict):
        raise ConfigError([Problem(source, root.line, "", "must be a mapping of settings")])
    lines: dict[Path, int] = {}
    data = _Plain(composer, lines).convert(root, ())
    if composer.problems:
        raise ConfigError(composer.problems)
    return Document(source, data, lines, hashlib.sha256(text.encode()).hexdigest()[:12])


class _Composer:
    """Builds nodes from the parser's events, with bounds that the parser does not have."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = self._guarded(text)
        self._anchors: dict[str | None, _Node] = {}
        self._count = 0

    def fail(self, line: int, message: str, path: Path = ()) -> ConfigError:
        return ConfigError([*self.problems, Problem(self.source, line, show(path), message)])

    def document(self) -> _Node | None:
        """The only document of the text, or None when there is none."""
        root: _Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self.fail(_line(event), "only one document is allowed")
                root = self._node(next(self._events), ())
        return root

    def _guarded(self, text: str) -> Iterator[Any]:
        """The events of `text`; errors of syntax become problems without a snippet of the text."""
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = f"not valid YAML: {_without_text(error.problem or error.context or 'syntax error')}"
            raise self.fail(1 if mark is None else mark.line + 1, message) from None
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
            raise self.fail(line, "not valid YAML: a character that is not allowed") from None

    def _node(self, event: Any, path: Path) -> _Node:
        line = _line(event)
        self._count += 1
        if self._count > VALUES_MAX:
            raise self.fail(line, f"more than {VALUES_MAX} values", path)
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(event.anchor)
            if target is None:
                raise self.fail(line, "an alias without an anchor before it", path)
            return _Node(line, target.value, target.merges)
        if len(path) >= DEPTH_MAX:
            raise self.fail(line, f"nested deeper than {DEPTH_MAX}", path)
        if event.tag not in (None, "!"):
            raise self.fail(line, "tags are not supported", path)
        if isinstance(event, yaml.ScalarEvent):
            node = _Node(line, _scalar(event.value) if event.implicit[0] else event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = _Node(line, self._items(path))
        else:
            node = self._mapping(line, path)
        # Registered only when complete, so that no value can contain itself.
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _items(self, path: Path) -> list[_Node]:
        items: list[_Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, line: int, path: Path) -> _Node:
        fields: dict[str, tuple[int, _Node]] = {}
        node = _Node(line, fields)
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_line = _line(event)
            if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, "!"):
                raise self.fail(key_line, "a field's name must be plain text", path)
            key = event.value
            value = self._node(next(self._events), (*path, key))
            if key == "<<" and event.implicit[0]:
                node.merges.extend(self._merged(value, path))
            elif key in fields:
                first = fields[key][0]
                self.problems.append(
                    Problem(self.source, key_line, show((*path, key)), f"given twice (first in line {first})")
                )
            else:
                fields[key] = (key_line, value)
        return node

    def _merged(self, value: _Node, path: Path) -> list[_Node]:
        parts = value.value if isinstance(value.value, list) else [value]
        for part in parts:
            if not isinstance(part.value, dict):
                raise self.fail(value.line, "`<<` takes a mapping or a list of mappings", path)
        return list(parts)


class _Plain:
    """Turns nodes into dicts, lists and scalars and notes their lines; counts what aliases expand to."""

    def __init__(self, composer: _Composer, lines: dict[Path, int]) -> None:
        self._composer = composer
        self._lines = lines
        self._count = 0

    def convert(self, node: _Node, path: Path) -> Any:
        self._step(node, path)
        if isinstance(node.value, list):
            items = []
            for index, item in enumerate(node.value):
                self._lines[*path, index] = item.line
                items.append(self.convert(item, (*path, index)))
            return items
        if isinstance(node.value, dict):
            fields = {}
            for key, (line, value) in self._fields(node, path).items():
                self._lines[*path, key] = line
                fields[key] = self.convert(value, (*path, key))
            return fields
        return node.value

    def _fields(self, node: _Node, path: Path, depth: int = 0) -> dict[str, tuple[int, _Node]]:
        """A mapping's own fields and, where it has none of that name, the merged ones."""
        if depth > DEPTH_MAX:
            raise self._composer.fail(node.line, f"merged deeper than {DEPTH_MAX}", path)
        fields: dict[str, tuple[int, _Node]] = dict(node.value)
        for merged in node.merges:
            for key, pair in self._fields(merged, path, depth + 1).items():
                self._step(merged, path)
                fields.setdefault(key, pair)
        return fields

    def _step(self, node: _Node, path: Path) -> None:
        self._count += 1
        if self._count > VALUES_MAX:
            raise self._composer.fail(node.line, f"more than {VALUES_MAX} values, aliases included", path)
        if len(path) > DEPTH_MAX:
            raise self._composer.fail(node.line, f"nested deeper than {DEPTH_MAX}", path)


def _scalar(text: str) -> Any:
    """A plain scalar's value by the YAML 1.2 core rules; digits may be grouped with `_`."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text.replace("_", ""))
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    return text


def _without_text(message: str) -> str:
    """The parser's words without anything it quotes, which may be a piece of a secret; one sign may stay."""
    return re.sub(r"(['\"])..+\1", "…", message)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1

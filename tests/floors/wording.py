"""Rules about what stands inside a file: sizes, docstrings, open ends, state of modules."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from tests.floors.sources import Sources
from tests.floors.structure import Findings

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
_OPEN_END = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_CONTAINERS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MUTABLE_CALLS = {
    "list", "dict", "set", "bytearray", "collections.defaultdict", "collections.deque", "collections.Counter",
    "collections.OrderedDict", "itertools.count", "itertools.cycle", "weakref.WeakSet", "weakref.WeakKeyDictionary",
    "weakref.WeakValueDictionary",
}  # fmt: skip
_MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove",
    "setdefault", "sort", "update",
}  # fmt: skip


def file_lines(sources: Sources) -> Findings:
    lengths = {module.path: len(module.text.splitlines()) for module in sources.values()}
    return {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX}


def function_lines(sources: Sources) -> Findings:
    found: Findings = {}
    for module in sources.values():
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found[f"{module.path}: {node.name}"] = lines
    return found


def docstrings(sources: Sources) -> Findings:
    """Modules that do not say what they are; an empty package file may be silent."""
    return {
        module.path: 1
        for module in sources.values()
        if module.tree.body and ast.get_docstring(module.tree) is None
    }


def open_ends(sources: Sources) -> Findings:
    """Work put off in a comment."""
    found: Counter[str] = Counter()
    for module in sources.values():
        if not _OPEN_END.search(module.text):
            continue
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
            if token.type == tokenize.COMMENT and _OPEN_END.search(token.string):
                found[module.path] += 1
    return dict(found)


def module_state(sources: Sources) -> Findings:
    """Containers of a module that its code changes or that are not named like constants; `global`."""
    found: Counter[str] = Counter()
    for module in sources.product.values():
        changed = set(_changed_names(module.nodes))
        for name, value in _assigned(module.tree):
            mutable = isinstance(value, _CONTAINERS) or (
                isinstance(value, ast.Call) and module.dotted(value.func) in _MUTABLE_CALLS
            )
            if mutable and name != "__all__" and (name in changed or not name.isupper()):
                found[f"{module.path}: {name}"] += 1
        for node in module.nodes:
            if isinstance(node, ast.Global):
                found[f"{module.path}: global"] += 1
    return dict(found)


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            yield node.target.id, node.value


def _changed_names(nodes: list[ast.AST]) -> Iterator[str]:
    """Names that functions of the module change in place; building a table at import is not changing it."""
    functions = (
        list(ast.walk(node))
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    for function in functions:
        own = {argument.arg for argument in function if isinstance(argument, ast.arg)}
        own |= {
            node.id for node in function if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for node in function:
            target: ast.expr | None = None
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                target = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                target = node.func.value if node.func.attr in _MUTATORS else None
            if isinstance(target, ast.Name) and target.id not in own:
                yield target.id

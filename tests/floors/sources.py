"""Python files as modules: names, syntax trees and what they import."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Folders of the product; those that do not exist yet hold nothing.
PRODUCT = (
    "gateway", "provider_sim", "local_models", "loadtests", "storage", "budgets", "keys", "knowledge",
    "runtime_shim", "pressure",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: `target` is dotted, with what is taken from a module as its last part."""

    target: str
    line: int
    typing_only: bool


@dataclass
class Module:
    """One file. `name` is dotted; a package goes by its folder's name."""

    name: str
    path: str
    text: str
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text, self.path)

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All of the tree, walked once for all rules."""
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree, typing_only=False))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What local names stand for: `{"t": "time", "sleep": "time.sleep"}`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def dotted(self, node: ast.expr) -> str | None:
        """`time.sleep` for whatever this file calls it; None for what is not a plain path of names."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        return ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])

    def _imports(self, node: ast.AST, typing_only: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, typing_only)
            elif isinstance(child, ast.ImportFrom):
                base = self._absolute(child)
                for alias in child.names:
                    yield Import(f"{base}.{alias.name}", child.lineno, typing_only)
            elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                yield from self._imports(child, typing_only=True)
            else:
                yield from self._imports(child, typing_only)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        package = package[: len(package) - node.level + 1]
        return ".".join([*package, *filter(None, [node.module])])


class Sources(dict[str, Module]):
    """Modules by name."""

    def add(self, path: str, text: str) -> "Sources":
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self[name] = Module(name, path, text)
        return self

    def module_of(self, target: str) -> str | None:
        """The module of ours that importing `target` reaches, None for other people's."""
        while target and target not in self:
            target = target.rpartition(".")[0]
        return target or None

    @property
    def product(self) -> "Sources":
        return Sources({name: module for name, module in self.items() if name.partition(".")[0] in PRODUCT})


def read_repository() -> Sources:
    """Every Python file of the product and of the tests."""
    sources = Sources()
    for folder in (*PRODUCT, "tests"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            sources.add(path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8"))
    return sources

"""Names that are not used, where, and what to use instead."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.floors.sources import Module, Sources
from tests.floors.structure import Findings

HOT = ("gateway.api", "gateway.pipeline", "gateway.admission", "gateway.dialects", "gateway.upstream")


@dataclass(frozen=True)
class Ban:
    """`names` are not used in modules under `where` (all when empty), except in those under `but_in`."""

    names: tuple[str, ...]
    instead: str
    where: tuple[str, ...] = ()
    but_in: tuple[str, ...] = ()

    def holds_in(self, module: str) -> bool:
        return (not self.where or _under(module, self.where)) and not _under(module, self.but_in)


def _under(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


BANS = (
    Ban(("eval", "exec", "compile", "__import__"), "code that is written down"),
    Ban(("pickle", "marshal", "shelve", "dill"), "JSON: what is read must not be able to run"),
    Ban(("yaml.load", "yaml.full_load", "yaml.unsafe_load"), "yaml.safe_load, or the settings' own loader"),
    Ban(("os.system", "os.popen", "subprocess.getoutput"), "subprocess with a list of arguments"),
    Ban(("datetime.datetime.utcnow", "datetime.datetime.utcfromtimestamp"), "Clock.utc()"),
    Ban(
        ("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter"),
        "a Clock as a parameter",
        where=("gateway",),
        but_in=("gateway.clock",),
    ),
    Ban(("print",), "logging, or an answer", where=("gateway",), but_in=("gateway.cli",)),
    Ban(("time.sleep",), "asyncio.sleep", where=("gateway", "budgets", "keys", "storage")),
    Ban(("asyncio.wait_for",), "asyncio.timeout: it starts no task and loses no result", where=HOT),
    Ban(
        ("open", "socket.create_connection", "urllib.request.urlopen", "subprocess.run", "input", "os.fsync"),
        "nothing that blocks the loop; asyncio.to_thread off the hot path",
        where=HOT,
    ),
)
_BLOCKING_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}


def banned(sources: Sources) -> Findings:
    """Uses of banned names, by file and name."""
    found: Counter[str] = Counter()
    for module in sources.product.values():
        for name in _used(module):
            if any(_matches(name, ban) and ban.holds_in(module.name) for ban in BANS):
                found[f"{module.path}: {name}"] += 1
        for offence in _offences(module):
            found[f"{module.path}: {offence}"] += 1
    return dict(found)


def _matches(name: str, ban: Ban) -> bool:
    return any(name == banned or name.startswith(banned + ".") for banned in ban.names)


def _used(module: Module) -> Iterator[str]:
    """Full names that the code loads, and modules that it imports as a whole."""
    for one in module.imports:
        yield one.target.partition(".")[0]
    for node in module.nodes:
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = module.dotted(node)
            if name is not None:
                yield name


def _offences(module: Module) -> Iterator[str]:
    """What depends on the arguments of a call."""
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        name = module.dotted(node.func)
        if name == "datetime.datetime.now" and not node.args and not node.keywords:
            yield "datetime.now() without a time zone"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and not keyword.value.value
            ):
                yield "shell=True"
            if (
                keyword.arg == "verify"
                and isinstance(keyword.value, ast.Constant)
                and not keyword.value.value
            ):
                yield "verify=False"
        blocking = isinstance(node.func, ast.Attribute) and node.func.attr in _BLOCKING_METHODS
        if blocking and _under(module.name, HOT):
            yield "blocking file access"

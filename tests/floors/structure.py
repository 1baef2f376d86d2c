"""Rules about how modules stand to each other. A finding is (where, how much): lines, files or occurrences."""

import graphlib
import sys
from collections import Counter, defaultdict

from tests.floors.sources import PRODUCT, Sources

Findings = dict[str, int]

#: Design §3, with `serving` (processes and sockets) between the application and the command. The longest
#: prefix decides. Modules import from lower floors and from their own unit.
FLOORS = {
    "loadtests": 8,
    "gateway.__main__": 8,
    "gateway.cli": 7,
    "gateway.serving": 6,
    "gateway.app": 5,
    "gateway.api": 4,
    "gateway.pipeline": 3,
    "gateway.admission": 2,
    "gateway.dialects": 2,
    "gateway.upstream": 2,
    "gateway.settings": 1,
    "gateway.errors": 1,
    "gateway.charge": 1,
    "gateway.clock": 1,
    "gateway.exchange": 1,
    "gateway.record": 1,
    "gateway.chat": 1,
    "gateway.chat_events": 1,
    "gateway.embedding": 1,
    "gateway.capabilities": 1,
    "gateway.metrics": 1,
    "gateway.request_log": 1,
    "gateway.loop_lag": 1,
    "budgets": 1,
    "keys": 1,
    "knowledge": 1,
    "runtime_shim": 1,
    "pressure": 1,
    "storage": 0,
    "provider_sim": 0,
    "local_models": 0,
    "gateway": 0,  # its __init__ alone
}
#: The nouns everything is said in may use each other, as long as no cycle comes of it.
NOUNS = {
    unit for unit, floor in FLOORS.items() if floor == 1 and unit.startswith("gateway.")
}  # fmt: skip
#: What stands under the nouns on their own floor: `Secret` and `Price` are words of theirs. It knows none of them.
UNDER_NOUNS = {"keys", "budgets"}
#: These reach models over HTTP only, or are a stranger by design.
ALONE = {"knowledge", "runtime_shim", "provider_sim", "local_models"}
#: How many files of one top-level folder may know one foreign library.
LIBRARY_FILES_MAX = 2
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}


def unit_of(name: str) -> str | None:
    """The row of the table that `name` belongs to."""
    while name and name not in FLOORS:
        name = name.rpartition(".")[0]
    return name or None


def _is_placed(name: str) -> bool:
    """A module right under `gateway/` needs a row of its own."""
    unit = unit_of(name)
    return unit is not None and (unit != "gateway" or name == "gateway")


def floors(sources: Sources) -> Findings:
    """Imports that do not go down, and modules without a floor."""
    found: Counter[str] = Counter()
    for module in sources.product.values():
        if not _is_placed(module.name):
            found[f"{module.path}: no floor"] += 1
            continue
        own = unit_of(module.name)
        for one in module.imports:
            target = sources.module_of(one.target)
            other = target and unit_of(target)
            if not other or own is None or other == own or {own, other} <= NOUNS:
                continue
            if own in NOUNS and other in UNDER_NOUNS:
                continue
            if own in ALONE or FLOORS[other] >= FLOORS[own]:
                found[f"{module.path} imports {other}"] += 1
    return dict(found)


def cycles(sources: Sources) -> Findings:
    """Modules that import each other in a circle at run time."""
    graph: dict[str, set[str]] = {}
    for module in sources.product.values():
        targets = {sources.module_of(one.target) for one in module.imports if not one.typing_only}
        graph[module.name] = {target for target in targets if target and target != module.name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return {" → ".join(reversed(error.args[1])): 1}
    return {}


def libraries(sources: Sources) -> Findings:
    """Foreign libraries known to more than two files of a folder."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for module in sources.product.values():
        folder = module.name.partition(".")[0]
        for one in module.imports:
            library = one.target.partition(".")[0]
            if not one.typing_only and library not in sys.stdlib_module_names and library not in PRODUCT:
                users[f"{folder}: {library}"].add(module.path)
    return {name: len(files) for name, files in users.items() if len(files) > LIBRARY_FILES_MAX}


def unreferenced(sources: Sources) -> Findings:
    """Modules that nothing in the product imports or names in a string (`python -m …`)."""
    used: set[str | None] = set()
    for module in sources.product.values():
        used |= {
            reached for one in module.imports if (reached := sources.module_of(one.target)) != module.name
        }
        used |= {name for name in sources if f'"{name}"' in module.text and name != module.name}
    return {
        module.path: 1
        for module in sources.product.values()
        if module.name not in used and not module.is_package and not module.name.endswith(".__main__")
    }


def vague_names(sources: Sources) -> Findings:
    """Files and folders whose names say nothing."""
    return {
        module.path: 1 for module in sources.values() if VAGUE & set(module.name.lower().split("."))
    }  # fmt: skip

"""What is wrong with a configuration: one line a problem, with where it is and never what a secret holds."""

import json
import re
from dataclasses import dataclass

#: A step of a configuration path: a field's name or a position in a list.
Step = str | int
Path = tuple[Step, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}\Z")
_SHOWN_CHARS = 64


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    `source` is the file's name, "environment" or "command line"; `line` counts from 1 and is None outside
    files; `path` is the setting in the writing of `show`, or the variable's name.
    """

    source: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(Exception):
    """The configuration is refused; `problems` says why, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        ordered = sorted(set(problems), key=lambda p: (p.source, p.line or 0, p.path, p.message))
        super().__init__("\n".join(str(problem) for problem in ordered))
        self.problems: tuple[Problem, ...] = tuple(ordered)


def show(path: Path) -> str:
    """`path` as people write it: `pools[0].limits.rpm`, with unusual names quoted and cut."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step[:_SHOWN_CHARS])}]"
    return text

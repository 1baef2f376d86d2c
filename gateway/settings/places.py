"""Where a setting was said, and the list of what is wrong with it."""

from collections.abc import Mapping

from gateway.settings.document import Document
from gateway.settings.problem import ConfigError, Path, Problem, show


class Findings:
    """Collects problems and names their place: the file's line, or the variable a value came from.

    `origins` maps leading parts of paths that are not in the file to (source, name) of what said them.
    Without `secrets` nobody looks up what references stand for.
    """

    def __init__(
        self,
        document: Document | None,
        origins: Mapping[Path, tuple[str, str]] | None = None,
        *,
        secrets: bool = True,
    ) -> None:
        self.secrets = secrets
        self._document = document
        self._origins = dict(origins or {})
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def came_from(self, path: Path, source: str, name: str) -> None:
        """From now on `path` and what is under it is said by `name` of `source`."""
        self._origins[path] = (source, name)

    def add(self, path: Path, message: str) -> None:
        self.problems.append(self._problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        self.warnings.append(self._problem(path, message))

    def add_variable(self, name: str, message: str) -> None:
        """A problem with an environment variable that stands for no path of the file."""
        self.problems.append(Problem("environment", None, name, message))

    def raise_if_any(self) -> None:
        if self.problems:
            raise ConfigError(self.problems)

    def where(self, path: Path) -> str:
        """`path` with its line, for a message about another place."""
        problem = self._problem(path, "")
        return problem.path if problem.line is None else f"{problem.path} in line {problem.line}"

    def _problem(self, path: Path, message: str) -> Problem:
        for length in range(len(path), 0, -1):
            origin = self._origins.get(path[:length])
            if origin is not None:
                return Problem(origin[0], None, origin[1], message)
        if self._document is None:
            return Problem("defaults", None, show(path), message)
        # One value may stand for a list of one, which the file then does not have.
        while path and isinstance(path[-1], int) and path not in self._document.lines:
            path = path[:-1]
        return Problem(self._document.source, self._document.line(path), show(path), message)

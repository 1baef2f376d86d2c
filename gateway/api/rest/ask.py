"""One request to the admin API, read and bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gateway.api.paging import Page, page_of
from gateway.api.rest.answer import Fault, Problem
from gateway.api.rest.principal import Principal
from gateway.settings.places import Findings
from gateway.settings.schema_types import Section
from gateway.settings.validate import validate_section

_SectionT = TypeVar("_SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Ask:
    """`body` is the JSON object that was sent, empty where none was."""

    principal: Principal
    request_id: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None

    def page(self) -> Page:
        try:
            return page_of(self.query)
        except ValueError as error:
            raise Problem(400, str(error)) from None

    def section(self, kind: type[_SectionT]) -> _SectionT:
        """The body by the rules of `kind`."""
        return section_of(kind, self.body)


def section_of(kind: type[_SectionT], said: Mapping[str, Any]) -> _SectionT:
    """`said` as a section of `kind`; a Problem names every field that is wrong."""
    findings = Findings(None)
    section = validate_section(kind, said, findings)
    refuse_any(findings)
    assert section is not None
    return section


def refuse_any(findings: Findings) -> None:
    """Raises a Problem with all that was found."""
    if findings.problems:
        faults = [Fault(problem.path, problem.message) for problem in findings.problems]
        raise Problem(422, "What was sent is not valid.", faults=faults)

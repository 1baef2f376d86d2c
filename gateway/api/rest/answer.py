"""What an operation of the admin API answers, and how it refuses (RFC 9457)."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

JSON = "application/json"
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON-able data; of another media type bytes, or pieces that are sent as they come."""

    body: object | AsyncIterator[bytes] = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


NO_CONTENT = Answer(status=204)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of what was asked."""

    field: str
    detail: str


class Problem(Exception):  # noqa: N818 - it is called that
    """A refusal; `detail` holds nothing that could be a secret."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """The problem body."""
        body: Row = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            body["errors"] = [{"field": fault.field, "detail": fault.detail} for fault in self.faults]
        return Answer(body, self.status, self.headers, "application/problem+json")


def away(detail: str, retry_after_s: int = 1) -> Problem:
    """Something that is needed cannot be reached now."""
    return Problem(503, detail, headers={"retry-after": str(retry_after_s)})

"""A running gateway's admin API, as commands ask it: `KAZE_ADMIN_URL` says where, `KAZE_ADMIN_KEY` as whom.

A gateway that is away, or says no, is an AdminError in one line.
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from gateway.cli.http_client import UnreachedError, http_client, reaching

URL = "http://127.0.0.1:8081"
#: A verification of the whole audit trail, or a report over years, takes its time.
_PATIENCE_S = 60.0


class AdminError(Exception):
    """The command cannot be carried out; the message is for who typed it, `status` what the gateway answered."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """`environ` is the shell's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._url = (environ.get("KAZE_ADMIN_URL") or URL).rstrip("/")
        key = environ.get("KAZE_ADMIN_KEY")
        if not key:
            raise AdminError(
                "KAZE_ADMIN_KEY is not set: one that kaze serve made is in admin-key of its data directory"
            )
        if not (key.isascii() and key.isprintable()):
            raise AdminError("KAZE_ADMIN_KEY is no admin key")
        self._headers = {"authorization": f"Bearer {key}"}

    def get(self, *path: str, **query: str | int) -> Any:
        """The document at `/admin/v1/…`."""
        return self._ask("GET", path, query)

    def find(self, *path: str) -> Any:
        """The same; None when there is no such thing."""
        try:
            return self.get(*path)
        except AdminError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def listed(self, *path: str, **query: str | int) -> list[dict[str, Any]]:
        """All of a list, page by page."""
        rows: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = self.get(*path, **query, limit=200, **({"after": after} if after else {}))
            rows += page["data"]
            after = page["next"]
        return rows

    def delete(self, *path: str) -> Any:
        return self._ask("DELETE", path, {})

    def post(self, *path: str, body: Any = None, patience_s: float = _PATIENCE_S) -> Any:
        """A creation is asked for under a key of its own: it is not done twice if the way there breaks."""
        return self._ask("POST", path, {}, body, {"idempotency-key": str(uuid4())}, patience_s)

    def change(self, *path: str, change: Callable[[dict[str, Any]], Any]) -> Any:
        """`change` gives the patch for what is there; whoever changes it meanwhile is not overwritten."""
        there = self.get(*path)
        version = {"if-match": f'"{there["version"]}"'}
        return self._ask("PATCH", path, {}, change(there), version)

    def stream(self, *path: str, **query: str) -> Iterator[str]:
        """The lines of a long answer, as they come."""
        try:
            with reaching(), http_client(ssl.create_default_context()) as client:
                asked = client.stream(
                    "GET", self._at(path), params=query, headers=self._headers, timeout=_PATIENCE_S
                )
                with asked as reply:
                    if reply.status_code != HTTPStatus.OK:
                        reply.read()
                        raise _refusal(reply.status_code, _json(reply.content))
                    yield from reply.iter_lines()
        except UnreachedError as error:
            raise AdminError(f"the gateway at {self._url}: {error}") from None

    def _at(self, path: tuple[str, ...]) -> str:
        return "/".join([self._url, "admin/v1", *(quote(part, safe=":") for part in path)])

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str | int],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> Any:
        try:
            with reaching(), http_client(ssl.create_default_context()) as client:
                reply = client.request(
                    method,
                    self._at(path),
                    params=query or None,
                    headers={**self._headers, **(headers or {})},
                    json=body,
                    timeout=patience_s,
                )
                found = _json(reply.content)
        except UnreachedError as error:
            raise AdminError(f"the gateway at {self._url}: {error}") from None
        if 200 <= reply.status_code < 300:
            return found
        raise _refusal(reply.status_code, found)


def _json(content: bytes) -> Any:
    return json.loads(content) if content else None


def _refusal(status: int, found: Any) -> AdminError:
    """What the gateway said, each field that is wrong on a line of its own."""
    said = found if isinstance(found, dict) else {}
    lines = [str(said.get("detail") or f"the gateway answered HTTP {status}")]
    lines += [f"  {one['field']}: {one['detail']}" for one in said.get("errors", ())]
    return AdminError("\n".join(lines), status)

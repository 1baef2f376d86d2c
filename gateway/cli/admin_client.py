"""A running gateway's admin API, as commands ask it: `KAZE_ADMIN_URL` says where, `KAZE_ADMIN_KEY` as whom.

A gateway that is away, or says no, is an AdminError in one line.
"""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.cli.http_client import UnreachedError, http_client, reaching

URL = "http://127.0.0.1:8081"


class AdminError(Exception):
    """The command cannot be carried out; the message is for who typed it."""


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

    def delete(self, *path: str) -> None:
        self._ask("DELETE", path, {})

    def _ask(self, method: str, path: tuple[str, ...], query: Mapping[str, str | int]) -> Any:
        url = "/".join([self._url, "admin/v1", *(quote(part, safe="") for part in path)])
        try:
            with reaching(), http_client(ssl.create_default_context()) as client:
                reply = client.request(method, url, params=query or None, headers=self._headers)
                found = reply.json() if reply.content else None
        except UnreachedError as error:
            raise AdminError(f"the gateway at {self._url}: {error}") from None
        if 200 <= reply.status_code < 300:
            return found
        detail = found.get("detail") if isinstance(found, dict) else None
        raise AdminError(str(detail or f"the gateway answered HTTP {reply.status_code}"))

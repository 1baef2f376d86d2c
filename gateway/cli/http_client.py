"""The HTTP client of commands: goes where it is told, follows no redirect, takes nothing from the shell.

When the other side is away it says so in words of ours: the library's own may hold the URL or a header.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

TIMEOUT_S = 5.0


class UnreachedError(Exception):
    """There was no answer; the message says why."""


def http_client(
    context: ssl.SSLContext, *, proxy: str | None = None, proxy_auth: tuple[str, str] | None = None
) -> httpx2.Client:
    """`context` decides whom to trust."""
    through = None if proxy is None else httpx2.Proxy(proxy, auth=proxy_auth)
    return httpx2.Client(
        verify=context, proxy=through, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
    )


@contextmanager
def reaching() -> Iterator[None]:
    """Raises UnreachedError for whatever goes wrong on the way."""
    try:
        yield
    except httpx2.TimeoutException:
        raise UnreachedError(f"no answer within {TIMEOUT_S:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise UnreachedError(f"cannot be reached ({type(error).__name__})") from None

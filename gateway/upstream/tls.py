"""The TLS client contexts: always verifying, at least TLS 1.2, HTTP/1.1 by ALPN.

There is no switch that turns verification off; a provider with a private authority names it by `ca_file`, which
is trusted beside the system's. A file that cannot be read is an `OSError` for whoever dials, never a context
without it.
"""

import ssl
from functools import lru_cache
from pathlib import Path


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """The context for providers with this `ca_file`; a file that changed on disk is read again."""
    if ca_file is None:
        return _build(None, 0)
    return _build(ca_file, Path(ca_file).stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _build(ca_file: str | None, _changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # SSLKEYLOGFILE of the environment would write session secrets to disk. (typeshed has no None here)
    context.keylog_filename = None  # type: ignore[assignment]
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def said_goodbye(ssl_object: ssl.SSLObject | None) -> bool:
    """Whether the end of the stream is the peer's own word: a close_notify, or a FIN where there is no TLS.

    uvloop reports `eof_received` over TLS only after a close_notify; asyncio's own loop does so for a bare FIN
    too, which anybody on the way can forge, so the TLS object itself is asked.
    """
    if ssl_object is None:
        return True
    try:
        return ssl_object.read(1) == b""
    except ssl.SSLError:  # it wants more bytes, which will not come
        return False

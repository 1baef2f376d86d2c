"""A provider behind TLS, on a thread with blocking sockets: nothing of it shares code with what is tested."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

from gateway.settings.snapshot import Origin

Serve = Callable[[ssl.SSLSocket], None]


class TLSProvider:
    """Serves each connection with `serve`; remembers what the handshake came to and every byte it was sent."""

    def __init__(self, context: ssl.SSLContext, serve: Serve) -> None:
        self._context = context
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.origin = Origin("https", "127.0.0.1", self.port)
        self.handshakes: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(10)
            with contextlib.suppress(OSError), sock:
                try:
                    wrapped = self._context.wrap_socket(sock, server_side=True)
                    # TLS 1.3 lets a server finish before the client has judged it: only a read shows that.
                    first = wrapped.recv(1, 0)
                except OSError as error:
                    self.handshakes.append(type(error).__name__)
                    continue
                self.handshakes.append(wrapped.version() or "" if first else "no bytes")
                if first:
                    with wrapped:
                        self._serve(wrapped)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


def read_head(sock: ssl.SSLSocket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(65536)
        if not data:
            break
        got += data
    return got

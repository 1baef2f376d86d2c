"""The reading half of a connection: bytes in, requests out, each within the bounds, or one refusal.

Everything that decides where a request begins and ends is here and in `request_head`. Once `_deaf` is set
nothing that still arrives is ever read as a request.
"""

from typing import Any, ClassVar
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl

from gateway.api.cycle import BoundedCycle, Message
from gateway.api.flow import FlowControl
from gateway.api.request_head import (
    HeadError,
    check_framing,
    check_size,
    check_target,
    check_unfinished,
    check_url,
    known_method,
    refusal_of_garbage,
    without_upgrade,
)
from gateway.errors import BAD_FRAMING, Condition
from gateway.settings.snapshot import Bounds

#: How many requests may wait behind the one being answered.
PIPELINED = 16
#: How much is parsed before the queue of requests is looked at again.
_SLICE = 8 * 1024
#: Chunk extensions and sizes that may arrive without a byte of body.
_DRY_BYTES = 16 * 1024
_EMPTY_LINES = 16
_ASGI = {"version": "3.0", "spec_version": "2.3"}
#: Of a request that has been read: the next one begins with a list of its own.
_NO_HEADERS: list[tuple[bytes, bytes]] = []


class RequestReader(HttpToolsProtocol):
    """Reads requests; `BoundedProtocol` answers them."""

    bounds: ClassVar[Bounds]
    flow: FlowControl  # type: ignore[assignment]  # ours has uvicorn's interface

    # What is uvicorn's stays in a dict; with ours in it too that would be two kilobytes a connection.
    __slots__ = (
        "_deaf",
        "_dry_bytes",
        "_head_bytes",
        "_header_count",
        "_held",
        "_in_head",
        "_line",
        "_line_scope",
        "_named",
        "_refusal",
        "_since",
        "_spare_bytes",
        "_taking",
        "_waiting",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = None  # type: ignore[assignment]  # uvicorn's own queue, of 600 bytes when it is empty
        self._waiting: list[BoundedCycle] = []  # read, and not begun
        self._taking: BoundedCycle | None = None  # whose body is being read
        #: Method, target, version and host of the last request; the next mostly asks the same.
        self._line: tuple[bytes, bytes, str, bytes | None] | None = None
        self._line_scope: dict[str, Any] = {}
        self._in_head = False
        self._header_count = 0
        self._named: dict[bytes, bytes] = {}  # the headers as a mapping; the last of equal names wins
        self._since = 0.0  # first byte of this head, or last answer, or accept
        self._head_bytes = 0
        self._dry_bytes = 0
        self._held = b""  # arrived, not to be parsed before the queue is shorter
        self._deaf = False
        self._spare_bytes: int | None = None  # to be thrown away before reading stops
        self._refusal: HeadError | None = None

    def arrived(
        self, scope: Message, named: dict[bytes, bytes], keep_alive: bool, awaits_continue: bool
    ) -> BoundedCycle:
        """A head is complete and sound: begin its exchange, or put it in line."""
        raise NotImplementedError

    def refuse(self, condition: Condition, message: str) -> None:
        """Say no to what is being read, after the answers still due, and hear nothing more."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._discard(len(data))
        elif self._held or len(data) > _SLICE:
            self._feed_slices(self._held + data)
        else:
            self._feed(data)

    def _feed_slices(self, data: bytes) -> None:
        """Parse until enough requests wait, so that one packet cannot queue thousands."""
        self._held = b""
        for at in range(0, len(data), _SLICE):
            if self._deaf:
                self._discard(len(data) - at)
                return
            if len(self._waiting) >= PIPELINED:
                self._held = data[at:]
                self.flow.pause_reading()
                return
            self._feed(data[at : at + _SLICE])

    def _feed(self, data: bytes) -> None:
        at_start = False
        if self._taking is None:
            at_start = self._head_bytes == 0
            self._head_bytes += len(data)
        else:
            self._dry_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._head_bytes:
                self._check_unfinished()
            elif self._dry_bytes > _DRY_BYTES:
                raise HeadError(BAD_FRAMING, "Too much framing around too little body.")
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except HeadError as refusal:
            self.refuse(refusal.condition, refusal.message)
        except httptools.HttpParserError as error:
            if self._deaf and self._refusal is None:
                return  # a request after the last one
            bad_method = at_start and isinstance(error, httptools.HttpParserInvalidMethodError)
            reason, self._refusal = self._refusal or refusal_of_garbage(data, bad_method), None
            self.refuse(reason.condition, reason.message)

    def _check_unfinished(self) -> None:
        if self._in_head:
            check_unfinished(self._head_bytes, self.url, self.headers, self.bounds)
        elif self._head_bytes > _EMPTY_LINES:
            raise HeadError(BAD_FRAMING, "Empty lines in place of a request.")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the head again as a plain request.

        httptools takes what follows such a head for the new protocol, though the body still comes first.
        """
        method = self.parser.get_method()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(without_upgrade(method, self.url, self.headers) + rest)

    def _discard(self, count: int) -> None:
        """Take bytes that nobody will look at; not without end."""
        if self._spare_bytes is not None:
            self._spare_bytes -= count
            if self._spare_bytes < 0:
                self.flow.pause_reading()

    # ---- parser callbacks. What they raise stops the parser; the reason is kept beside it.

    def on_message_begin(self) -> None:
        if self._deaf:
            raise HeadError(BAD_FRAMING, "After the last request.")
        self._in_head = True
        self._since = self.loop.time()
        self.url = b""
        self.headers = []
        self._named = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))  # trailers too: `on_message_complete` sees them
        self._named[name] = value

    def on_headers_complete(self) -> None:
        try:
            self._accept_head()
        except HeadError as refusal:
            self._refusal = refusal
            raise

    def _accept_head(self) -> None:
        parser, headers, url = self.parser, self.headers, self.url
        bounds = self.bounds
        arrived, self._head_bytes = self._head_bytes, 0
        self._in_head = False
        self._header_count = len(headers)
        # The count may lack what came in one slice with the request before.
        if len(headers) > bounds.header_count or arrived + _SLICE > bounds.header_bytes:
            check_size(headers, bounds)
        if len(url) > bounds.url_bytes:
            check_url(url, bounds)
        named, self._named = self._named, {}  # what trailers there are must not change it
        keep_alive = parser.should_keep_alive()
        # Whoever is kept without having asked for it speaks 1.1. Its name is made anew each time, at a price.
        asked = not keep_alive or b"connection" in named or b"proxy-connection" in named
        version = parser.get_http_version() if asked else "1.1"
        line = (parser.get_method(), url, version, named.get(b"host"))
        if line != self._line:
            self._line_scope = self._scope_of(*line)
            self._line = line
        awaits_continue = check_framing(version, headers, named)
        if parser.should_upgrade():
            return  # comes again without that wish
        scope = self._line_scope.copy()
        scope["headers"] = headers
        self._taking = self.arrived(scope, named, keep_alive and version == "1.1", awaits_continue)

    def _scope_of(self, method: bytes, url: bytes, version: str, host: bytes | None) -> dict[str, Any]:
        """What the scopes of all requests for this have in common, with the rest still to be filled in.

        Raises HeadError for what may not be asked for.
        """
        known = known_method(method)
        check_target(version, url, host)
        raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,
            "server": self.server,
            "client": self.client,
            "scheme": "https" if is_ssl(self.transport) else "http",
            "root_path": "",
            "http_version": version,
            "headers": None,
            "method": known,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "kaze.connection": None,
        }

    def on_body(self, body: bytes) -> None:
        cycle = self._taking
        if cycle is None:
            return
        self._dry_bytes = 0
        held = cycle.body
        if not held:
            cycle.body = body
        else:
            if type(held) is bytes:
                held = cycle.body = bytearray(held)
            held += body
            if len(held) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
        if cycle.waiter is not None:
            cycle.wake()

    def on_message_complete(self) -> None:
        cycle = self._taking
        if cycle is None:
            return
        if len(self.headers) != self._header_count:
            self._refusal = HeadError(BAD_FRAMING, "Trailers are not accepted.")
            raise self._refusal
        cycle.more_body = False
        self._taking = None
        self.headers = _NO_HEADERS
        self._dry_bytes = 0
        if not cycle.keep_alive:
            self._deaf = True
        if self.flow.read_paused and len(self._waiting) < PIPELINED:
            self.flow.resume_reading()  # to notice when the caller leaves
        if cycle.waiter is not None:
            cycle.wake()

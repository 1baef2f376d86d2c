"""However the network slices bytes: the same response for sound ones, only `UpstreamFailure` for others.

The bytes are fed to a real connection at the place where a transport hands them over, on a transport that
only remembers what was asked of it; sockets would decide the slicing themselves.
"""

import asyncio
from itertools import pairwise
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.snapshot import Bounds
from gateway.upstream.connection import Connection
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.response import Response
from gateway.upstream.states import CLOSED, IDLE
from tests.upstream.wire import GET, LIMIT


class Recorder(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: object) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


class Owner:
    def __init__(self) -> None:
        self.given_back = self.gone_count = 0

    def give_back(self, _connection: Connection) -> None:
        self.given_back += 1

    def gone(self, _connection: Connection) -> None:
        self.gone_count += 1


def sliced(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a != b]


def run(
    pieces: list[bytes], *, fin: bool
) -> tuple[Connection, Owner, Response, bytes, UpstreamFailure | None]:
    """Feed `pieces` to a connection with a request under way; what its response came to."""

    async def exchange() -> tuple[Connection, Owner, Response, bytes, UpstreamFailure | None]:
        owner = Owner()
        connection = Connection(asyncio.get_running_loop(), owner, Bounds())
        connection.connection_made(Recorder())
        connection.ready()
        response = connection.begin(GET, b"", 60, 60)
        for piece in pieces:
            if connection.state != CLOSED:  # a transport says nothing more after abort
                connection.data_received(piece)
        if fin and connection.state != CLOSED:
            connection.eof_received()
            connection.connection_lost(None)
        try:
            if not response.complete and response.failure is None:
                response.abort()
            body, failure = await response.read(LIMIT), None
        except UpstreamFailure as error:
            body, failure = b"", error
        response.release()
        if connection.state != IDLE:
            assert connection.state == CLOSED
            assert owner.gone_count == 1
            assert connection._timer is None
        else:
            connection.discard()
        return connection, owner, response, body, failure

    return asyncio.run(exchange())


token = st.text("abcdefghijklmnopqrstuvwxyzABC-", min_size=1, max_size=12).map(lambda t: "X" + t)
value = st.text('abc xyz0189;,="/', max_size=20).map(str.strip)
headers = st.lists(st.tuples(token, value), max_size=6)
cuts = st.lists(st.integers(0, 10_000), max_size=40)
body_parts = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


def block(status_line: str, fields: list[tuple[str, str]]) -> bytes:
    return "\r\n".join([status_line, *(f"{n}: {v}" for n, v in fields), "", ""]).encode()


@st.composite
def sound(draw: st.DrawFn) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], str]:
    fields, parts = draw(headers), draw(body_parts)
    body = b"".join(parts)
    kind = draw(st.sampled_from(["length", "chunked", "fin"]))
    interim = b"".join(block("HTTP/1.1 103 Early", draw(headers)) for _ in range(draw(st.integers(0, 3))))
    if kind == "length":
        sent = [*fields, ("Content-Length", str(len(body)))]
        tail = body
    elif kind == "chunked":
        sent = [*fields, ("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"])))]
        extension = draw(st.sampled_from([b"", b";a=b", b';a="c d"']))
        chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in parts)
        trailers = "".join(f"{n}: {v}\r\n" for n, v in draw(headers)).encode()
        tail = chunks + b"0\r\n" + trailers + b"\r\n"
    else:
        sent, tail = fields, body
    expected = [(n.lower().encode(), v.encode()) for n, v in sent]
    return interim + block("HTTP/1.1 200 OK", sent) + tail, body, expected, kind


@settings(max_examples=400)
@given(sound(), cuts)
def test_any_slicing_of_a_sound_response_is_the_same_response(
    response: tuple[bytes, bytes, list[tuple[bytes, bytes]], str], cuts: list[int]
) -> None:
    data, body, expected, kind = response
    _, owner, got, read, failure = run(sliced(data, cuts), fin=kind == "fin")
    assert failure is None
    assert (got.status, got.headers, read, got.complete) == (200, expected, body, True)
    assert owner.given_back == (0 if kind == "fin" else 1)


@settings(max_examples=300)
@given(sound(), cuts, st.binary(min_size=1, max_size=40).filter(lambda b: b[0] not in b"\r\n"))
def test_bytes_after_the_end_spoil_the_connection_and_not_the_response(
    response: tuple[bytes, bytes, list[tuple[bytes, bytes]], str], cuts: list[int], more: bytes
) -> None:
    data, body, _, kind = response
    if kind == "fin":
        return
    _, owner, got, read, failure = run(sliced(data + more, cuts), fin=False)
    assert failure is None
    assert (read, got.complete) == (body, True)
    assert owner.given_back == 0


@settings(max_examples=400)
@given(sound(), st.integers(0, 10_000), cuts)
def test_a_cut_response_is_never_taken_for_a_whole_one(
    response: tuple[bytes, bytes, list[tuple[bytes, bytes]], str], at: int, cuts: list[int]
) -> None:
    data, _, _, kind = response
    cut = data[: at % len(data)]
    if kind == "fin" and b"HTTP/1.1 200 OK" in cut:
        return  # nothing on the wire tells a cut of these
    _, owner, got, _, failure = run(sliced(cut, cuts), fin=True)
    assert failure is not None
    assert failure.kind in ("incomplete", "reset")
    assert not got.complete
    assert owner.given_back == 0


FRAGMENTS = [
    *(
        b"HTTP/1.1 ",
        b"200 OK",
        b"\r\n",
        b"\n",
        b"\r",
        b": ",
        b"Content-Length",
        b"Transfer-Encoding",
        b"chunked",
    ),
    *(
        b"5",
        b"0",
        b"ffffffffffffffff",
        b"\0",
        b" ",
        b";",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/1.1 101 S\r\n\r\n",
    ),
    *(b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"hello"),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"),
]
fragment = st.sampled_from(FRAGMENTS)
hostile = st.lists(fragment | st.binary(max_size=20), max_size=30).map(b"".join)


@settings(max_examples=800)
@given(hostile, cuts, st.booleans())
def test_hostile_bytes_raise_nothing_but_upstream_failure(data: bytes, cuts: list[int], fin: bool) -> None:
    _, owner, got, _, failure = run(sliced(data, cuts), fin=fin)
    assert (failure is None) == got.complete
    assert owner.given_back + owner.gone_count >= 1


@settings(max_examples=400)
@given(sound(), st.integers(0, 10_000), st.binary(min_size=1, max_size=3), cuts, cuts)
def test_a_mutated_response_means_the_same_however_it_is_sliced(
    response: tuple[bytes, bytes, list[tuple[bytes, bytes]], str],
    at: int,
    mutation: bytes,
    one: list[int],
    other: list[int],
) -> None:
    data = response[0]
    place = at % len(data)
    data = data[:place] + mutation + data[place + 1 :]
    results = []
    for cut in (one, other):
        _, _, got, read, failure = run(sliced(data, cut), fin=True)
        results.append((got.status, got.complete, read, cast(str, failure and failure.kind)))
    assert results[0] == results[1]

"""Multipart bodies: kept verbatim (on disk past a bound), with the place of the fields that routing needs.

SDKs put `model` anywhere, often after a large file, so the whole form is taken in before it is sent on. The
bytes go upstream as they came, same boundary included; only the model's value is swapped.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.errors import INVALID_VALUE, MISSING_PARAMETER, UNSUPPORTED_MEDIA_TYPE, GatewayError
from gateway.pipeline.receive import Receive, TimedBody, check_encoding, check_length, next_piece, too_large

_PARTS_MAX = 200
_VALUE_MAX = 4096
_PIECE_BYTES = 256 * 1024
#: Fields that are read here: a provider that took the other of two would act on what was not checked.
_ONCE = ("model", "stream")


@dataclass(frozen=True, slots=True)
class Field:
    """A short form field: its value and where it stands in the body."""

    value: bytes
    start: int
    end: int


class Form:
    """A multipart body that was taken in. `close` gives its disk space back."""

    def __init__(self, content_type: bytes, spool_bytes: int) -> None:
        self.content_type = content_type
        self.size = 0
        self.fields: dict[str, Field] = {}
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=spool_bytes)  # noqa: SIM115 (closed by `close`)
        self._spool_bytes = spool_bytes

    async def append(self, data: bytes) -> None:
        """Add bytes; once they no longer fit in memory, away from the event loop."""
        if self.size + len(data) > self._spool_bytes:
            await asyncio.to_thread(self._file.write, data)
        else:
            self._file.write(data)
        self.size += len(data)

    def replaced(self, edits: dict[str, bytes]) -> "EditedForm":
        """The form with the values of the named fields swapped."""
        swaps = sorted((self.fields[name].start, self.fields[name].end, new) for name, new in edits.items())
        return EditedForm(self, swaps)

    async def read(self, start: int, count: int) -> bytes:
        def at() -> bytes:
            self._file.seek(start)
            return self._file.read(count)

        return await asyncio.to_thread(at) if self.size > self._spool_bytes else at()

    def close(self) -> None:
        self._file.close()


class EditedForm:
    """A form with swaps, readable from the start any number of times."""

    def __init__(self, form: Form, swaps: list[tuple[int, int, bytes]]) -> None:
        self._form = form
        self._swaps = swaps
        self.length = form.size + sum(len(new) - (end - start) for start, end, new in swaps)

    async def pieces(self) -> AsyncIterator[bytes]:
        position = 0
        for start, end, new in [*self._swaps, (self._form.size, self._form.size, b"")]:
            while position < start:
                piece = await self._form.read(position, min(_PIECE_BYTES, start - position))
                position += len(piece)
                yield piece
            if new:
                yield new
            position = end


class _FieldFinder:
    """Follows the parser's callbacks and notes the short fields that are not files."""

    def __init__(self, form: Form, boundary: bytes) -> None:
        self._form = form
        self._offset = 0  # of the piece being parsed
        self._header: list[bytes] = [b"", b""]
        self._name: str | None = None
        self._value = b""
        self._start = self._end = -1
        self._parts = 0
        self._once: set[str] = set()
        self.finished = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._collect(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._collect(1, data[start:end]),
                "on_header_end": self._header_end,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._finish,
            },
        )

    def feed(self, data: bytes) -> None:
        self._parser.write(data)
        self._offset += len(data)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS_MAX:
            raise GatewayError(INVALID_VALUE, f"A form may have at most {_PARTS_MAX} parts.")
        self._header = [b"", b""]
        self._name, self._value, self._start, self._end = None, b"", -1, -1

    def _collect(self, which: int, data: bytes) -> None:
        self._header[which] += data
        if len(self._header[which]) > _VALUE_MAX:
            raise GatewayError(INVALID_VALUE, "A header inside the form is too long.")

    def _header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            _, options = parse_options_header(self._header[1])
            name = options.get(b"name", b"").decode("utf-8", "replace")
            if name in _ONCE:
                self._note_once(name)
            self._name = name if b"filename" not in options else None
        self._header = [b"", b""]

    def _note_once(self, name: str) -> None:
        """Counted by its header alone, so that an empty, overlong or file part is one of the two as well."""
        if name in self._once:
            raise GatewayError(INVALID_VALUE, f"The form has the field '{name}' twice.", param=name)
        self._once.add(name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name is None:
            return
        if self._start < 0:
            self._start = self._offset + start
        self._end = self._offset + end
        self._value += data[start:end]
        if len(self._value) > _VALUE_MAX:
            self._name = None  # a long field is no routing field

    def _part_end(self) -> None:
        if not self._name:
            return
        if len(self._form.fields) < _PARTS_MAX and self._start >= 0:
            self._form.fields[self._name] = Field(self._value, self._start, self._end)

    def _finish(self) -> None:
        self.finished = True


async def read_form(
    receive: Receive, connection: TimedBody, named: dict[bytes, bytes], limit: int, spool_bytes: int
) -> Form:
    """Take a multipart body in. Raises GatewayError for anything that is not a well-formed form in bounds."""
    check_encoding(named)
    check_length(named, limit)
    content_type = named.get(b"content-type", b"")
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise GatewayError(UNSUPPORTED_MEDIA_TYPE, "This endpoint takes a multipart/form-data body.")
    form = Form(content_type, spool_bytes)
    try:
        finder = _FieldFinder(form, boundary)
        more = True
        while more:
            piece, more = await next_piece(receive, connection)
            if form.size + len(piece) > limit:
                raise too_large(limit)
            finder.feed(piece)
            await form.append(piece)
        if not finder.finished:
            raise GatewayError(INVALID_VALUE, "The form is not complete.")
    except MultipartParseError:
        form.close()
        raise GatewayError(INVALID_VALUE, "The request body is not a well-formed form.") from None
    except BaseException:
        form.close()
        raise
    return form


def form_text(form: Form, name: str) -> str:
    """The value of a required field."""
    field = form.fields.get(name)
    if field is None or not field.value:
        raise GatewayError(MISSING_PARAMETER, f"Missing required parameter: '{name}'.", param=name)
    try:
        return field.value.decode()
    except UnicodeDecodeError:
        raise GatewayError(INVALID_VALUE, f"`{name}` is not valid UTF-8.", param=name) from None

"""Lines from whatever the socket gave; what they are does not depend on how it was cut."""

from gateway.errors import UPSTREAM_INVALID, GatewayError


class LineCutter:
    __slots__ = ("_held", "_held_bytes", "_line_max")

    def __init__(self, line_max: int) -> None:
        self._line_max = line_max
        self._held: list[bytes] = []  # a line is joined once, however many reads it comes in
        self._held_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without blank ones. Raises GatewayError when one exceeds the bound."""
        whole, end, rest = data.rpartition(b"\n")
        if end:
            self._held.append(whole)
            lines = b"".join(self._held).split(b"\n")
            self._held, self._held_bytes = [], 0
        else:
            lines = []
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
        if self._held_bytes > self._line_max or any(len(line) > self._line_max for line in lines):
            raise GatewayError(
                UPSTREAM_INVALID, f"The provider sent a line larger than {self._line_max} bytes."
            )
        return [line for line in lines if line.strip()]

    def finish(self) -> list[bytes]:
        """The upstream ended: a last line that lacks its end."""
        rest = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return [rest] if rest.strip() else []

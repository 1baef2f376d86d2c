"""Lines from whatever the socket gave; what they are does not depend on how it was cut."""

from gateway.errors import UPSTREAM_INVALID, GatewayError


class LineCutter:
    __slots__ = ("_held", "_line_max")

    def __init__(self, line_max: int) -> None:
        self._line_max = line_max
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without blank ones. Raises GatewayError when one exceeds the bound."""
        *whole, self._held = (self._held + data).split(b"\n")
        if len(self._held) > self._line_max:
            raise GatewayError(
                UPSTREAM_INVALID, f"The provider sent a line larger than {self._line_max} bytes."
            )
        return [line for line in whole if line.strip()]

    def finish(self) -> list[bytes]:
        """The upstream ended: a last line that lacks its end."""
        rest, self._held = self._held, b""
        return [rest] if rest.strip() else []

"""How an exchange is ended from outside: the caller left, its deadline passed, or the gateway is closing.

One mechanism for every await the exchange may stand at: its task is cancelled, and the reason says what the
caller is told. The first reason wins.
"""

import asyncio

from gateway.errors import CLIENT_CLOSED, GatewayError
from gateway.record import Record


class Interrupt(Record, eq=False):
    """The handle by which one exchange can be ended; `reason` is None while nobody has."""

    _task: "asyncio.Task[None]"
    reason: GatewayError | None = None

    def fire(self, reason: GatewayError) -> None:
        """End the exchange because of `reason`."""
        if self.reason is None:
            self.reason = reason
            self._task.cancel()

    def __call__(self) -> None:
        """The caller's connection was lost: the connection has this handle itself, to be called then."""
        self.fire(GatewayError(CLIENT_CLOSED, "The caller closed the connection."))

    def caught(self) -> GatewayError | None:
        """Called where the cancellation arrived: the reason, if it was ours; the task then goes on."""
        if self.reason is not None:
            self._task.uncancel()
        return self.reason

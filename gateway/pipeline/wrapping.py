"""What a connection that another one wraps has of it unchanged."""

from gateway.pipeline.caller import Answering


class Wrapping:
    """The base of those: what an answer becomes on its way is theirs."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Answering) -> None:
        self._connection = connection

    @property
    def gone(self) -> bool:
        return self._connection.gone

    @property
    def write_paused(self) -> bool:
        return self._connection.write_paused

    async def drain(self) -> None:
        await self._connection.drain()

    def abort(self) -> None:
        self._connection.abort()

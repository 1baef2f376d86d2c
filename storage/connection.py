"""What the rest of `storage` asks of a connection to PostgreSQL; asyncpg's are such, in a transaction or alone."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

#: A row: values by name or place.
Row = Mapping[Any, Any]


class Connection(Protocol):
    """Values are passed beside the statement, never in it."""

    async def execute(self, query: str, *values: object, timeout: float | None = None) -> str: ...

    async def executemany(
        self, command: str, args: Iterable[Iterable[object]], *, timeout: float | None = None
    ) -> None: ...

    async def fetch(self, query: str, *values: object, timeout: float | None = None) -> list[Row]: ...

    async def fetchrow(self, query: str, *values: object, timeout: float | None = None) -> Row | None: ...

    async def fetchval(self, query: str, *values: object, timeout: float | None = None) -> Any: ...

    def cursor(self, query: str, *values: object, prefetch: int | None = None) -> AsyncIterator[Row]: ...

    def transaction(self, *, isolation: str | None = None) -> AbstractAsyncContextManager[object]: ...

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...

    def is_closed(self) -> bool: ...

"""A Valkey beside the gateway, where the configuration asks for one: started before the workers, stopped last.

When it dies it is started again; workers go on meanwhile as `on_ledger_loss` says.
"""

import asyncio

from gateway.pipeline.shared_ledger import valkey_beside
from gateway.serving.refusal import StartError
from gateway.settings.server import Settings
from storage.embedded_valkey import EmbeddedValkey, EmbeddedValkeyError


class ValkeyBeside:
    """Where the ledger is another one it only ends what an earlier gateway, killed outright, left running."""

    def __init__(self, settings: Settings) -> None:
        self._in_data_dir = valkey_beside(settings)
        self._valkey: EmbeddedValkey | None = None
        if settings.ledger.kind == "embedded":
            self._valkey = self._in_data_dir

    async def start(self) -> None:
        """Raises StartError when it does not come up."""
        if self._valkey is None:
            await asyncio.to_thread(self._in_data_dir.end_leftover)
        else:
            try:
                await self._valkey.start()
            except EmbeddedValkeyError as error:
                raise StartError(str(error)) from error

    def end(self) -> None:
        """Tells it to end and does not wait for that."""
        if self._valkey is not None:
            self._valkey.end()

    async def stop(self) -> None:
        if self._valkey is not None:
            await self._valkey.stop()

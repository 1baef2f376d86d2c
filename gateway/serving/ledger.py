"""A Valkey beside the gateway, where the configuration asks for one: started before the workers, stopped last.

When it dies it is started again; workers go on meanwhile as `on_ledger_loss` says.
"""

from gateway.pipeline.shared_ledger import valkey_beside
from gateway.serving.refusal import StartError
from gateway.settings.server import Settings
from storage.embedded_valkey import EmbeddedValkeyError


class ValkeyBeside:
    """Does nothing where the ledger is another one."""

    def __init__(self, settings: Settings) -> None:
        self._valkey = valkey_beside(settings) if settings.ledger.kind == "embedded" else None

    async def start(self) -> None:
        """Raises StartError when it does not come up."""
        if self._valkey is not None:
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

"""Which ledger workers share: a Valkey beside the gateway, or the one that a URL names; or none, in one process.

While it is away workers go on as `on_ledger_loss` says (`gateway.admission.leases`).
"""

from pathlib import Path

from gateway.admission.dimension import SET_ASIDE_PERMILLE
from gateway.admission.redis_ledger import RedisLedger
from gateway.clock import Clock
from gateway.settings.server import Settings
from storage.embedded_valkey import EmbeddedValkey


def shared_ledger(settings: Settings, clock: Clock) -> RedisLedger | None:
    """The ledger that workers share; None where there is one worker, and its memory is the ledger."""
    ledger = settings.ledger
    if ledger.kind == "memory":
        return None
    url = valkey_beside(settings).url if ledger.url is None else ledger.url.reveal()
    return RedisLedger(url, clock)


def valkey_beside(settings: Settings) -> EmbeddedValkey:
    """The one in the data directory; whoever starts it stops it."""
    return EmbeddedValkey(Path(settings.data_dir) / "valkey")


def set_aside_permille(settings: Settings) -> int:
    """Of every ceiling, what is kept for workers that lose sight of the ledger."""
    shared = settings.ledger.kind != "memory"
    return SET_ASIDE_PERMILLE if shared and settings.snapshot.on_ledger_loss == "safe_share" else 0

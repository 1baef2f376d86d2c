"""What a configuration asks for and this build does not do yet: read and checked, but without effect.

Nobody should believe in a limit that is not kept. Each line goes when what it names is built.
"""

from collections.abc import Iterator

from gateway.settings.server import Settings
from gateway.settings.snapshot import Limits

_NO_LIMITS = Limits()


def unenforced(settings: Settings) -> Iterator[str]:
    """A sentence for each kind of thing that is configured in vain."""
    snapshot = settings.snapshot
    keys = snapshot.tenant_keys.values()
    limited = [f"{key.tenant.id}/{key.id}" for key in keys if key.limits != _NO_LIMITS]
    if limited and settings.workers > 1:
        yield f"limits of tenant keys are not shared between workers yet, each has its own: {', '.join(limited)}"
    paying = [f"{key.tenant.id}/{key.id}" for key in keys if key.budgets]
    paying += [tenant.id for tenant in snapshot.tenants.values() if tenant.budgets]
    if paying:
        yield f"budgets are not enforced yet: {', '.join(paying)}"
    if settings.database.kind != "embedded":
        yield f"database: {settings.database.kind} is not used yet"

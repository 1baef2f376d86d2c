"""What a configuration asks for and this build does not do yet: read and checked, but without effect.

Nobody should believe in a limit that is not kept. Each line goes when what it names is built.
"""

from collections.abc import Iterator

from gateway.settings.server import Settings


def unenforced(settings: Settings) -> Iterator[str]:
    """A sentence for each kind of thing that is configured in vain."""
    snapshot = settings.snapshot
    keys = snapshot.tenant_keys.values()
    paying = [f"{key.tenant.id}/{key.id}" for key in keys if key.budgets]
    paying += [tenant.id for tenant in snapshot.tenants.values() if tenant.budgets]
    if paying:
        yield f"budgets are not enforced yet: {', '.join(paying)}"

"""What a configuration asks for and a gateway that is set up so does not do: read and checked, but without effect.

Nobody should believe in a limit that is not kept.
"""

from collections.abc import Iterator

from gateway.settings.server import Settings


def unenforced(settings: Settings) -> Iterator[str]:
    """A sentence for each kind of thing that is configured in vain."""
    snapshot = settings.snapshot
    keys = snapshot.tenant_keys.values()
    paying = [f"{key.tenant.id}/{key.id}" for key in keys if key.budgets]
    paying += [tenant.id for tenant in snapshot.tenants.values() if tenant.budgets]
    if settings.database.kind != "none":
        return
    if paying:
        yield f"without a database budgets are not enforced: {', '.join(paying)}"
    if snapshot.prices:
        yield f"without a database nothing is charged: {', '.join(price.id for price in snapshot.prices)}"

"""Who sells the models of a configured provider, as far as prices go."""

from budgets.price_file import Seed
from budgets.price_table import Seller
from gateway.settings.snapshot import Provider


def seller_of(provider: Provider, seed: Seed | None) -> Seller:
    """Known by its address, else by its flavour, dialect or name; by nothing where there is no price list."""
    base_url = f"{provider.origin}{provider.base_path}"
    names = provider.flavour, provider.dialect, provider.id
    vendor = None if seed is None else seed.vendor(base_url, *names)
    return Seller(provider.id, "" if vendor is None else vendor.id, provider.local)

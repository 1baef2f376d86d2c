"""Which addresses anybody may reach: everything else may be a machine of ours, or one that only we can reach.

An address inside another (mapped, translated, tunnelled) leads to that other one, and is refused with it.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_REFUSED = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",  # carriers' own, and a metadata service
            "168.63.129.16/32",  # Azure's metadata and agents, though it looks public
            "192.0.0.0/24",  # protocols' own, and a metadata service
            "192.88.99.0/24",  # 6to4 relays
            "::/96",  # IPv4-compatible
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "fec0::/10",  # site-local
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether it is globally routable, by itself and without a zone. What is no address is not."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    special = (
        found.is_private, found.is_loopback, found.is_link_local, found.is_multicast, found.is_reserved,
        found.is_unspecified,
    )  # fmt: skip
    if any(special) or not found.is_global or getattr(found, "scope_id", None) is not None:
        return False
    return not any(found.version == network.version and found in network for network in _REFUSED)

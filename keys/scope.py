"""What a tenant key may be used for, and from where. Pure."""

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class OutOfScope(Enum):
    """What a key is not for."""

    ENDPOINT = "endpoint"
    MODEL = "model"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Use:
    """What somebody wants to do with a key. `model` is the caller's own word for it, None where there is none;
    `address` is where the caller comes from, None when that is not known."""

    endpoint: str
    model: str | None
    address: Address | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits on the use of a key. None is no limit; an empty one allows nothing."""

    models: tuple[str, ...] | None = None  # patterns, `*` matches anything
    endpoints: frozenset[str] | None = None
    addresses: tuple[Network, ...] | None = None

    def refuses(self, use: Use) -> OutOfScope | None:
        """The first limit that `use` breaks. What is not known is not allowed."""
        if self.endpoints is not None and use.endpoint not in self.endpoints:
            return OutOfScope.ENDPOINT
        if self.addresses is not None and not _is_in(use.address, self.addresses):
            return OutOfScope.ADDRESS
        return None if self.names(use.model) else OutOfScope.MODEL

    def names(self, model: str | None) -> bool:
        """Whether `model` is within the limit on models; where none is asked for there is none to limit."""
        if model is None or self.models is None:
            return True
        return any(fnmatchcase(model, pattern) for pattern in self.models)


UNLIMITED = Scope()


def parse_address(text: str) -> Address | None:
    """A caller's address as it is compared: IPv4 inside IPv6 is IPv4, and interface names are left out."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> Network:
    """A single address or `address/bits`; raises ValueError, also for bits set beyond the mask."""
    return ip_network(text)


def _is_in(address: Address | None, networks: tuple[Network, ...]) -> bool:
    return address is not None and any(address in network for network in networks)

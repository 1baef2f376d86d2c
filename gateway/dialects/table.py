"""Which package speaks which API: callers' on one side, providers' on the other."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dialects.translation import Inbound, Outbound

#: By the caller's API (`gateway.api.routes`).
INBOUND: Mapping[str, Inbound] = MappingProxyType({})
#: By the dialect and API of the provider.
OUTBOUND: Mapping[tuple[str, str], Outbound] = MappingProxyType({})

"""Whether a provider takes a key: its list of models is asked for, by the way that requests go.

Nothing that a provider says is repeated: its words may hold parts of the key. What is found out changes no health.
"""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.dialects.messages.versions import version_line
from gateway.settings.snapshot import ProviderKey
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.request_head import AGENT, fixed_head
from gateway.upstream.send import send

_WITHIN_S = 10.0
_REFUSED = (401, 403)

Row = dict[str, object]


async def verify(key: ProviderKey, pool_of: Callable[[ProviderKey], Pool], clock: Clock) -> Row:
    """`accepted` is null when that could not be found out; `said` is for people."""
    found: Row = {"pool": key.id, "accepted": None, "status": None, "seconds": None}
    if key.lacks_secret:
        return {**found, "said": "its secret cannot be had from where it is kept: the provider was not asked"}
    version = version_line(samples=True) if key.provider.dialect == "anthropic" else b""
    head = fixed_head(key, "GET", "/models", None) + version + b"user-agent: " + AGENT + b"\r\n\r\n"
    began = clock.monotonic()
    try:
        response = await send(pool_of(key), head, None, _WITHIN_S, _WITHIN_S)
    except UpstreamFailure as failure:
        return {**found, "said": f"the provider was not reached: {failure.kind}"}
    response.abort()  # the list is of no interest
    status = response.status
    found |= {"status": status, "seconds": round(clock.monotonic() - began, 3)}
    if 200 <= status < 300:
        return {**found, "accepted": True, "said": "the key is accepted"}
    if status in _REFUSED:
        return {**found, "accepted": False, "said": f"the key is refused (HTTP {status})"}
    return {**found, "said": f"the provider answered HTTP {status}"}

"""Targets of routes that this build cannot ask: their provider speaks no dialect that it can send.

They are valid, and a later version will ask them; until then a request goes to a route's other targets, and one for
a route without any is refused.
"""

from collections.abc import Iterator, Mapping, Sequence

from gateway.settings.snapshot import Snapshot, Target
from gateway.upstream.request_head import ADAPTERS


def unasked_targets(snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each route that has such a target, as configured and as tenants point it elsewhere."""
    yield from _of("", {name: route.targets for name, route in snapshot.routes.items()})
    for tenant in snapshot.tenants.values():
        yield from _of(f"tenant {tenant.id}: ", tenant.models)


def _of(whose: str, routes: Mapping[str, Sequence[Target]]) -> Iterator[str]:
    for name, targets in routes.items():
        unasked = [str(target) for target in targets if target.provider.dialect not in ADAPTERS]
        if len(unasked) == len(targets):
            yield f"{whose}model {name}: cannot be served yet, no target's dialect is: {', '.join(unasked)}"
        elif unasked:
            yield f"{whose}model {name}: passed over, their dialect is not served yet: {', '.join(unasked)}"

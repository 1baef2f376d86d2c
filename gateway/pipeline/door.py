"""What is the same for every request of one kind to one provider key, made when the first one goes there."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.pipeline.served_by import served_by
from gateway.pipeline.work import Work
from gateway.settings.snapshot import ProviderKey, Target
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.request_head import fixed_head

_MOST = 4096


@dataclass(frozen=True, slots=True)
class Door:
    """`head` are the fixed lines of a request, `identity` those that tell its caller who serves."""

    head: bytes
    identity: bytes
    pool: Pool


class Doors:
    """Of one snapshot. `pool_of` gives the connections of a provider key."""

    __slots__ = ("_made", "_pool_of")

    def __init__(self, pool_of: Callable[[ProviderKey], Pool]) -> None:
        self._pool_of = pool_of
        self._made: dict[tuple[ProviderKey, str, str, str | None, str], Door] = {}

    def clear(self) -> None:
        """Secrets, or who serves what, are others now."""
        self._made.clear()

    def of(self, key: ProviderKey, target: Target | None, work: Work) -> Door:
        """Raises UpstreamFailure where the key's secret cannot be had."""
        model = target.model if target is not None else None
        name = (key, work.method, work.path, model, work.query)
        door = self._made.get(name)
        if door is None:
            if key.lacks_secret:
                raise UpstreamFailure("no_secret", "the key's secret cannot be had", sent=False)
            head = fixed_head(key, work.method, work.path, model, work.query)
            door = Door(head, served_by(key, target), self._pool_of(key))
            if len(self._made) >= _MOST:  # paths with ids and callers' model names: keep a bound
                self._made.clear()
            self._made[name] = door
        return door

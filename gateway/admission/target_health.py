"""The health of the keys that serve one target (a provider's model): they stand in for each other.

Half of them may be left out for their health, and never the last that serves.
"""

from collections.abc import Sequence

from gateway.admission.ejection import SHARE_MAX
from gateway.admission.health import Health


class TargetHealth:
    """The keys of one target."""

    __slots__ = ("by_key", "members")

    def __init__(self) -> None:
        self.members: tuple[Health, ...] = ()
        self.by_key: dict[str, Health] = {}

    def consist_of(self, members: Sequence[Health], now: float) -> None:
        """From now on these are its keys; with fewer of them, fewer may be left out."""
        self.members = tuple(members)
        self.by_key = {one.key_id: one for one in members}
        out = sorted((one for one in members if one.ejected), key=lambda one: one.until)
        for one in out[: max(0, len(out) - int(len(members) * SHARE_MAX))]:
            one.recall(now)
        self.left(now)

    def left(self, now: float) -> None:
        """A key is no longer in service; if it was the last one, those that only cool serve again."""
        if not any(one.state == "healthy" for one in self.members):
            for one in self.members:
                one.recall(now)

    def is_plain(self) -> bool:
        """Whether nothing is lost by forgetting it: what credentials say is known without it."""
        return all(one.open or one.state == "invalid" for one in self.members)

"""The health of the keys that serve one target: a provider's model."""

from collections.abc import Sequence

from gateway.admission.health import Health


class TargetHealth:
    """The keys of one target."""

    __slots__ = ("by_key", "members")

    def __init__(self) -> None:
        self.members: tuple[Health, ...] = ()
        self.by_key: dict[str, Health] = {}

    def consist_of(self, members: Sequence[Health]) -> None:
        """From now on these are its keys."""
        self.members = tuple(members)
        self.by_key = {one.key_id: one for one in members}

    def is_plain(self) -> bool:
        """Whether nothing is lost by forgetting it: what credentials say is known without it."""
        return all(one.open or one.state == "invalid" for one in self.members)

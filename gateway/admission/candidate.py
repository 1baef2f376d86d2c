"""One way to serve a request: a provider key for one model, with what is known of it."""

from typing import Generic, Protocol, TypeVar

from gateway.admission.affinity import salt_of
from gateway.admission.health import Health
from gateway.admission.latency import FirstTokenTimes
from gateway.settings.snapshot import Target


class Loaded(Protocol):
    """What a choice must know of an account: how much is under way there in this worker, and how much more than
    others it is to be given."""

    in_flight: int
    weight: float


AccountT = TypeVar("AccountT", bound=Loaded)


class Candidate(Generic[AccountT]):
    """Made once per target and key, and kept: what it learns of latency is learned here."""

    __slots__ = ("account", "first_token", "health", "is_compared", "key_id", "last_turn", "salt", "target")

    def __init__(self, account: AccountT, health: Health, target: Target | None = None) -> None:
        self.account = account
        self.health = health
        self.target = target  # None: a request that names no model
        self.key_id = health.key_id
        self.salt = salt_of(health.key_id, health.model)
        self.first_token = FirstTokenTimes()
        self.last_turn = 0.0  # until when, in turns of weight 1, it has had its share
        self.is_compared = False  # with others, by anybody: else nobody asks how fast it is

    @property
    def in_flight(self) -> int:
        return self.account.in_flight

"""Provider keys and their health, as the tests of deciders need them."""

from itertools import count

from gateway.admission.credential import Credential
from gateway.admission.health import Health
from gateway.settings.snapshot import Origin, Provider, ProviderKey


def provider(dialect: str = "openai", name: str = "p") -> Provider:
    return Provider(
        name, dialect, "generic", Origin("https", "provider.example", 443), "/v1", frozenset({"chat"})
    )


def provider_key(name: str, at: Provider, models: tuple[str, ...] = ("*",)) -> ProviderKey:
    return ProviderKey(name, at, None, None, models=models)


def target(keys: int, hold_s: float = 900.0) -> list[Health]:
    """The health of that many keys for one model."""
    turns = count(1)
    members = [Health(f"key-{n}", "m", Credential(), turns, hold_s) for n in range(keys)]
    for one in members:
        one.credential.uses[one] = None
    return members


def fail(health: Health, times: int, now: float) -> None:
    for _ in range(times):
        health.failed(health.started(now), "health", now, "503")


def serve(health: Health, times: int, now: float) -> None:
    for _ in range(times):
        health.finished(health.started(now), now)

"""What every provider's adapter answers: what a request charges, what headers and errors mean for the key.

Adapters hold no state and do no I/O; the clock is a parameter (admission reference §1.5).
"""

from datetime import datetime
from typing import Protocol

from gateway.charge import Charge, Estimate
from gateway.exchange import Usage
from gateway.settings.snapshot import Provider
from gateway.upstream import anthropic, azure, gemini, ollama
from gateway.upstream.compatible import Compatible
from gateway.upstream.flavours import FLAVOURS
from gateway.upstream.observed import Observed
from gateway.upstream.retry_after import Headers
from gateway.upstream.verdict import Verdict


class Adapter(Protocol):
    """One provider's ways."""

    @property
    def request_slice_s(self) -> float | None:
        """The slice in which requests per minute are enforced, where the provider is known to slice finer."""
        ...

    def at_start(self, estimate: Estimate) -> Charge:
        """What the request charges when it is sent. `output_max` is that of all its choices together."""
        ...

    def at_end(self, usage: Usage, started: Charge) -> Charge:
        """What it has charged in the end; without usage (`source` none) what it started with."""
        ...

    def at_refusal(self, started: Charge) -> Charge:
        """The same for a request that was answered with an error before any content. Not sent is not charged."""
        ...

    def observe(self, headers: Headers, now: datetime, /) -> tuple[Observed, ...]:
        """The ceilings that a reply tells of; names of `headers` are lower case."""
        ...

    def verdict(self, status: int, headers: Headers, body: bytes, now_utc: datetime) -> Verdict:
        """What an error means for the key. A status below 300: an error inside a 200, `body` its JSON."""
        ...


_BY_DIALECT: dict[str, Adapter] = {
    "azure": azure.CHARGES,
    "anthropic": anthropic.CHARGES,
    "gemini": gemini.CHARGES,
    "ollama": ollama.CHARGES,
}
_BY_FLAVOUR: dict[str, Adapter] = {name: Compatible(flavour) for name, flavour in FLAVOURS.items()}


def adapter_of(provider: Provider) -> Adapter:
    """The adapter by dialect; in the OpenAI dialect by flavour."""
    own = _BY_DIALECT.get(provider.dialect)
    return own if own is not None else _BY_FLAVOUR[provider.flavour]

"""What a request charges at providers of the OpenAI dialect, and what their headers and errors mean.

One class; what differs between them is data: a `Flavour` (`flavours`, `azure`, `ollama`).
"""

from datetime import datetime

from gateway.charge import Charge, Estimate
from gateway.exchange import Usage
from gateway.record import Record
from gateway.upstream.error_reply import read_error
from gateway.upstream.observed import HeaderTable, Observed
from gateway.upstream.retry_after import Headers
from gateway.upstream.verdict import Rule, Verdict, judge


class Flavour(Record, frozen=True):
    """`refunds`: the tokens become what was used; otherwise what was held for output stays charged."""

    headers: HeaderTable
    rules: tuple[Rule, ...]
    refunds: bool = False
    counts_cached: bool = True
    request_slice_s: float | None = None


class Compatible:
    """Towards tokens per minute input and output bound count together. OpenAI's documented rule is the larger of
    the two; the sum is never less, so it never leads to a 429 (admission reference §1.5).
    """

    __slots__ = ("_flavour", "request_slice_s")

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self.request_slice_s = flavour.request_slice_s

    def at_start(self, estimate: Estimate) -> Charge:
        """`max_tokens` is reserved at receipt (§1.2); where the caller names none, what is expected."""
        prompt = estimate.input_upper
        output = estimate.output if estimate.output_max is None else estimate.output_max
        return Charge(1, prompt, output, prompt + output)

    def at_end(self, usage: Usage, started: Charge) -> Charge:
        if usage.source == "none":
            return started
        flavour = self._flavour
        prompt, output = usage.input, usage.output
        if not flavour.counts_cached:
            prompt -= min(usage.cache_read, prompt)
        both = prompt + output
        if flavour.refunds:
            return Charge(started.requests, prompt, output, both)
        if usage.source != "provider":  # our own guess gives nothing back
            return Charge(
                started.requests,
                max(started.input, prompt),
                max(started.output, output),
                max(started.tokens, both),
            )
        # What was held above the prompt as it turned out was our doubt, and never the provider's charge. Ceilings
        # on input or output alone count what was used, wherever there are such.
        held = started.output if started.output > output else output
        return Charge(started.requests, prompt, output, prompt + held)

    def at_refusal(self, started: Charge) -> Charge:
        """Failed requests count too (§1.2), except where only places count."""
        return Charge(started.requests) if self._flavour.refunds else started

    def observe(self, headers: Headers, now: datetime) -> tuple[Observed, ...]:
        return self._flavour.headers.read(headers, now)

    def verdict(self, status: int, headers: Headers, body: bytes, now_utc: datetime) -> Verdict:
        observed = self.observe(headers, now_utc)
        return judge(self._flavour.rules, status, headers, read_error(body), observed, now_utc)

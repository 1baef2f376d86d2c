"""How many tokens a request takes and gives, before it is sent; and learning from how many it was.

Input: content × what a unit of it has come to at this model (`gateway.admission.calibration`), and a flat part for
the template around it. Output: what such requests have answered (`gateway.admission.output_quantile`), and the
caller's own limit. No tokenizer, no await; what is learned is this worker's and outlives configurations.
"""

from gateway.admission.calibration import EVENTS, PRIORS, REPLY, Calibrations
from gateway.admission.output_quantile import OutputQuantiles
from gateway.charge import Estimate, Makeup
from gateway.exchange import Usage
from gateway.metrics import Metrics


class Estimator:
    """Estimates, and what they are learned from."""

    __slots__ = ("_calibrations", "_metrics", "_outputs")

    def __init__(self, metrics: Metrics) -> None:
        self._calibrations = Calibrations()
        self._outputs = OutputQuantiles()
        self._metrics = metrics

    def estimate(self, makeup: Makeup, tenant: str, route: str, model: str) -> Estimate:
        """What a request of `makeup` will come to at `model`; `tenant` and `route` say what it may answer."""
        kinds = self._calibrations.of(model)
        point = upper = 0.0
        for kind, size in makeup.parts:
            calibration = kinds[kind]
            point += calibration.ratio * size
            upper += calibration.upper * size
        output, output_max, guessed = 0, makeup.output_max, False
        if makeup.answer:
            p90, guessed = self._outputs.p90((tenant, route, model), makeup.answer)
            output = int(p90 * makeup.choices)
            if output_max is not None and output > output_max:
                output = output_max
        input_, input_upper = int(point) + makeup.flat or 1, int(upper) + 1 + makeup.flat_upper
        return Estimate(input_, input_upper, output, output_max, guessed=guessed)

    def learn_input(
        self, makeup: Makeup, estimate: Estimate, model: str, label: str, usage: Usage, reads: int = 1
    ) -> None:
        """The provider reported `usage` for a request of `makeup`; `label` is what metrics call `model`, and all of
        it was read so often.

        A report that cannot be true teaches nothing: no input at all, or more tokens than the text has bytes.
        """
        actual = usage.input if reads == 1 else usage.input // reads
        if usage.source == "provider" and 0 < actual <= _most(makeup):
            self._metrics.estimated(label, estimate.input / actual)
            if makeup.parts:
                self._calibrations.learn(model, makeup.parts, actual - makeup.flat)

    def learn_output(
        self, makeup: Makeup, tenant: str, route: str, model: str, usage: Usage, streamed: bool, relayed: int
    ) -> None:
        """An answer ended well: `usage.output` tokens in `relayed` bytes."""
        output = usage.output
        if usage.source == "provider" and output > 0 and makeup.answer:
            self._outputs.learn((tenant, route, model), output / makeup.choices, makeup.answer)
            if relayed:
                self._calibrations.own(model)[EVENTS if streamed else REPLY].learn(relayed, output)

    def answered(self, model: str, streamed: bool, size: int) -> int:
        """Tokens in the `size` bytes that were relayed of an answer, for want of a report."""
        return max(1, int(self._calibrations.of(model)[EVENTS if streamed else REPLY].ratio * size))


def _most(makeup: Makeup) -> float:
    """The most tokens that a request of `makeup` can have."""
    most: float = makeup.flat_upper
    for kind, size in makeup.parts:
        most += PRIORS[kind].limit * size
    return most

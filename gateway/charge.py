"""What a request uses up, as providers count it: a vector that ceilings are compared with.

One vector for every provider; which of its axes a ceiling counts is the ceiling's business, and what a request
puts on each axis, when it starts and when it has ended, is the provider's (`gateway.upstream`).
"""

from collections.abc import Iterator

from gateway.record import Record, replace

#: Positions in a `Charge`.
CHARGE_AXES = REQUESTS, INPUT, OUTPUT, TOKENS = range(4)


class Charge(Record, frozen=True, gc=False):
    """Whole units. `tokens` is for providers that count input and output together.

    No named tuple: those are made by Python that is called from C, and a request makes four of them.
    """

    requests: int = 0
    input: int = 0
    output: int = 0
    tokens: int = 0

    def units(self) -> tuple[int, int, int, int]:
        """By axis."""
        return self.requests, self.input, self.output, self.tokens

    def __iter__(self) -> Iterator[int]:
        return iter((self.requests, self.input, self.output, self.tokens))

    def __getitem__(self, axis: int) -> int:
        return (self.requests, self.input, self.output, self.tokens)[axis]

    def __sub__(self, other: "Charge") -> "Charge":
        """By how much it is more; where negative, less."""
        return Charge(
            self.requests - other.requests,
            self.input - other.input,
            self.output - other.output,
            self.tokens - other.tokens,
        )


class Estimate(Record, frozen=True, gc=False):
    """What is thought of a request before it is sent, in tokens."""

    input: int  # best guess
    input_upper: int  # not exceeded but once in a great while; what ceilings are asked for
    output: int  # learned: nine of ten such requests stay below
    output_max: int | None  # what the caller allows; None when they do not say
    cached: int = 0  # of `input`, expected to be read from the provider's prompt cache
    guessed: bool = False  # `output` is, up to what the caller allows: too little was learned

    def read(self, times: int) -> "Estimate":
        """Of the same where all of it is read so often."""
        if times == 1:
            return self
        input_, upper, cached = self.input * times, self.input_upper * times, self.cached * times
        return replace(self, input=input_, input_upper=upper, cached=cached)


class Makeup(Record, frozen=True, gc=False):
    """What a request is made of, as far as tokens go: read from its body once, estimated for any model."""

    #: (kind of content, size) each; kinds and their units are `gateway.admission.calibration`'s.
    parts: tuple[tuple[int, float], ...] = ()
    flat: int = 1  # tokens of what is not content: the template around messages and tools
    flat_upper: int = 1
    answer: int = 0  # tokens of an answer of such a request, before anything is learned; 0: it has none
    choices: int = 1  # of all texts together
    output_max: int | None = None  # of all choices; None when the caller does not say
    searches: int = 0  # that the provider may make, and bill by the call
    texts: int = 1  # that are embedded or gone on with, each for itself


#: Before anything was read.
NOTHING = Makeup(flat=0, flat_upper=0)
NO_ESTIMATE = Estimate(0, 0, 0, 0)

"""What a model is taken to have said when its answer was ended for what it is (wire reference §2.0, Stops)."""

from gateway.chat import Stop

_REFUSED = "The model declined to respond."


def refusal_of(stop: Stop, explanation: str) -> str:
    """What is said of an answer that was ended for what it is, where it does not say so itself."""
    if explanation and stop in ("refusal", "content_filter"):
        return explanation
    return _REFUSED if stop == "refusal" else ""

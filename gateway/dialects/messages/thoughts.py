"""Blocks of thinking: Anthropic's own with their signatures, and other providers' in the same place.

Anthropic wants its blocks back unchanged. What another provider wants back travels through Anthropic clients in
the same fields, marked, so that it is known again and never sent to Anthropic (wire reference §2.2, Response).
"""

from gateway.chat import JsonObject, Signature, Thinking

PROVIDER = "anthropic"
#: Begins what is in the place of a signature and none of Anthropic's: `gw1:provider:id:data`.
MARK = "gw1:"
#: Of a signature whose thought is not shown; one without text and without this is sealed.
UNSHOWN = "thinking"


def signature_of(said: str, shown: bool) -> Signature | None:
    """What the `signature` of a block is, with text (`shown`) or without."""
    if said.startswith(MARK):
        return _unmarked(said)
    return Signature(PROVIDER, said, "" if shown else UNSHOWN) if said else None


def seal_of(data: str) -> Signature | None:
    """What the `data` of a block is that shows nothing."""
    return _unmarked(data) if data.startswith(MARK) else Signature(PROVIDER, data) if data else None


def is_sealed(thought: Thinking) -> bool:
    """Whether it is a block of `data`."""
    signature = thought.signature
    return not thought.text and signature is not None and signature.id != UNSHOWN


def sent_signature(signature: Signature | None) -> str:
    """What stands for it in a reply: Anthropic's own as it is, anything else with the mark."""
    if signature is None:
        return MARK
    if signature.provider == PROVIDER:
        return signature.data
    return f"{MARK}{signature.provider}:{signature.id}:{signature.data}"


def thinking_block(thought: Thinking) -> JsonObject:
    """The block of a reply, or of a request where the signature is Anthropic's own."""
    said = sent_signature(thought.signature)
    if is_sealed(thought):
        return {"type": "redacted_thinking", "data": said}
    return {"type": "thinking", "thinking": thought.text, "signature": said}


def own_block(thought: Thinking) -> JsonObject | None:
    """For Anthropic; None for what it has not signed."""
    signature = thought.signature
    return thinking_block(thought) if signature is not None and signature.provider == PROVIDER else None


def _unmarked(said: str) -> Signature | None:
    provider, _, rest = said[len(MARK) :].partition(":")
    id_, _, data = rest.partition(":")
    return Signature(provider, data, id_) if data else None

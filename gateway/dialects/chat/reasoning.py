"""Reasoning in messages: read from whatever field it stands in, written with what its provider wants back.

There is no field of OpenAI's for it. Compatible servers have `reasoning_content` or `reasoning`, plain; two
libraries have lists with signatures, `reasoning_details` and `thinking_blocks`. Here an answer's reasoning is in
`reasoning_content`, and with its signatures in `reasoning_details` (wire reference §2.1): a caller who gives the
message back as it was brings all of it.
"""

from collections.abc import Iterable

from gateway.chat import Json, JsonObject, Signature, Thinking
from gateway.dialects.said_fields import dicts, word

_PLAIN = ("reasoning_content", "reasoning")
DETAILS, _BLOCKS = "reasoning_details", "thinking_blocks"
#: Where reasoning is given back for the sake of its signatures, as its provider wants it.
GIVEN_BACK = (DETAILS, _BLOCKS)
#: Where reasoning may stand in a message.
THOUGHTS = frozenset({*_PLAIN, DETAILS, _BLOCKS})
#: Providers whose signed text travels with the seal, not as text of its own: what OpenAI shows is a summary.
_SUMMARISED = "openai"
_SIGNATURE, _SEALED = "signature", "data"


def thoughts_of(message: JsonObject) -> tuple[Thinking, ...]:
    """Of a message, or of a delta. What is not understood in these fields is none: nobody has defined them."""
    if THOUGHTS.isdisjoint(message):
        return ()
    found = _detailed(message.get(DETAILS)) or _in_blocks(message.get(_BLOCKS))
    plain = plain_thought(message)
    if not found:
        return (Thinking(plain),) if plain else ()
    if len(found) == 1 and not found[0].text and found[0].signature is not None and plain:
        return (Thinking(plain, found[0].signature),)  # streams bring the signature alone
    return tuple(found)


def plain_thought(message: JsonObject) -> str:
    for name in _PLAIN:
        said = word(message, name)
        if said:
            return said
    return ""


def _detailed(details: Json) -> list[Thinking]:
    """Entries with one `index` are one thought: its text, a summary of it, its signature."""
    thoughts: dict[object, Thinking] = {}
    for place, entry in enumerate(dicts(details)):
        index = entry.get("index")
        key: object = index if isinstance(index, int) else ("at", place)
        before = thoughts.get(key, Thinking(""))
        said = word(entry, "text") or word(entry, "summary")
        thoughts[key] = Thinking(before.text + said, _signature(entry) or before.signature)
    return [one for one in thoughts.values() if one.text or one.signature is not None]


def _signature(entry: JsonObject) -> Signature | None:
    data = word(entry, _SIGNATURE) or word(entry, _SEALED)
    return Signature(word(entry, "format") or "unknown", data, word(entry, "id")) if data else None


def _in_blocks(blocks: Json) -> list[Thinking]:
    """Anthropic's own, as some libraries hand them through."""
    found = []
    for block in dicts(blocks):
        seal = word(block, _SIGNATURE) or word(block, _SEALED)
        said = word(block, "thinking")
        if said or seal:
            found.append(Thinking(said, Signature("anthropic", seal) if seal else None))
    return found


def detail_of(thought: Thinking, index: int) -> JsonObject:
    """The entry of `reasoning_details` that says a thought, its `index` among them."""
    signature = thought.signature
    if signature is None:
        return {"index": index, "type": "reasoning.text", "text": thought.text}
    detail: JsonObject = {"index": index, "format": signature.provider}
    if signature.id:
        detail["id"] = signature.id
    if thought.text and signature.provider != _SUMMARISED:
        return {**detail, "type": "reasoning.text", "text": thought.text, _SIGNATURE: signature.data}
    if thought.text:
        detail["summary"] = thought.text
    return {**detail, "type": "reasoning.encrypted", _SEALED: signature.data}


def write_thoughts(message: JsonObject, thoughts: Iterable[Thinking]) -> None:
    """Into an answer's message: the text for people and programs, the details where there are signatures."""
    said = tuple(thoughts)
    text = "".join(one.text for one in said)
    if text:
        message[_PLAIN[0]] = text
    if any(one.signature is not None for one in said):
        message[DETAILS] = [detail_of(one, index) for index, one in enumerate(said)]

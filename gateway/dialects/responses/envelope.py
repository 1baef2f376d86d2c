"""Another provider's thoughts inside `encrypted_content`, so that callers who keep no state bring them back.

`gw1:` and base64 of compressed JSON. It is not sealed: whatever it holds a caller could also say in the dialect of
the provider that signed it, and that provider checks its signatures (wire reference §2.11).
"""

import base64
import binascii
import zlib

from gateway.chat import JsonObject, Signature, Thinking
from gateway.dialects.json_text import json_bytes, read_object

_MARK = "gw1:"
_UNPACKED_MAX = 4 * 1024 * 1024


def enclosed(thought: Thinking) -> str:
    """What stands in `encrypted_content`: OpenAI's own as it is, any other's in an envelope; "" without any."""
    signature = thought.signature
    if signature is None:
        return ""
    if signature.provider == "openai":
        return signature.data
    held: JsonObject = {
        "provider": signature.provider, "data": signature.data, "id": signature.id, "text": thought.text,
    }  # fmt: skip
    packed = zlib.compress(json_bytes(held))
    return _MARK + base64.b64encode(packed).decode("ascii")


def opened(content: str, id_: str, text: str) -> Thinking:
    """The thought behind `encrypted_content`; `text` is what is shown of it. A broken envelope is none."""
    if not content:
        return Thinking(text)
    if not content.startswith(_MARK):
        return Thinking(text, Signature("openai", content, id_))
    try:
        packed = base64.b64decode(content[len(_MARK) :], validate=True)
        held = read_object(zlib.decompressobj().decompress(packed, _UNPACKED_MAX))
    except (binascii.Error, zlib.error):
        held = None
    match held:
        case {"provider": str(provider), "data": str(data), "id": str(own_id), "text": str(said)}:
            return Thinking(said, Signature(provider, data, own_id))
    return Thinking(text)

"""Another provider's thoughts inside `encrypted_content`, so that callers who keep no state bring them back.

`gw1:` and base64 of compressed JSON. It is not sealed: whatever it holds a caller could also say in the dialect of
the provider that signed it, and that provider checks its signatures (wire reference §2.11).
"""

import base64
import binascii
import zlib

import orjson

from gateway.chat import Signature, Thinking

_MARK = "gw1:"
_UNPACKED_MAX = 4 * 1024 * 1024


def enclosed(thought: Thinking) -> str:
    """What stands in `encrypted_content`: OpenAI's own as it is, any other's in an envelope; "" without any."""
    signature = thought.signature
    if signature is None:
        return ""
    if signature.provider == "openai":
        return signature.data
    packed = zlib.compress(orjson.dumps([signature.provider, signature.data, signature.id, thought.text]))
    return _MARK + base64.b64encode(packed).decode("ascii")


def opened(content: str, id_: str, text: str) -> Thinking:
    """The thought behind `encrypted_content`; `text` is what is shown of it. A broken envelope is none."""
    if not content:
        return Thinking(text)
    if not content.startswith(_MARK):
        return Thinking(text, Signature("openai", content, id_))
    try:
        unpacker = zlib.decompressobj()
        packed = base64.b64decode(content[len(_MARK) :], validate=True)
        provider, data, own_id, said = orjson.loads(unpacker.decompress(packed, _UNPACKED_MAX))
    except (binascii.Error, zlib.error, orjson.JSONDecodeError, ValueError, TypeError):
        return Thinking(text)
    if not all(isinstance(one, str) for one in (provider, data, own_id, said)):
        return Thinking(text)
    return Thinking(said, Signature(provider, data, own_id))

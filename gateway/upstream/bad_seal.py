"""Whether a provider refuses a conversation for a signature, or encrypted reasoning, that is not its own."""

import re

from gateway.upstream.error_reply import read_error

_STATUSES = frozenset({400, 422})
_CODE = "invalid_encrypted_content"
_SAYS = re.compile(
    r"(?:corrupted|invalid)[^.]{0,40}thought[_ ]?signature"
    r"|thought[_ ]?signature[^.]{0,40}(?:corrupted|invalid|not valid)"
    r"|invalid [`'\"]?signature[`'\"]? in "
    r"|invalid [`'\"]?data[`'\"]? in [`'\"]?redacted_thinking"
    r"|encrypted content[^.]{0,200}could not be (?:verified|decrypted)",
    re.IGNORECASE,
)


def is_bad_seal(status: int, body: bytes) -> bool:
    """Nothing is lost where it only quotes a caller: the request is asked again with less, once."""
    if status not in _STATUSES:
        return False
    reply = read_error(body)
    return _CODE in reply.codes or _SAYS.search(reply.message) is not None

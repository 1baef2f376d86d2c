"""How many tokens a prompt has, in the words of each dialect that can be asked for it (wire reference §1.1)."""

from gateway.dialects.json_text import json_bytes


def counted(endpoint: str, tokens: int) -> bytes:
    """The JSON body that answers a request of `endpoint` which only counts."""
    if endpoint == "count_content":
        return json_bytes({"totalTokens": tokens})
    if endpoint == "count_tokens":
        return json_bytes({"input_tokens": tokens})
    return json_bytes({"object": "response.input_tokens", "input_tokens": tokens})

"""How many tokens a prompt has, in the words of each dialect that can be asked for it (wire reference §1.1)."""

import orjson


def counted(endpoint: str, tokens: int) -> bytes:
    """The JSON body that answers a request of `endpoint` which only counts."""
    if endpoint == "count_content":
        return orjson.dumps({"totalTokens": tokens})
    if endpoint == "count_tokens":
        return orjson.dumps({"input_tokens": tokens})
    return orjson.dumps({"object": "response.input_tokens", "input_tokens": tokens})

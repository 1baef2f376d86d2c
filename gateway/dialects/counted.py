"""How many tokens a prompt has: in the words of each dialect that can be asked for it (wire reference §1.1), and
of those that providers can be asked in.
"""

from gateway.chat import JsonObject
from gateway.dialects.json_text import json_bytes
from gateway.errors import UPSTREAM_INVALID, GatewayError

#: What of a request is before the model; Anthropic refuses anything else in a request that counts.
_GEMINI = ("contents", "systemInstruction", "tools", "toolConfig", "cachedContent")
_ANTHROPIC = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
_TOLD = {"count_content": "totalTokens", "count_tokens": "input_tokens"}


def counted(endpoint: str, tokens: int) -> bytes:
    """The JSON body that answers a request of `endpoint` which only counts."""
    if endpoint in _TOLD:
        return json_bytes({_TOLD[endpoint]: tokens})
    return json_bytes({"object": "response.input_tokens", "input_tokens": tokens})


def count_body(api: str, model: str, body: JsonObject) -> tuple[str, JsonObject]:
    """(path, body) of the question to a provider by its `api` how many tokens the request `body` has."""
    if api == "count_content":
        asked: JsonObject = {name: body[name] for name in _GEMINI if name in body}
        return ":countTokens", {"generateContentRequest": {"model": f"models/{model}", **asked}}
    return "/messages/count_tokens", {name: body[name] for name in _ANTHROPIC if name in body}


def tokens_in(api: str, reply: JsonObject) -> int:
    """What a provider answered to it. Raises GatewayError when that is no number."""
    tokens = reply.get(_TOLD[api])
    if type(tokens) is not int or tokens < 0:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer has no count in it.")
    return tokens

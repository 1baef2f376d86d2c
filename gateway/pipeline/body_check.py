"""What a JSON body must have to be worth sending; the provider checks the rest."""

from typing import Any

from gateway.errors import INVALID_TYPE, INVALID_VALUE, MISSING_PARAMETER, GatewayError

_COUNT_MAX = 1_000_000_000
_N_MAX = 128

#: Fields that must be there, and fields that bound what a request may cost. The provider checks the rest.
_REQUIRED: dict[str, tuple[tuple[str, tuple[type, ...]], ...]] = {
    "chat": (("messages", (list,)),),
    "completions": (("prompt", (str, list)),),
    "embeddings": (("input", (str, list)),),
    "moderations": (("input", (str, list)),),
    "messages": (("messages", (list,)),),
    "count_tokens": (("messages", (list,)),),
    "generate_content": (("contents", (list, dict)),),
}
#: Fields that mean the same at every provider: what their values are, what that is called, and within what bounds
#: (0, 0: none of ours). Null is absent.
_TYPED: dict[str, tuple[tuple[type, ...], str, int, int]] = {
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens"), ((int,), "an integer", 0, _COUNT_MAX)
    ),
    **dict.fromkeys(("n", "best_of"), ((int,), "an integer", 1, _N_MAX)),
    **dict.fromkeys(
        ("temperature", "top_p", "presence_penalty", "frequency_penalty"), ((int, float), "a number", 0, 0)
    ),
    "stream_options": ((dict,), "an object", 0, 0),
    "tools": ((list,), "an array", 0, 0),
}


def check_body(fields: dict[str, Any], api: str) -> None:
    """Refuse what cannot be meant: missing content, wrong types, counts that are not counts."""
    for name, types in _REQUIRED.get(api, ()):
        value = fields.get(name)
        if value is None:
            raise GatewayError(MISSING_PARAMETER, f"Missing required parameter: '{name}'.", param=name)
        if type(value) not in types:
            raise GatewayError(INVALID_TYPE, f"`{name}` has the wrong type.", param=name)
        if not value and types == (list,):
            raise GatewayError(INVALID_VALUE, f"`{name}` must not be empty.", param=name)
    for name, value in fields.items():
        if value is None or name not in _TYPED:
            continue
        types, called, low, high = _TYPED[name]
        if type(value) not in types:
            raise GatewayError(INVALID_TYPE, f"`{name}` must be {called}.", param=name)
        if high and not low <= value <= high:
            raise GatewayError(INVALID_VALUE, f"`{name}` must be between {low} and {high}.", param=name)

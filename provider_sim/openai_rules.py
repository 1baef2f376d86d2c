"""What particular OpenAI models refuse (`reference/wire.md` §0.4), so that bridges are tested against a no."""

from fnmatch import fnmatchcase

from provider_sim.ask import Ask
from provider_sim.errors import Refusal
from provider_sim.message import JsonObject

RESPONSES_ONLY_TOOLS = ("gpt-6-astra*", "gpt-6.1-sol*")
TOOLS_WITHOUT_EFFORT = ("gpt-5.4*", "gpt-5.5*", "gpt-5.6*", "gpt-6*")
NO_SAMPLING_WITH_EFFORT = ("gpt-5*", "gpt-6*", "o1*", "o3*", "o4*")
NO_MAX_TOKENS = ("gpt-5*", "gpt-6*", "o1*", "o3*", "o4*")


def _is(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def check_chat(ask: Ask, body: JsonObject) -> None:
    """Refuse what this model does not take in chat completions."""
    model = ask.model
    if not model.startswith(("gpt-", "o")):
        return
    effort = body.get("reasoning_effort")
    if ask.tools and _is(model, RESPONSES_ONLY_TOOLS):
        message = f"Function tools are not supported for {model} in /v1/chat/completions. Use /v1/responses."
        raise Refusal("invalid", message, param="tools")
    if ask.tools and effort not in {None, "none"} and _is(model, TOOLS_WITHOUT_EFFORT):
        message = (
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        )
        raise Refusal("invalid", message, param="reasoning_effort")
    if body.get("max_tokens") is not None and _is(model, NO_MAX_TOKENS):
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. "
        message += "Use 'max_completion_tokens' instead."
        raise Refusal("invalid", message, param="max_tokens", code="unsupported_parameter")
    if effort not in {None, "none"} and _is(model, NO_SAMPLING_WITH_EFFORT):
        for name in ("temperature", "top_p", "top_logprobs", "logprobs"):
            if body.get(name) is not None:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                raise Refusal("invalid", message, param=name, code="unsupported_parameter")

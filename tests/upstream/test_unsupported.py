"""Which field a provider's refusal is about, in the words of each, and never in the caller's."""

import json
from typing import Any

import pytest

from gateway.upstream.unsupported import Unsupported, unsupported


def error(message: str, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}}).encode()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (error("Unsupported parameter: 'temperature' is not supported with this model.", param="temperature"),
         ("temperature", True)),
        (error("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) "
               "value is supported.", param="temperature"), ("temperature", True)),
        (error("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values "
               "are: 'low'", param="reasoning_effort"), ("reasoning_effort", False)),
        (error("Unrecognized request argument supplied: verbosity"), ("verbosity", True)),
        (error("temperature: Extra inputs are not permitted"), ("temperature", True)),
        (error("`top_p` is deprecated for this model."), ("top_p", True)),
        (error("property 'logprobs' is unsupported"), ("logprobs", True)),
        (error("Argument not supported on this model: presencePenalty"), ("presence_penalty", True)),
        (error("Model grok-4 does not support parameter presencePenalty."), ("presence_penalty", True)),
        (json.dumps({"detail": [{"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra"}]}).encode(),
         ("user", True)),
        (json.dumps({"detail": [{"type": "missing", "loc": ["body", "user"], "msg": "Field"}]}).encode(), None),
        (error("Invalid 'temperature': decimal above maximum value."), None),
        (error("The tool 'Unsupported parameter: seed' is not known."), None),
        (error("Something is wrong"), None),
        (error("Invalid JSON payload received. Unknown name \"topK\" at 'generation_config': Cannot find field."),
         ("generation_config.topK", True)),
        (error('Invalid JSON payload received. Unknown name "seed": Cannot find field.\n'
               'Invalid JSON payload received. Unknown name "top_k": Cannot find field.'), ("seed", True)),
        (error("Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[5]': "
               "Cannot find field."), None),
        (error("Penalty is not enabled for models/gemini-2.5-flash"), ("penalty", True)),
        (error("Thinking is not enabled for models/gemini-2.0-flash"), ("thinking", True)),
        (error("Thinking level is not supported for this model."), ("thinking_level", True)),
        (error("Thinking level MEDIUM is not supported for this model."), ("thinking_level", False)),
        (error("Unable to submit request because thinking_level is not supported by this model.. Learn more: x"),
         ("thinking_level", True)),
        (json.dumps({"error": '"llama3.1:8b" does not support thinking'}).encode(), ("thinking", True)),
        (json.dumps({"error": "registry.ollama.ai/library/x:7b does not support thinking"}).encode(),
         ("thinking", True)),
        (json.dumps({"error": 'think value "medium" is not supported for this model'}).encode(), ("think", False)),
        (json.dumps({"error": '"llama3.1:8b" does not support tools'}).encode(), None),
        (error('The tool ""x" does not support thinking" is not known.'), None),
        (b"no json", None),
    ],
)  # fmt: skip
def test_what_it_says(body: bytes, wanted: tuple[str, bool] | None) -> None:
    assert unsupported(400, body) == (None if wanted is None else Unsupported(*wanted))
    assert unsupported(422, body) == (None if wanted is None else Unsupported(*wanted))
    assert unsupported(500, body) is None

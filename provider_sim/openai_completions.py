"""OpenAI's legacy Completions (`reference/wire.md` §2.7): string, list and token prompts, echo, n, streams."""

from typing import Any

import orjson

from provider_sim.ask import Ask
from provider_sim.call import Call
from provider_sim.message import EVENT_STREAM, JsonObject, Reply
from provider_sim.openai_read import bad_type, integer, missing, model_of
from provider_sim.tokens import count

MAX_TOKENS_DEFAULT = 16


def read(call: Call) -> Ask:
    body = call.body
    ask = Ask(model_of(body))
    if body.get("prompt") is None:
        raise missing("prompt")
    prompts = _prompts(body["prompt"])
    ask.texts = prompts
    ask.last_user = prompts[-1]
    ask.input_tokens = sum(count(text) for text in prompts)
    ask.max_tokens = integer(body, "max_tokens", 0)
    if ask.max_tokens is None:
        ask.max_tokens = MAX_TOKENS_DEFAULT
    ask.n = (integer(body, "n", 1, 128) or 1) * len(prompts)
    stop = body.get("stop") or []
    ask.stop = [stop] if isinstance(stop, str) else list(stop)
    ask.stream = body.get("stream") is True
    return ask


def _prompts(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if not isinstance(prompt, list) or not prompt:
        raise bad_type("prompt", "a string or array", prompt)
    if all(isinstance(item, int) for item in prompt):
        return [" ".join(map(str, prompt))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in prompt]


def _usage(call: Call) -> JsonObject:
    usage = call.answer.usage
    output = usage.output * call.ask.n
    return {"prompt_tokens": usage.input, "completion_tokens": output, "total_tokens": usage.input + output}


def respond(call: Call) -> Reply:
    answer, ask = call.answer, call.ask
    finish = "length" if answer.finish == "length" else "stop"
    envelope: JsonObject = {
        "id": call.draw.identifier("cmpl-", 29),
        "object": "text_completion",
        "created": call.draw.created(),
        "model": answer.model,
    }
    each = ask.n // len(ask.texts)
    echo = [ask.texts[i // each] if call.body.get("echo") else "" for i in range(ask.n)]
    if not ask.stream:
        envelope["choices"] = [
            {"text": echo[i] + (answer.text or ""), "index": i, "logprobs": None, "finish_reason": finish}
            for i in range(ask.n)
        ]
        if not call.fault.no_usage:
            envelope["usage"] = _usage(call)
        return Reply(body=orjson.dumps(envelope))
    asked = bool((call.body.get("stream_options") or {}).get("include_usage")) and not call.fault.no_usage
    frames = []
    for i in range(ask.n):
        said = [echo[i], *(answer.pieces or [])] if echo[i] else list(answer.pieces or [])
        for piece, reason in [*((piece, None) for piece in said), ("", finish)]:
            choice = {"text": piece, "index": i, "logprobs": None, "finish_reason": reason}
            chunk = envelope | {"choices": [choice]} | ({"usage": None} if asked else {})
            frames.append(b"data: " + orjson.dumps(chunk) + b"\n\n")
    if asked:
        frames.append(b"data: " + orjson.dumps(envelope | {"choices": [], "usage": _usage(call)}) + b"\n\n")
    frames.append(b"data: [DONE]\n\n")
    return Reply(content_type=EVENT_STREAM, frames=frames)

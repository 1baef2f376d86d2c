"""OpenAI embeddings: floats or base64, any dimension, one vector an input (`reference/wire.md` §2.8)."""

from typing import Any

import orjson

from provider_sim.ask import Ask
from provider_sim.call import Call
from provider_sim.embedding import DIMENSIONS_DEFAULT, as_base64, embed
from provider_sim.message import JsonObject, Reply
from provider_sim.openai_read import bad_type, bad_value, integer, missing, model_of
from provider_sim.tokens import count

INPUTS_MAX = 2048
DIMENSIONS_MAX = 4096


def read(call: Call) -> Ask:
    body = call.body
    ask = Ask(model_of(body), generates=False)
    if body.get("input") is None:
        raise missing("input")
    ask.texts, ask.input_tokens = _inputs(body["input"])
    ask.last_user = ask.texts[-1]
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        raise bad_value("encoding_format", f"Invalid value: '{body['encoding_format']}'.")
    integer(body, "dimensions", 1, DIMENSIONS_MAX)
    return ask


def _inputs(given: Any) -> tuple[list[str], int]:
    """Texts (token arrays as their numbers) and how many tokens they are."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        raise bad_type("input", "a string or array", given)
    if not given or len(given) > INPUTS_MAX:
        raise bad_value("input", f"'$.input' is invalid: 1 to {INPUTS_MAX} items are expected.")
    if all(isinstance(item, int) for item in given):
        given = [given]
    texts, tokens = [], 0
    for item in given:
        if item in ("", []):
            raise bad_value("input", "Invalid 'input': input cannot be an empty string.")
        if isinstance(item, list):
            texts.append(" ".join(map(str, item)))
            tokens += len(item)
        elif isinstance(item, str):
            texts.append(item)
            tokens += count(item)
        else:
            raise bad_type("input", "a string or array", item)
    return texts, tokens


def respond(call: Call) -> Reply:
    dimensions = call.body.get("dimensions") or DIMENSIONS_DEFAULT
    packed = call.body.get("encoding_format") == "base64"
    vectors = [embed(text, dimensions, call.seed) for text in call.ask.texts]
    data = [
        {"object": "embedding", "index": i, "embedding": as_base64(vector) if packed else vector}
        for i, vector in enumerate(vectors)
    ]
    body: JsonObject = {"object": "list", "data": data, "model": call.ask.model}
    if not call.fault.no_usage:
        tokens = call.answer.usage.input
        body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply(body=orjson.dumps(body))

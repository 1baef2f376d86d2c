"""OpenAI batches: validating when made, in progress at the first look, completed at the second.

The lines of the input file are answered by the same code as direct requests; ceilings do not apply to them.
"""

from typing import Any

import orjson

from provider_sim import openai_chat, openai_completions, openai_embeddings, openai_responses
from provider_sim.answer import Answer, compose
from provider_sim.call import Call, Endpoint
from provider_sim.determinism import EPOCH, Draw
from provider_sim.errors import Refusal, error_object, status_of
from provider_sim.message import JsonObject, Reply
from provider_sim.openai_files import CONTENT, keep_file, page
from provider_sim.openai_read import bad_value, missing

ENDPOINTS = {
    "/v1/chat/completions": Endpoint(
        "chat.completions", "openai", openai_chat.respond, openai_chat.read, "json"
    ),
    "/v1/completions": Endpoint(
        "completions", "openai", openai_completions.respond, openai_completions.read, "json"
    ),
    "/v1/embeddings": Endpoint(
        "embeddings", "openai", openai_embeddings.respond, openai_embeddings.read, "json"
    ),
    "/v1/responses": Endpoint("responses", "openai", openai_responses.respond, openai_responses.read, "json"),
}


def create(call: Call) -> Reply:
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not call.body.get(name):
            raise missing(name)
    if call.body["endpoint"] not in ENDPOINTS:
        raise bad_value("endpoint", f"Invalid value: '{call.body['endpoint']}'.")
    call.shelf.find(call.credential, str(call.body["input_file_id"]), "File object")
    number = call.shelf.number()
    batch: JsonObject = {
        "id": f"batch_sim{number:020d}",
        "object": "batch",
        "endpoint": call.body["endpoint"],
        "errors": None,
        "input_file_id": call.body["input_file_id"],
        "completion_window": call.body["completion_window"],
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": EPOCH + number,
        "in_progress_at": None,
        "expires_at": EPOCH + number + 86_400,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": call.body.get("metadata"),
    }
    call.shelf.put(call.credential, batch["id"], batch)
    return Reply(body=orjson.dumps(batch))


def retrieve(call: Call) -> Reply:
    batch = call.shelf.find(call.credential, call.parameters[0], "batch")
    reply = Reply()
    if batch["status"] == "validating":
        batch |= {"status": "in_progress", "in_progress_at": batch["created_at"] + 1}
    elif batch["status"] == "in_progress":
        _complete(call, batch)
    reply.body = orjson.dumps(batch)
    return reply


def listing(call: Call) -> Reply:
    return page(call, call.shelf.of_kind(call.credential, "batch"))


def cancel(call: Call) -> Reply:
    batch = call.shelf.find(call.credential, call.parameters[0], "batch")
    if batch["status"] not in {"validating", "in_progress"}:
        raise Refusal("conflict", f"Cannot cancel a batch with status '{batch['status']}'.")
    at = batch["created_at"] + 2
    batch |= {"status": "cancelled", "cancelling_at": at, "cancelled_at": at}
    return Reply(body=orjson.dumps(batch))


def _complete(call: Call, batch: JsonObject) -> None:
    data: bytes = call.shelf.get(call.credential, CONTENT + batch["input_file_id"]) or b""
    lines = [line for line in data.split(b"\n") if line.strip()]
    done: list[bytes] = []
    failed: list[bytes] = []
    for i, line in enumerate(lines):
        result = _run(call, batch["endpoint"], line, f"{batch['id']}_{i}")
        (done if result["response"]["status_code"] == 200 else failed).append(orjson.dumps(result))
    at = batch["created_at"] + 2
    batch |= {"status": "completed", "finalizing_at": at, "completed_at": at}
    batch["request_counts"] = {"total": len(lines), "completed": len(done), "failed": len(failed)}
    for key, results in (("output_file_id", done), ("error_file_id", failed)):
        if results:
            name = f"{batch['id']}_{key.split('_')[0]}.jsonl"
            batch[key] = keep_file(call, name, "batch_output", b"\n".join(results) + b"\n")["id"]


def _run(call: Call, url: str, line: bytes, request_id: str) -> JsonObject:
    """One line's result, in the output file's shape."""
    endpoint = ENDPOINTS[url]
    item: Any = {}
    try:
        item = orjson.loads(line)
        one = Call(
            call.request, endpoint, call.shelf, credential=call.credential, seed=call.seed, body=item["body"]
        )
        one.body.pop("stream", None)
        assert endpoint.read is not None
        one.ask = endpoint.read(one)
        one.draw = Draw(call.seed, one.ask.material())
        one.answer = Answer()
        one.answer.usage.input = one.ask.input_tokens
        if one.ask.generates:
            one.answer = compose(one.ask, one.draw, one.fault, None)
        status, body = 200, orjson.loads(endpoint.respond(one).body)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        refusal = Refusal("invalid", "This line is not a valid batch request.")
        status, body = 400, error_object("openai", refusal, request_id)
    except Refusal as refusal:
        status, body = status_of("openai", refusal), error_object("openai", refusal, request_id)
    return {
        "id": f"batch_req_{request_id}",
        "custom_id": item.get("custom_id") if isinstance(item, dict) else None,
        "response": {"status_code": status, "request_id": request_id, "body": body},
        "error": None,
    }

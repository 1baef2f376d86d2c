"""Rerank, in the shape Cohere, Jina and vLLM share: documents by how near they are to the query."""

import orjson

from provider_sim.ask import Ask
from provider_sim.call import Call
from provider_sim.embedding import embed
from provider_sim.message import JsonObject, Reply
from provider_sim.openai_read import bad_type, missing, model_of
from provider_sim.tokens import count

DIMENSIONS = 256


def read(call: Call) -> Ask:
    ask = Ask(model_of(call.body), generates=False)
    documents = call.body.get("documents")
    if not call.body.get("query"):
        raise missing("query")
    if not isinstance(documents, list) or not documents:
        raise bad_type("documents", "a non-empty array", documents)
    texts = [
        document if isinstance(document, str) else str(document.get("text", "")) for document in documents
    ]
    ask.last_user = str(call.body["query"])
    ask.texts = [ask.last_user, *texts]
    ask.input_tokens = sum(count(text) for text in ask.texts)
    return ask


def respond(call: Call) -> Reply:
    query, *documents = (embed(text, DIMENSIONS, call.seed) for text in call.ask.texts)
    scores = [(sum(a * b for a, b in zip(query, one, strict=True)) + 1) / 2 for one in documents]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])[: call.body.get("top_n") or len(scores)]
    results = []
    for i in order:
        result: JsonObject = {"index": i, "relevance_score": scores[i]}
        if call.body.get("return_documents"):
            result["document"] = {"text": call.ask.texts[i + 1]}
        results.append(result)
    tokens = call.answer.usage.input
    body = {"id": call.draw.identifier("rerank-", 24), "model": call.ask.model, "results": results}
    return Reply(body=orjson.dumps({**body, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}))

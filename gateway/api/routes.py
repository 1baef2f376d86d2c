"""The data plane's paths as a table: what each takes, and what a provider must offer to serve it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`takes` is how the request is read: json (names a model), form (multipart), owned (names an object of a
    provider key), json_owned (a JSON body that names no model), json_or_form, list, model_in_path."""

    name: str  # metric label and log field
    api: str  # capability a provider must have
    takes: str
    path: str  # below the provider's base
    dialect: str = "openai"  # of the path: whose words requests, replies and errors are in


JSON = {
    "/chat/completions": Endpoint("chat", "chat", "json", "/chat/completions"),
    "/completions": Endpoint("completions", "completions", "json", "/completions"),
    "/responses": Endpoint("responses", "responses", "json", "/responses"),
    "/responses/input_tokens": Endpoint(
        "responses_input_tokens", "responses", "json", "/responses/input_tokens"
    ),
    "/responses/compact": Endpoint("responses_compact", "compaction", "json", "/responses/compact"),
    "/messages": Endpoint("messages", "messages", "json", "/messages", "anthropic"),
    "/messages/count_tokens": Endpoint(
        "count_tokens", "count_tokens", "json", "/messages/count_tokens", "anthropic"
    ),
    "/embeddings": Endpoint("embeddings", "embeddings", "json", "/embeddings"),
    "/moderations": Endpoint("moderations", "moderations", "json", "/moderations"),
    "/rerank": Endpoint("rerank", "rerank", "json", "/rerank"),
    "/images/generations": Endpoint("images", "images", "json", "/images/generations"),
    "/images/edits": Endpoint("images", "images", "json_or_form", "/images/edits"),
    "/images/variations": Endpoint("images", "images", "form", "/images/variations"),
    "/audio/speech": Endpoint("speech", "audio", "json", "/audio/speech"),
    "/audio/transcriptions": Endpoint("transcriptions", "audio", "form", "/audio/transcriptions"),
    "/audio/translations": Endpoint("translations", "audio", "form", "/audio/translations"),
}
#: Collections of objects that live at a provider key.
POST_COLLECTIONS = {
    "/files": Endpoint("files", "files", "upload", "/files"),
    "/batches": Endpoint("batches", "batches", "json_owned", "/batches"),
    "/uploads": Endpoint("uploads", "uploads", "json_owned", "/uploads"),
}
LISTS = {
    "/files": Endpoint("files", "files", "list", "/files"),
    "/batches": Endpoint("batches", "batches", "list", "/batches"),
}
#: (method, collection, action after the id) of what is done to one object.
OWNED = {
    ("GET", "files", ""): Endpoint("files", "files", "owned", ""),
    ("DELETE", "files", ""): Endpoint("files", "files", "owned", ""),
    ("GET", "files", "content"): Endpoint("files", "files", "owned", ""),
    ("GET", "batches", ""): Endpoint("batches", "batches", "owned", ""),
    ("POST", "batches", "cancel"): Endpoint("batches", "batches", "json_owned", ""),
    ("POST", "uploads", "parts"): Endpoint("uploads", "uploads", "upload", ""),
    ("POST", "uploads", "complete"): Endpoint("uploads", "uploads", "json_owned", ""),
    ("POST", "uploads", "cancel"): Endpoint("uploads", "uploads", "json_owned", ""),
    ("GET", "responses", ""): Endpoint("responses", "responses", "owned", ""),
    ("DELETE", "responses", ""): Endpoint("responses", "responses", "owned", ""),
    ("GET", "responses", "input_items"): Endpoint("responses", "responses", "owned", ""),
    ("POST", "responses", "cancel"): Endpoint("responses", "responses", "json_owned", ""),
}
#: What SDKs can ask of OpenAI, Anthropic and Google and the gateway knowingly does not serve (wire reference §1.1):
#: state that would live at one provider key without a sealed id, and WebSockets.
_UNSERVED = re.compile(
    rb"(?:/v1)?/(?:(?:assistants|threads|conversations|vector_stores|videos|decisions|content_provenance_checks"
    rb"|containers|fine_tuning|evals|realtime)(?:/.*)?"
    rb"|chat/completions/[^/]+(?:/messages)?/?|messages/batches(?:/.*)?)"
    rb"|(?:/upload)?/v1beta/(?:files|cachedContents|batches|tunedModels|corpora|operations)(?:/.*)?",
    re.DOTALL,
).fullmatch
_WEBSOCKETS = frozenset({b"/v1/responses", b"/v1/responses/", b"/responses", b"/responses/"})
COLLECTIONS = frozenset(collection for _, collection, _ in OWNED)


def exact_routes() -> dict[tuple[str, bytes], Endpoint]:
    """(method, raw path) → endpoint for every path without an id, with and without `/v1` and trailing slash."""
    table: dict[tuple[str, bytes], Endpoint] = {}
    for method, rows in (("POST", JSON), ("POST", POST_COLLECTIONS), ("GET", LISTS)):
        for path, endpoint in rows.items():
            for prefix in ("/v1", ""):
                for slash in ("", "/"):
                    table[method, f"{prefix}{path}{slash}".encode()] = endpoint
    return table


def exact_methods() -> dict[bytes, str]:
    """Raw path → the methods it has: for telling a wrong method from an unknown URL."""
    found: dict[bytes, list[str]] = {}
    for method, path in exact_routes():
        found.setdefault(path, []).append(method)
    return {path: ", ".join(sorted(methods)) for path, methods in found.items()}


def owned_methods(raw_path: bytes) -> str:
    """The methods of a path that names an object; none when it is no such path."""
    methods = {method for method, _, _ in OWNED}
    return ", ".join(sorted(method for method in methods if owned_route(method, raw_path) is not None))


def is_unserved(method: str, raw_path: bytes, upgrade: bytes) -> bool:
    """Whether a request is for something that exists at OpenAI and not here; `upgrade` is its header."""
    if method == "GET" and raw_path in _WEBSOCKETS and upgrade.lower() == b"websocket":
        return True
    return _UNSERVED(raw_path) is not None


def owned_route(method: str, raw_path: bytes) -> tuple[Endpoint, str, str, str] | None:
    """(endpoint, collection, id as sent, action) of a path that names an object; None when it is no such path."""
    segments = raw_path.decode("ascii", "replace").strip("/").split("/")
    if segments[0] == "v1":
        segments = segments[1:]
    if not 2 <= len(segments) <= 3 or segments[0] not in COLLECTIONS or not segments[1]:
        return None
    action = segments[2] if len(segments) == 3 else ""
    endpoint = OWNED.get((method, segments[0], action))
    return (endpoint, segments[0], segments[1], action) if endpoint is not None else None

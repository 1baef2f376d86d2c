"""The OpenAPI document of the admin API, made of the table of operations that it is routed by."""

import re
from collections.abc import Iterable
from typing import Any

from gateway.api.rest.answer import JSON
from gateway.api.rest.operation import HEADER_CHARS_MAX, Operation, Schema
from gateway.api.rest.principal import OWNS
from gateway.api.rest.schemas import PROBLEM, TEXT, schema_of

_NAMED = re.compile(r"\{([a-z_]+)(:path)?\}")
#: What any operation may answer instead, with a problem body.
_ALWAYS = {
    "400": "The query, a header or the body cannot be read.",
    "401": "No admin key, or one that nobody knows.",
    "403": "The role of the admin key does not allow it.",
    "414": "The URL is too long.",
    "431": "The headers are too large.",
    "500": "An error of the gateway's.",
    "503": "The database, or who would know, is away; when to ask again is in Retry-After.",
}
_WITH_PATH = {"404": "There is nothing of that name."}
_WITH_BODY = {
    "408": "The body did not come.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
}
_CHANGING = {
    "409": "It stands in the way of something else, or something else in its.",
    "422": "A field is wrong; `errors` names each.",
}
_VERSIONED = {"412": "It was changed meanwhile.", "428": "If-Match is missing."}


def document(operations: Iterable[Operation]) -> Schema:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _NAMED.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kaze Gateway: admin API", "version": "1"},
        "security": [{"adminKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"adminKey": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
    }


def _described(operation: Operation) -> Schema:
    changes = operation.read is None
    refusals = dict(_ALWAYS)
    parameters = [_in_path(name) for name, _ in _NAMED.findall(operation.path)]
    parameters += [
        {"name": one.name, "in": "query", "schema": one.schema, "description": one.description}
        for one in operation.parameters
    ]
    if parameters and "{" in operation.path:
        refusals |= _WITH_PATH
    if changes or operation.body is not None:
        refusals |= _WITH_BODY | _CHANGING
    if changes:
        parameters.append(_if_match(needed=operation.versioned))
        refusals |= _VERSIONED
    if operation.repeatable:
        parameters.append(_header("Idempotency-Key", "Asked twice with the same one, it is done once."))
    if operation.act is not None or operation.name == "explain":
        refusals |= _WITH_PATH | {"501": "This process cannot do that."}
    if changes and operation.change is not None:
        refusals["501"] = "A worker cannot do its part."
    if operation.change is not None or operation.name == "audit.verify":
        refusals |= _WITH_PATH
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Roles: {', '.join(sorted(operation.roles))}."
        + (" For owners alone." if operation.roles == OWNS else ""),
        "parameters": parameters,
        "responses": {str(operation.status): _success(operation)}
        | {status: _problem(meaning) for status, meaning in sorted(refusals.items())},
    }
    if operation.body is not None:
        schema = schema_of(operation.body, partial=operation.partial)
        needed = operation.partial or bool(schema.get("required"))
        described["requestBody"] = {"required": needed, "content": {JSON: {"schema": schema}}}
    return described


def _success(operation: Operation) -> Schema:
    said: Schema = {"description": operation.summary}
    if operation.media_types:
        said["content"] = {kind: {"schema": TEXT} for kind in operation.media_types}
    elif operation.status != 204:
        said["content"] = {JSON: {"schema": operation.answer or {}}}
    return said


def _problem(meaning: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": meaning, "content": {"application/problem+json": {"schema": schema}}}


def _in_path(name: str) -> Schema:
    schema = {"type": "string", "minLength": 1, "maxLength": 256}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _if_match(*, needed: bool) -> Schema:
    return _header(
        "If-Match", "The ETag of what was read: it is changed only while it is that.", needed=needed
    )


def _header(name: str, meaning: str, *, needed: bool = False) -> Schema:
    schema = {"type": "string", "minLength": 1, "maxLength": HEADER_CHARS_MAX}
    return {"name": name, "in": "header", "required": needed, "schema": schema, "description": meaning}

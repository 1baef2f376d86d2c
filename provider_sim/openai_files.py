"""OpenAI files and uploads: what is put is given back, byte for byte, to the credential that put it."""

from typing import Any

import orjson

from provider_sim.call import Call
from provider_sim.determinism import EPOCH
from provider_sim.errors import Refusal
from provider_sim.message import JsonObject, Reply
from provider_sim.openai_read import missing

PAGE_DEFAULT = 10_000
CONTENT = "content:"
"""Prefix under which a file's (or part's) bytes are kept beside its object."""


def keep_file(call: Call, name: str, purpose: str, data: bytes) -> JsonObject:
    """Put a file on the shelf and return its object."""
    number = call.shelf.number()
    made: JsonObject = {
        "id": f"file-sim{number:020d}",
        "object": "file",
        "bytes": len(data),
        "created_at": EPOCH + number,
        "filename": name,
        "purpose": purpose,
        "status": "processed",
        "expires_at": None,
        "status_details": None,
    }
    call.shelf.put(call.credential, made["id"], made)
    call.shelf.put(call.credential, CONTENT + made["id"], data)
    return made


def create(call: Call) -> Reply:
    file: Any = call.body.get("file")
    if not isinstance(file, dict):
        raise missing("file")
    if not call.body.get("purpose"):
        raise missing("purpose")
    return Reply(
        body=orjson.dumps(keep_file(call, file["filename"], str(call.body["purpose"]), file["data"]))
    )


def page(call: Call, things: list[JsonObject]) -> Reply:
    """One page of a list, newest first, by `after` and `limit`."""
    query = call.request.query
    ids = [thing["id"] for thing in things]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    limit = int(query.get("limit") or PAGE_DEFAULT)
    chosen = things[start : start + limit]
    first, last = (chosen[0]["id"], chosen[-1]["id"]) if chosen else (None, None)
    more = start + limit < len(things)
    body = {"object": "list", "data": chosen, "first_id": first, "last_id": last, "has_more": more}
    return Reply(body=orjson.dumps(body))


def listing(call: Call) -> Reply:
    files = call.shelf.of_kind(call.credential, "file")
    purpose = call.request.query.get("purpose")
    return page(call, [file for file in files if purpose in (None, file["purpose"])])


def retrieve(call: Call) -> Reply:
    return Reply(body=orjson.dumps(call.shelf.find(call.credential, call.parameters[0], "File object")))


def delete(call: Call) -> Reply:
    file = call.shelf.find(call.credential, call.parameters[0], "File object")
    call.shelf.drop(call.credential, file["id"])
    call.shelf.drop(call.credential, CONTENT + file["id"])
    return Reply(body=orjson.dumps({"id": file["id"], "object": "file", "deleted": True}))


def content(call: Call) -> Reply:
    file = call.shelf.find(call.credential, call.parameters[0], "File object")
    data: bytes = call.shelf.get(call.credential, CONTENT + file["id"])
    name = file["filename"].encode("latin-1", "replace")
    disposition = (b"content-disposition", b'attachment; filename="' + name + b'"')
    return Reply(body=data, content_type=b"application/octet-stream", headers=[disposition])


def create_upload(call: Call) -> Reply:
    for name in ("bytes", "filename", "mime_type", "purpose"):
        if call.body.get(name) is None:
            raise missing(name)
    number = call.shelf.number()
    made: JsonObject = {
        "id": f"upload_sim{number:020d}",
        "object": "upload",
        "bytes": call.body["bytes"],
        "created_at": EPOCH + number,
        "expires_at": EPOCH + number + 3600,
        "filename": call.body["filename"],
        "purpose": call.body["purpose"],
        "status": "pending",
        "file": None,
    }
    call.shelf.put(call.credential, made["id"], made)
    return Reply(body=orjson.dumps(made))


def _pending(call: Call) -> JsonObject:
    upload = call.shelf.find(call.credential, call.parameters[0], "Upload")
    if upload["status"] != "pending":
        raise Refusal("invalid", f"Upload {upload['id']} is {upload['status']}.")
    return upload


def add_part(call: Call) -> Reply:
    upload = _pending(call)
    data: Any = call.body.get("data")
    if not isinstance(data, dict):
        raise missing("data")
    number = call.shelf.number()
    part = {
        "id": f"part_sim{number:020d}",
        "object": "upload.part",
        "created_at": EPOCH + number,
        "upload_id": upload["id"],
    }
    call.shelf.put(call.credential, CONTENT + part["id"], data["data"])
    return Reply(body=orjson.dumps(part))


def complete_upload(call: Call) -> Reply:
    upload = _pending(call)
    parts = [call.shelf.get(call.credential, CONTENT + str(id_)) for id_ in call.body.get("part_ids") or []]
    if any(part is None for part in parts):
        raise Refusal("invalid", "Invalid 'part_ids': unknown part.", param="part_ids")
    data = b"".join(parts)
    if len(data) != upload["bytes"]:
        message = (
            f"The number of bytes uploaded ({len(data)}) does not match the expected ({upload['bytes']})."
        )
        raise Refusal("invalid", message, param="bytes")
    upload["status"] = "completed"
    upload["file"] = keep_file(call, upload["filename"], upload["purpose"], data)
    return Reply(body=orjson.dumps(upload))


def cancel_upload(call: Call) -> Reply:
    upload = _pending(call)
    upload["status"] = "cancelled"
    return Reply(body=orjson.dumps(upload))

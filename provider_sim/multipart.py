"""Form bodies: multipart as the SDKs send it (fields and files in any order), or JSON, as one mapping.

A file becomes {"filename", "content_type", "data"}; repeated and `name[]` fields become lists.
"""

from typing import Any

import orjson

from provider_sim.errors import Refusal
from provider_sim.message import JsonObject, Request


def form_fields(request: Request) -> JsonObject:
    """The fields of a form. Raises Refusal when the body is neither multipart nor JSON."""
    content_type = request.header(b"content-type") or ""
    if content_type.startswith("multipart/form-data"):
        boundary = _parameter(content_type, "boundary")
        if not boundary:
            raise Refusal("invalid", "Invalid multipart/form-data: no boundary.")
        return _parse(request.body, boundary.encode("latin-1"))
    if not request.body:
        return {}
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Refusal("invalid", "Could not parse multipart form or JSON body.") from None
    return body if isinstance(body, dict) else {}


def _parameter(header: str, name: str) -> str:
    for part in header.split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value.strip('"')
    return ""


def _parse(body: bytes, boundary: bytes) -> JsonObject:
    fields: JsonObject = {}
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise Refusal("invalid", "Invalid multipart/form-data: it does not end.")
    for section in sections[1:-1]:
        head, _, content = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = content_type = ""
        for line in head.decode("utf-8", "replace").split("\r\n"):
            key, _, value = line.partition(":")
            if key.lower() == "content-disposition":
                disposition = value
            elif key.lower() == "content-type":
                content_type = value.strip()
        name = _parameter(disposition, "name")
        made: Any = content
        if "filename=" in disposition:
            made = {
                "filename": _parameter(disposition, "filename"),
                "content_type": content_type,
                "data": content,
            }
        else:
            made = content.decode("utf-8", "replace")
        _add(fields, name, made)
    return fields


def _add(fields: JsonObject, name: str, value: Any) -> None:
    plain = name.removesuffix("[]")
    if name.endswith("[]") or plain in fields:
        held = fields.setdefault(plain, [])
        if not isinstance(held, list):
            fields[plain] = held = [held]
        held.append(value)
    else:
        fields[plain] = value

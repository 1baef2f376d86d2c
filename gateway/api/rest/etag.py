"""Versions as entity tags: who changes something says which version they looked at (RFC 9110 §13)."""

import re
from collections.abc import Mapping

from gateway.api.rest.answer import Problem

_TAGS = re.compile(r'\s*(W/)?"[\x21\x23-\x7e]*"\s*(,\s*(W/)?"[\x21\x23-\x7e]*"\s*)*\Z')


def etag(version: object) -> str:
    return f'"{version}"'


def check(headers: Mapping[str, str], version: object, *, needed: bool = False) -> None:
    """Raises a Problem unless `if-match` names `version`: 428 where it is needed and missing, 412 for another."""
    said = headers.get("if-match")
    if said is None:
        if needed:
            raise Problem(428, "Say with If-Match which version is to be changed: the ETag of what was read.")
        return
    if said.strip() == "*":
        return
    if not _TAGS.match(said):
        raise Problem(400, "If-Match: entity tags in quotes")
    if etag(version) not in (tag.strip() for tag in said.split(",")):  # a weak one never matches
        raise Problem(412, "It was changed meanwhile: read it again.", headers={"etag": etag(version)})

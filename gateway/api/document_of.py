"""A request body as a document, without holding up the loop for one that is heavy."""

import asyncio

from gateway.dialects.document import Document
from gateway.dialects.structure import is_light


async def document_of(raw: bytes, depth_max: int) -> Document:
    """Raises GatewayError for what is no JSON object of at most `depth_max` levels."""
    if is_light(raw):
        return Document(raw, depth_max)
    document = None
    for document in Document.in_steps(raw, depth_max):  # noqa: B007 - the last one counts
        await asyncio.sleep(0)  # megabytes take a while, in which nobody else should have to wait
    assert document is not None
    return document

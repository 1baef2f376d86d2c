"""A wanted answer's description where its provider has no field for it beside the schema: inside of that."""

from gateway.chat import ChatRequest, Format, JsonObject
from gateway.dialects.losses import Losses


def described_schema(request: ChatRequest, wanted: Format, losses: Losses) -> JsonObject:
    """The schema of a format that has one. Raises GatewayError when nothing may be lost, and it has its own."""
    schema = wanted.schema or {}
    if not wanted.description:
        return schema
    if "description" in schema:
        if schema["description"] != wanted.description:
            losses.dropped(request.named("format.description"))
        return schema
    return {**schema, "description": wanted.description}

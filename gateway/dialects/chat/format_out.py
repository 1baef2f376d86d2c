"""The form of an answer: JSON, or JSON of a schema; asked for as strongly as the model can be.

Where a model has no answers to a schema, the arguments of a tool that it must call are one; where it cannot be made
to call a tool, or has tools of its own, the schema is an instruction (wire reference §2.1, §2.2).
"""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Format, JsonObject
from gateway.dialects.answer_tool import ANSWER_TOOL, ANY_JSON
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.json_schema import strict_schema
from gateway.dialects.json_text import json_text
from gateway.dialects.losses import Losses
from gateway.record import Record

_NAME = "output"
_OF_SCHEMA = "Respond with a single JSON object that is valid under this JSON Schema: "
_WORD = "json"  # OpenAI refuses to answer in JSON where nobody spoke of it


class Asking(Record, frozen=True):
    """How it is asked for: with a field of the request, an instruction, a tool. All empty: not at all.

    `unenforced`: the provider sees to less than was wanted.
    """

    response_format: JsonObject | None = None
    instruction: str = ""
    tool: JsonObject | None = None
    tool_name: str = ""
    unenforced: bool = False


_AS_IT_COMES = Asking()


def ask_format(request: ChatRequest, can: Capabilities, quirks: Quirks, losses: Losses) -> Asking:
    """For the format that the caller wants."""
    wanted = request.parameters.format
    if wanted is None or wanted.kind == "text":
        return _AS_IT_COMES
    if wanted.kind == "json" or wanted.schema is None:
        return Asking({"type": "json_object"}, "" if _speaks_of_json(request) else ANY_JSON)
    schema = wanted.schema if quirks.schema is None else quirks.schema(wanted.schema)
    if can.native_schema and (can.schema_with_tools or not request.tools):
        return Asking(_json_schema(wanted, schema))
    forced = can.tools and can.forced_tool_choice and not request.tools
    if forced and schema.get("type") == "object":
        function: JsonObject = {"name": ANSWER_TOOL, "parameters": schema}
        if wanted.description:
            function["description"] = wanted.description
        return Asking(tool={"type": "function", "function": function}, tool_name=ANSWER_TOOL, unenforced=True)
    losses.changed(request.named("format"))
    return Asking({"type": "json_object"}, _OF_SCHEMA + json_text(wanted.schema), unenforced=True)


def _json_schema(wanted: Format, schema: JsonObject) -> JsonObject:
    strict = wanted.strict
    if strict is None:
        closed = strict_schema(schema)
        strict, schema = closed is not None, closed or schema
    stated: JsonObject = {"name": wanted.name or _NAME, "schema": schema, "strict": strict}
    if wanted.description:
        stated["description"] = wanted.description
    return {"type": "json_schema", "json_schema": stated}


def _speaks_of_json(request: ChatRequest) -> bool:
    texts = [*request.system, *(block for turn in request.turns for block in turn.blocks)]
    return any(_WORD in getattr(text, "text", "").lower() for text in texts)

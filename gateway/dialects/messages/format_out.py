"""How an answer's form is asked of Anthropic's models (wire reference §2.1, `response_format`).

A JSON Schema goes natively where the model has that and the schema is in its subset; else the answer is asked for
as the forced call of a tool whose arguments are the answer; where calls cannot be forced it is refused.
"""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, JsonObject
from gateway.dialects.answer_tool import ANSWER_TOOL, ANY_JSON
from gateway.dialects.described_schema import described_schema
from gateway.dialects.json_schema import anthropic_schema
from gateway.dialects.losses import Losses
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.record import Record


class AnswerForm(Record, frozen=True):
    """`native` is `output_config.format`, `tool` the definition of the answer's tool, `line` one for the system."""

    native: JsonObject | None = None
    tool: JsonObject | None = None
    line: str = ""
    unenforced: bool = False  # Anthropic sees to less than was wanted


_FREE = AnswerForm()


def answer_form(request: ChatRequest, can: Capabilities, losses: Losses) -> AnswerForm:
    """Raises GatewayError for a schema that the model cannot be held to."""
    wanted = request.parameters.format
    if wanted is None or wanted.kind == "text":
        return _FREE
    name = request.named("format")
    if wanted.kind == "json" or wanted.schema is None:
        losses.changed(name)
        return AnswerForm(line=ANY_JSON, unenforced=True)
    if can.native_schema and (can.schema_with_tools or not request.tools):
        subset = anthropic_schema(described_schema(request, wanted, losses))
        if subset is not None:
            native: JsonObject = {"type": "json_schema", "schema": subset.schema}
            return AnswerForm(native, unenforced=not subset.is_whole)
    if not can.forced_tool_choice or wanted.schema.get("type") != "object":
        raise GatewayError(
            UNSUPPORTED_VALUE,
            f"`{name}` has a schema that the model that serves this cannot be held to.",
            param=name,
        )
    return AnswerForm(
        tool={
            "name": ANSWER_TOOL,
            "description": wanted.description or "The answer.",
            "input_schema": wanted.schema,
        },
        unenforced=True,
    )

"""The fields of the Responses API and what becomes of each on the way to and from the neutral nouns.

By the rows of `REQUEST_IN` that have `read` a caller's top-level fields are read, by its other verdicts they are
refused, dropped or left out. By those of `REQUEST_OUT` with verdict D nouns are dropped, with R refused, by those
with P the caller's other fields go on. All others say what code does.
"""

from functools import partial

from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import flag, integer, number, text

_KEPT = "OpenAI keeps it"
_ITEM = "input[].type"

REQUEST_IN = (
    Row("model", "P", note="the target's name takes its place"),
    Row("input", "M", "turns", "a string, or items; what a model said in a row is one turn"),
    Row("instructions", "M", "system"),
    Row(f"{_ITEM}=message", "M", "Turn", "the type may be left out"),
    Row(f"{_ITEM}=function_call|custom_tool_call", "M", "ToolCall", "known by `call_id`"),
    Row(f"{_ITEM}=function_call_output|custom_tool_call_output", "M", "ToolResult"),
    Row(f"{_ITEM}=reasoning", "M", "Thinking", "`encrypted_content` holds who signed it"),
    Row(
        f"{_ITEM}=web_search_call|file_search_call", "I", note="what was found is in the answer that followed"
    ),
    Row(f"{_ITEM}=(any other)", "R"),
    Row("input[].content[].type=input_text|output_text", "M", "Text"),
    Row("input[].content[].type=input_image|input_file|input_audio", "M", "Media"),
    Row("input[].content[].type=refusal", "M", "Refusal"),
    Row("input[].role|content", "M", "Turn"),
    Row("input[].call_id|namespace|name|arguments|input|output", "M", "ToolCall", "and ToolResult"),
    Row("input[].summary|encrypted_content", "M", "Thinking"),
    Row("input[].id|status|phase", "I"),
    Row("input[].action|queries|results", "I", note="of searches"),
    Row("input[].content[].text|refusal|annotations", "M", "Text"),
    Row("input[].content[].logprobs", "I"),
    Row("input[].content[].image_url|detail|file_id|file_data|file_url|filename", "M", "Media"),
    Row("input[].content[].input_audio.data|format", "M", "Media"),
    Row("input[].content[].prompt_cache_breakpoint.mode|ttl", "M", "cache"),
    Row("tools[].name|description|parameters|strict|format", "M", "Tool"),
    Row("tools[].type=function|custom", "M", "Tool"),
    Row(
        "tools[].type=namespace",
        "M",
        "Tool",
        "its tools by `namespace.name`; calls of them name both apart again",
    ),
    Row("tools[].tools[].type|name|description|parameters|strict|format", "M", "Tool"),
    Row(
        "tools[].type=(any other)",
        "R",
        note="runs at OpenAI; left out where `lenient`, and named as `changed`",
    ),
    Row("tool_choice", "M", "tool_choice", "a hosted tool is refused"),
    Row("tool_choice.type|name|mode|tools", "M", "ToolChoice"),
    Row("tool_choice.namespace", "M", "ToolChoice.names"),
    Row("tool_choice.tools[].type|namespace|name", "M", "ToolChoice.names"),
    Row("parallel_tool_calls", "M", "parallel_calls", read=flag),
    Row("temperature", "M", "temperature", read=partial(number, least=0, most=2)),
    Row("top_p", "M", "top_p", read=partial(number, least=0, most=1)),
    Row("max_output_tokens", "M", "max_output", read=partial(integer, least=1)),
    Row("top_logprobs", "M", "top_logprobs", read=partial(integer, least=0)),
    Row("prompt_cache_key", "M", "cache_key", read=text),
    Row("user", "M", "end_user", behind="safety_identifier", read=text),
    Row("safety_identifier", "M", "end_user", read=text),
    Row("service_tier", "M", "tier", "`ultrafast` becomes `fast`", text),
    Row("reasoning.effort", "M", "effort"),
    Row("reasoning.summary", "M", "shows_thinking"),
    Row("reasoning.context", "D"),
    Row("reasoning.mode", "D"),
    Row("text.format", "M", "format"),
    Row("text.format.type|name|description|schema|strict", "M", "Format"),
    Row("text.verbosity", "M", "verbosity"),
    Row("metadata", "M", "metadata"),
    Row(
        "include",
        "M",
        "logprobs",
        "`message.output_text.logprobs`; the thoughts' seals always come, others I",
    ),
    Row("stream", "M", "stream"),
    Row("stream_options", "I", note="padding is never sent"),
    Row("store", "S", note="the gateway keeps it where it has a database; the answer says whether"),
    Row(
        "previous_response_id",
        "R",
        note="but for what the gateway keeps: that goes before `input`",
    ),
    Row("conversation", "R", note=_KEPT),
    Row("background", "R", note=_KEPT),
    Row("prompt", "R", note=_KEPT),
    Row("truncation", "D", note="`auto` only"),
    Row("max_tool_calls", "D"),
    Row("context_management", "D"),
    Row("moderation", "D"),
    Row("access_programs", "D"),
    Row("image", "D"),
    Row("(any other)", "D"),
)
REQUEST_OUT = (
    Row("input", "M", "turns", "leading and later system turns as `developer` messages"),
    Row("input[].type=reasoning", "M", "Thinking", "OpenAI's own alone; others' are left out"),
    Row("store", "S", note="false"),
    Row("include", "S", note="`reasoning.encrypted_content`"),
    Row("tools", "M", "tools", "`strict` is said, since it would be on unless told"),
    Row("tool_choice", "M", "tool_choice"),
    Row("parallel_tool_calls", "M", "parallel_calls"),
    Row("temperature", "M", "temperature", "dropped while it thinks", needs="sampling"),
    Row("top_p", "M", "top_p", "dropped while it thinks", needs="sampling"),
    Row("max_output_tokens", "M", "max_output"),
    Row("reasoning.effort", "M", "effort"),
    Row("reasoning.summary", "M", "shows_thinking"),
    Row("text.format", "M", "format"),
    Row("text.verbosity", "M", "verbosity"),
    Row("top_logprobs", "M", "top_logprobs", "dropped while it thinks"),
    Row("service_tier", "M", "tier"),
    Row("safety_identifier", "M", "end_user"),
    Row("metadata", "M", "metadata"),
    Row("prompt_cache_key", "M", "cache_key"),
    Row("prompt_cache_options", "P"),
    Row("prompt_cache_retention", "P"),
    Row("moderation", "P"),
    Row("(none)", "R", "stop", "it would answer another thing"),
    Row("(none)", "R", "choices", "more than one, but for `fanout`"),
    Row("(none)", "R", "audio_out"),
    Row("(none)", "D", "seed"),
    Row("(none)", "D", "presence_penalty"),
    Row("(none)", "D", "frequency_penalty"),
    Row("(none)", "D", "top_k"),
    Row("(none)", "D", "min_p"),
    Row("(none)", "D", "image_out"),
    Row("(none)", "I", "auto_cache"),
    Row("reasoning.effort", "M", "thinking_budget", "as the effort that it comes to"),
    Row("include", "M", "logprobs"),
    Row("(none)", "D", "Thinking.at", "of others, where the caller gave it back in so many words"),
    Row("(none)", "D", "others.(any other)"),
)
REPLY_IN = (
    Row("output[].type=message", "M", "Text", "and `Refusal`; citations with it"),
    Row("output[].type=function_call|custom_tool_call", "M", "ToolCall"),
    Row("output[].type=reasoning", "M", "Thinking"),
    Row("output[].type=(any other)", "I"),
    Row("status=completed", "M", "stop", "`tool_calls` where it calls"),
    Row("status=incomplete", "M", "stop", "`length` or `content_filter`; of unknown reasons `length`"),
    Row("status=failed", "R", note="an error, never an answer"),
    Row("usage", "M", "usage"),
)
REPLY_OUT = (
    Row("id, output[].id", "S", note="made of the request's id"),
    Row(
        "output[].type=reasoning", "M", "Thinking", "`encrypted_content`: OpenAI's as it is, others' enclosed"
    ),
    Row("output[].type=message", "M", "Text"),
    Row("output[].type=function_call|custom_tool_call", "M", "ToolCall"),
    Row(
        "status, incomplete_details, error",
        "M",
        "stop",
        "what may be gone on with is incomplete: `pause_turn`, too",
    ),
    Row("usage", "M", "usage", "every count is there"),
    Row("instructions, tools, temperature, …", "P", note="echoed as the caller wrote them"),
)

"""The fields of chat completions and what becomes of each on the way to and from the neutral nouns.

By the rows that have `read` a caller's top-level fields are read, by those of `WRITTEN` the simple ones written;
all others say what code does. What a provider's flavour does not take is in `quirks`.
"""

from functools import partial
from typing import get_args

from gateway.chat import Effort, JsonObject
from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import flag, integer, mapping, number, one_of, path, text, texts, wrong_type


def _pairs(fields: JsonObject, name: str) -> tuple[tuple[str, str], ...]:
    found = mapping(fields, name) or {}
    pairs = []
    for key, value in found.items():
        if not isinstance(value, str):
            raise wrong_type(path(name, key), "a string")
        pairs.append((key, value))
    return tuple(pairs)


_penalty = partial(number, least=-2, most=2)
_share = partial(number, least=0, most=1)

REQUEST_IN = (
    Row("model", "P", note="the target's name takes its place"),
    Row("max_completion_tokens", "M", "max_output", read=partial(integer, least=1)),
    Row("max_tokens", "M", "max_output", read=partial(integer, least=1), behind="max_completion_tokens"),
    Row("temperature", "M", "temperature", read=partial(number, least=0, most=2)),
    Row("top_p", "M", "top_p", read=_share),
    Row("top_k", "M", "top_k", "not OpenAI's, but of many compatible servers", partial(integer, least=-1)),
    Row("min_p", "M", "min_p", "the same", _share),
    Row("stop", "M", "stop", read=texts),
    Row("seed", "M", "seed", read=integer),
    Row("n", "M", "choices", read=partial(integer, least=1)),
    Row("presence_penalty", "M", "presence_penalty", read=_penalty),
    Row("frequency_penalty", "M", "frequency_penalty", read=_penalty),
    Row("logprobs", "M", "logprobs", read=flag),
    Row("top_logprobs", "M", "top_logprobs", "dropped without `logprobs`", partial(integer, least=0)),
    Row("reasoning_effort", "M", "effort", read=partial(one_of, allowed=get_args(Effort))),
    Row("parallel_tool_calls", "M", "parallel_calls", read=flag),
    Row("service_tier", "M", "tier", read=text),
    Row("safety_identifier", "M", "end_user", read=text),
    Row("user", "M", "end_user", read=text, behind="safety_identifier"),
    Row("metadata", "M", "metadata", read=_pairs),
    Row("prompt_cache_key", "M", "cache_key", read=text),
    Row("verbosity", "M", "verbosity", read=text),
    Row("tool_choice", "M", "tool_choice", "`any` is read as `required`; `allowed_tools` as the names that may"),
    Row("tool_choice.type|function|custom|allowed_tools", "M", "ToolChoice"),
    Row("tool_choice.function|custom.name", "M", "ToolChoice.names"),
    Row("tool_choice.allowed_tools.mode|tools", "M", "ToolChoice"),
    Row("tool_choice.allowed_tools.tools[].type|function|custom", "M", "ToolChoice.names"),
    Row("tool_choice.allowed_tools.tools[].function|custom.name", "M", "ToolChoice.names"),
    Row("function_call", "M", "tool_choice", behind="tool_choice"),
    Row("function_call.name", "M", "ToolChoice.names"),
    Row("tools", "M", "tools", "`function` and `custom`; others are refused"),
    Row("tools[].type|function|custom", "M", "Tool"),
    Row("tools[].function.name|description|parameters|strict", "M", "Tool"),
    Row("tools[].custom.name|description|format", "M", "Tool"),
    Row("tools[].custom.format.type|grammar", "M", "Tool.grammar"),
    Row("tools[].prompt_cache_breakpoint|cache_control", "M", "Tool.cache"),
    Row("tools[].prompt_cache_breakpoint|cache_control.type|mode|ttl", "M", "Tool.cache"),
    Row("functions", "M", "tools", "the answer then has `function_call`", behind="tools"),
    Row("functions[].name|description|parameters|strict", "M", "Tool"),
    Row("response_format", "M", "format"),
    Row("response_format.type|json_schema", "M", "Format"),
    Row("response_format.json_schema.name|description|schema|strict", "M", "Format"),
    Row("modalities", "M", "image_out", "`audio` is `audio_out`, with what the field `audio` says"),
    Row("audio", "M", "audio_out"),
    Row("stream", "M", "stream"),
    Row("stream_options", "M", note="`include_usage` is kept here; the provider is always asked for usage"),
    Row("stream_options.include_usage", "M"),
    Row("stream_options.include_obfuscation", "I", note="padding is never sent"),
    Row("logit_bias", "P", "others"),
    Row("prediction", "P", "others"),
    Row("moderation", "P", "others"),
    Row("store", "P", "others"),
    Row("web_search_options", "P", "others"),
    Row("prompt_cache_options", "P", "others"),
    Row("prompt_cache_retention", "P", "others"),
    Row("(any other)", "P", "others", "a provider that has the field gets it, any other drops it"),
    Row("messages", "M", "turns"),
    Row("messages[].role=system|developer", "M", "system", "the leading ones; later ones are turns"),
    Row("messages[].role=user|assistant", "M", "turns"),
    Row("messages[].role=tool|function", "M", "ToolResult", "in a user's turn; of one after the other in one"),
    Row("messages[].name", "D"),
    Row("messages[].content", "M", "Text", "a string, or parts"),
    Row("messages[].content[].type=text", "M", "Text"),
    Row("messages[].content[].text|refusal", "M", "Text"),
    Row("messages[].content[].image_url.url|detail", "M", "Media"),
    Row("messages[].content[].input_audio.data|format", "M", "Media"),
    Row("messages[].content[].file.file_data|file_id|filename", "M", "Media"),
    Row("messages[].content[].type=image_url", "M", "Media", "the bytes of a data URL say what it is"),
    Row("messages[].content[].type=input_audio", "M", "Media"),
    Row("messages[].content[].type=file", "M", "Media", "of a text file the text"),
    Row("messages[].content[].type=refusal", "M", "Refusal"),
    Row("messages[].content[].type=(any other)", "R"),
    Row("messages[].content[].prompt_cache_breakpoint", "M", "cache", "12h is long, 30m short"),
    Row("messages[].content[].cache_control", "M", "cache", "not OpenAI's; 1h is long, 5m short"),
    Row("messages[].content[].prompt_cache_breakpoint|cache_control.type|mode|ttl", "M", "cache"),
    Row("messages[].refusal", "M", "Refusal"),
    Row("messages[].reasoning_details", "M", "Thinking", "as answers from here have them"),
    Row("messages[].thinking_blocks", "M", "Thinking", behind="reasoning_details"),
    Row("messages[].reasoning_content", "M", "Thinking", behind="thinking_blocks"),
    Row("messages[].reasoning", "M", "Thinking", behind="reasoning_content"),
    Row("messages[].audio", "R", note="an id of a sound that only its provider has"),
    Row("messages[].extra_content.google.thought_signature", "M", "Text.signature"),
    Row("messages[].tool_calls[]", "M", "ToolCall", "`arguments` stay the text that they are"),
    Row("messages[].tool_calls[].extra_content.google.thought_signature", "M", "ToolCall.signature"),
    Row("messages[].function_call", "M", "ToolCall", "ids `fc_0`, `fc_1`, … are made for them"),
    Row("messages[].tool_calls[].id|type|function|custom", "M", "ToolCall"),
    Row("messages[].tool_calls[].function|custom.name", "M", "ToolCall.name"),
    Row("messages[].tool_calls[].function.arguments", "M", "ToolCall.arguments"),
    Row("messages[].tool_calls[].custom.input", "M", "ToolCall.arguments"),
    Row("messages[].tool_calls[].index", "I", note="of pieces of a stream"),
    Row("messages[].tool_calls[].function.parsed_arguments", "I", note="what the SDK made of `arguments`"),
    Row("messages[].function_call.name|arguments", "M", "ToolCall"),
    Row("messages[].tool_call_id", "M", "ToolResult.id"),
    Row("messages[].annotations", "I", note="of an answer; its text says what they are of"),
    Row("messages[].parsed", "I", note="what the SDK made of `content`"),
)  # fmt: skip

#: Written as they are, where the model and the provider's flavour take them.
WRITTEN = (
    Row("temperature", "M", "temperature", needs="sampling"),
    Row("top_p", "M", "top_p", needs="sampling"),
    Row("top_k", "M", "top_k", needs="sampling"),
    Row("min_p", "M", "min_p", needs="sampling"),
    Row("seed", "M", "seed", "Mistral: `random_seed`"),
    Row("presence_penalty", "M", "presence_penalty", needs="penalties"),
    Row("frequency_penalty", "M", "frequency_penalty", needs="penalties"),
    Row("logprobs", "M", "logprobs", needs="logprobs"),
    Row("top_logprobs", "M", "top_logprobs", needs="logprobs"),
    Row("verbosity", "M", "verbosity"),
    Row("prompt_cache_key", "M", "cache_key"),
)
#: What a parameter is where nobody says it: nothing is lost with it.
UNSAID = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "store": False}
REQUEST_OUT = (
    Row("model", "S", note="the target's"),
    *WRITTEN,
    Row("max_completion_tokens", "M", "max_output", "or `max_tokens`; not above the model's own"),
    Row("stop", "M", "stop", "the first four, the rest is dropped; a reply does not tell which one ended it"),
    Row("n", "M", "choices", "refused where the provider gives fewer, but for `fanout`"),
    Row("reasoning_effort", "M", "effort", "the nearest that the model has, else dropped", needs="effort_levels"),
    Row("reasoning_effort", "M", "thinking_budget", "1024 minimal, 2048 low, 8192 medium, 16384 high"),
    Row("(none)", "I", "shows_thinking", "providers say what they say"),
    Row("tools", "M", "tools", "names of 64 letters at most, restored; plain-text tools only to OpenAI"),
    Row("tool_choice", "M", "tool_choice", "a list of tools is sent as fewer tools, which is told, but to OpenAI"),
    Row("parallel_tool_calls", "M", "parallel_calls", needs="parallel_control"),
    Row("response_format", "M", "format", "`strict` where the schema allows it; else by a forced call"),
    Row("service_tier", "M", "tier", "`fast` is `priority`"),
    Row("safety_identifier", "M", "end_user", "or `user`; Mistral has neither"),
    Row("(none)", "I", "metadata", "it stays in the gateway"),
    Row("modalities", "M", "image_out"),
    Row("audio", "M", "audio_out", "refused where the provider cannot speak"),
    Row("(as the caller wrote it)", "P", "others", "what the provider's flavour knows, all else is dropped"),
    Row("prompt_cache_options", "M", "auto_cache", "mode implicit, to OpenAI's models that have it"),
    Row("(none)", "I", "auto_cache", "to others"),
    Row("store", "I", "others", "nothing is stored there for a caller who could not fetch it"),
    Row("stream_options", "S", note="`include_usage`, where the provider takes it"),
    Row("messages[].role=developer", "M", "system", "`system` but to OpenAI's newer models; one message"),
    Row("messages[].role=system", "M", "turns", "in place; a note of the user's where templates want it first"),
    Row("messages[].content[].type=text", "M", "Text"),
    Row("messages[].content[].text|refusal", "M", "Text"),
    Row("messages[].content[].image_url.url|detail", "M", "Media"),
    Row("messages[].content[].input_audio.data|format", "M", "Media"),
    Row("messages[].content[].file.file_data|file_id|filename", "M", "Media"),
    Row("messages[].content[].prompt_cache_breakpoint", "M", "cache", "OpenRouter: `cache_control`; else left out"),
    Row("messages[].content[].type=image_url", "M", "Media", "an image's id is refused"),
    Row("messages[].content[].type=input_audio", "M", "Media"),
    Row("messages[].content[].type=file", "M", "Media", "text ones are text below a title; ids, URLs are refused"),
    Row("messages[].role=tool", "M", "ToolResult", "before the rest of the turn; errors begin with `Error: `"),
    Row("messages[].role=user", "M", "ToolResult.blocks", "images of a result follow it, in the user's turn"),
    Row("messages[].tool_calls[]", "M", "ToolCall", "ids longer than 64 letters are replaced"),
    Row("messages[].tool_calls[].extra_content", "M", "ToolCall.signature", "Gemini's compatible endpoint"),
    Row("messages[].reasoning_content", "M", "Thinking", "to those who want it back"),
    Row("", "D", "Thinking.at", "to those who do not"),
    Row("messages[].refusal", "M", "Refusal", "text, but to OpenAI"),
)  # fmt: skip

REPLY_IN = (
    Row("id", "M", "id"),
    Row("created", "M", "created"),
    Row("model", "M", "model"),
    Row("service_tier", "M", "tier"),
    Row("usage", "M", "usage", "also in `x_groq`"),
    Row("error", "M", note="an error, whatever the status"),
    Row("choices[].message.content", "M", "Text", "a string, or parts: Mistral's thoughts are among them"),
    Row("choices[].message.annotations[]", "M", "Text.citations", "`url_citation`"),
    Row("choices[].message.refusal", "M", "Refusal"),
    Row("choices[].message.reasoning_content", "M", "Thinking", "or `reasoning`, `reasoning_details`"),
    Row("choices[].message.tool_calls[]", "M", "ToolCall", "an id that is missing or `null` is made"),
    Row("choices[].message.function_call", "M", "ToolCall"),
    Row("choices[].message.images[]", "M", "Media"),
    Row("choices[].message.audio", "M", "Media", "its transcript is text"),
    Row("choices[].logprobs.content[]", "M", "logprobs"),
    Row("choices[].finish_reason", "M", "stop", "`stop` with calls is `tool_calls`; `error` is an error"),
    Row("choices[].stop_reason", "M", "matched", "vLLM's"),
    Row("system_fingerprint", "I"),
)  # fmt: skip

REPLY_OUT = (
    Row("id", "S", note="`chatcmpl-` and the request's"),
    Row("object", "S"),
    Row("created", "M", "created"),
    Row("model", "S", note="the provider's, or the caller's name of it"),
    Row("service_tier", "M", "tier"),
    Row("usage", "M", "usage", "of a stream only where it was asked for"),
    Row("choices[].message.content", "M", "Text", "of all texts together; null where there are calls and no text"),
    Row("choices[].message.annotations[]", "M", "Text.citations"),
    Row("choices[].message.extra_content", "M", "Text.signature", "Gemini's"),
    Row("choices[].message.refusal", "M", "Refusal", "or why it was refused"),
    Row("choices[].message.reasoning_content", "M", "Thinking.text"),
    Row("choices[].message.reasoning_details[]", "M", "Thinking.signature"),
    Row("choices[].message.tool_calls[]", "M", "ToolCall", "`function_call` to who asked with `functions`"),
    Row("choices[].message.tool_calls[].extra_content", "M", "ToolCall.signature", "Gemini's"),
    Row("choices[].message.images[]", "M", "Media", "not OpenAI's, but of compatible servers"),
    Row("choices[].message.audio", "M", "Media"),
    Row("choices[].logprobs", "M", "logprobs"),
    Row("choices[].finish_reason", "M", "stop", "else `stop`, `length` (`pause_turn`, too) or `content_filter`"),
    Row("(none)", "I", "matched"),
)  # fmt: skip

COMPLETIONS_IN = (
    Row("prompt", "M", "turns", "a user's turn; several are refused, but for `fanout`; tokens are refused"),
    Row("suffix", "R", note="like all that chat models do not know"),
    Row("echo", "R"),
    Row("best_of", "R", note="but 1"),
    Row("logprobs", "R"),
    *(row for row in REQUEST_IN if row.field in (
        "model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "n", "presence_penalty",
        "frequency_penalty", "user", "stream", "stream_options",
        "stream_options.include_usage", "stream_options.include_obfuscation", "logit_bias", "(any other)",
    )),
)  # fmt: skip

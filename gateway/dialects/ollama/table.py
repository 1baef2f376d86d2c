"""The fields of Ollama's /api/chat and what becomes of the neutral nouns there.

Those of `OPTIONS` are written as they stand, those of `DROPPED` not at all; all others say what code does.
"""

from gateway.dialects.field_row import Row

#: Parameters that are one value there, too.
OPTIONS = (
    Row("options.temperature", "M", "temperature"),
    Row("options.top_p", "M", "top_p"),
    Row("options.top_k", "M", "top_k"),
    Row("options.min_p", "M", "min_p"),
    Row("options.seed", "M", "seed"),
    Row("options.presence_penalty", "M", "presence_penalty"),
    Row("options.frequency_penalty", "M", "frequency_penalty"),
)
#: Parameters that nothing there stands for.
DROPPED = (
    Row("", "D", "tier"),
    Row("", "D", "cache_key"),
    Row("", "D", "verbosity"),
)

REQUEST_OUT = (
    Row("model", "M"),
    Row("messages[]", "M", "turns", "one a turn, and one an answer of a tool before it"),
    Row("messages[].role", "M", "Turn.role", "later instructions are a user's note, unless it knows them"),
    Row("messages[].content", "M", "Text", "always a string"),
    Row("messages[].content", "M", "Media.text", "and text documents, below their title; others are refused"),
    Row("", "D", "Media.detail"),
    Row("messages[].content", "M", "Refusal"),
    Row("messages[].images[]", "M", "Media.data", "sounds too, where the model hears; URLs and ids are refused"),
    Row("messages[].thinking", "M", "Thinking", "its text, to models that think"),
    Row("", "D", "Thinking.at", "to others, where the caller gave it back in so many words"),
    Row("messages[].tool_calls[]", "M", "ToolCall"),
    Row("messages[].tool_name", "M", "ToolResult", "found by the id of the call"),
    Row("messages[].tool_call_id", "M", "ToolResult.id"),
    Row("tools[]", "M", "Tool", "of a schema its server keeps a part, which is told"),
    Row("tools[]", "M", "Tool.custom", "one argument, `input`"),
    Row("", "D", "Tool.grammar"),
    Row("", "D", "Tool.strict"),
    Row("tools[]", "M", "tool_choice", "`none`: no tools; names: these alone, which is told; a must is dropped"),
    Row("", "D", "parallel_calls", "only where it is false"),
    *OPTIONS,
    *DROPPED,
    Row("options.num_predict", "M", "max_output", "else what the model can say at most, where that is known"),
    Row("options.stop", "M", "stop"),
    Row("options.num_ctx", "S", note="what is configured"),
    Row("truncate", "S", note="false: too much is an error, not left out in silence"),
    Row("shift", "S", note="false, likewise"),
    Row("stream", "S", "stream", "always said: the default is true"),
    Row("format", "M", "format", "`json` or the schema"),
    Row("", "D", "Format.description"),
    Row("think", "M", "effort", "false, low, medium, high or max, to models that think"),
    Row("think", "M", "thinking_budget", "as the effort that it comes to"),
    Row("logprobs", "M", "logprobs"),
    Row("top_logprobs", "M", "top_logprobs"),
    Row("", "R", "choices", "more than one, but for `fanout`"),
    Row("", "R", "image_out"),
    Row("", "R", "audio_out"),
    Row("", "I", "shows_thinking"),
    Row("", "I", "end_user"),
    Row("", "I", "metadata"),
    Row("", "I", "auto_cache"),
    Row("keep_alive", "P", "others", "any other field is dropped"),
)  # fmt: skip

REPLY_IN = (
    Row("model", "M", "ChatReply.model"),
    Row("created_at", "M", "ChatReply.created"),
    Row("message.content", "M", "Text"),
    Row("message.thinking", "M", "Thinking"),
    Row("message.tool_calls[]", "M", "ToolCall", "old servers give no id: one is made"),
    Row("done_reason", "M", "Answer.stop", "`load`, `unload` or none: 502 when nothing was said"),
    Row("logprobs", "M", "Logprob"),
    Row("prompt_eval_count, eval_count", "M", "Usage"),
    Row("total_duration, load_duration, prompt_eval_duration, eval_duration", "I"),
)  # fmt: skip

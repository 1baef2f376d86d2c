"""The fields of generateContent and what becomes of each on the way to and from the neutral nouns.

By the rows with `read` a caller's `generationConfig` is read, those of `WRITTEN` are written as they stand, those
of `DROPPED` not at all. All others say what code does.
"""

from functools import partial

from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import flag, integer, number, texts

CONFIG = "generationConfig"
PARTS = "contents[].parts[]"
TOOLS = "tools[].functionDeclarations[]"
SAID = "candidates[].content.parts[]"
_number = partial(number, at=CONFIG)
_integer = partial(integer, at=CONFIG)

REQUEST_IN = (
    Row("contents", "M", "turns", "a lone content, and a lone part, stand for a list of one"),
    Row("contents[].role", "M", "Turn.role", "none: `user`; `function` is the old word for it"),
    Row(f"{PARTS}.text", "M", "Text"),
    Row(f"{PARTS}.thought", "M", "Thinking"),
    Row(f"{PARTS}.thoughtSignature", "M", "Signature", "of a text, a thought or a call"),
    Row(f"{PARTS}.inlineData", "M", "Media", "image, audio; anything else is a document"),
    Row(f"{PARTS}.fileData", "M", "Media", "of Google's own stores an id, else a URL"),
    Row(f"{PARTS}.mediaResolution", "M", "Media.detail"),
    Row(f"{PARTS}.inlineData.data|mimeType|displayName", "M", "Media", "the name, of a document"),
    Row(f"{PARTS}.fileData.fileUri|mimeType|displayName", "M", "Media"),
    Row(f"{PARTS}.mediaResolution.level", "M", "Media.detail"),
    Row(f"{PARTS}.functionCall", "M", "ToolCall", "without an id one is made from its place"),
    Row(f"{PARTS}.functionCall.id|name|args", "M", "ToolCall"),
    Row(f"{PARTS}.functionResponse.id|name|response|parts", "M", "ToolResult"),
    Row(f"{PARTS}.functionResponse", "M", "ToolResult", "without an id it answers by name, in order"),
    Row(f"{PARTS}.executableCode", "D", "Text", "becomes a text in a code fence"),
    Row(f"{PARTS}.codeExecutionResult", "D", "Text", "the same"),
    Row(f"{PARTS}.executableCode.code|language|id", "M", "Text"),
    Row(f"{PARTS}.codeExecutionResult.output|outcome|id", "M", "Text"),
    Row(f"{PARTS}.(any other kind)", "R"),
    Row(f"{PARTS}.videoMetadata", "D"),
    Row(f"{PARTS}.partMetadata", "I"),
    Row("systemInstruction", "M", "system"),
    Row(f"{TOOLS}", "M", "Tool", "`parameters` or `parametersJsonSchema`"),
    Row(f"{TOOLS}.name|description|parameters|parametersJsonSchema", "M", "Tool"),
    Row(f"{TOOLS}.response", "I"),
    Row(f"{TOOLS}.responseJsonSchema", "I"),
    Row(f"{TOOLS}.behavior", "D"),
    Row("tools[].(any other)", "R", note="run by Google: search, code, maps, URLs"),
    Row("toolConfig.functionCallingConfig", "M", "tool_choice", "`VALIDATED` is `auto`"),
    Row("toolConfig.functionCallingConfig.mode|allowedFunctionNames", "M", "ToolChoice"),
    Row("toolConfig.(any other)", "P", "others"),
    Row("safetySettings", "P", "others"),
    Row("cachedContent", "R", note="what the model is to read is kept at Google"),
    Row("continuationToken", "R"),
    Row("labels", "M", "metadata"),
    Row("serviceTier", "M", "tier", "`standard` is `default`"),
    Row("store", "I"),
    Row("model", "I", note="the path says it"),
    Row(f"{CONFIG}.maxOutputTokens", "M", "max_output", read=partial(_integer, least=1)),
    Row(f"{CONFIG}.temperature", "M", "temperature", read=partial(_number, least=0, most=2)),
    Row(f"{CONFIG}.topP", "M", "top_p", read=partial(_number, least=0, most=1)),
    Row(f"{CONFIG}.topK", "M", "top_k", read=partial(_integer, least=0)),
    Row(f"{CONFIG}.stopSequences", "M", "stop", read=partial(texts, at=CONFIG)),
    Row(f"{CONFIG}.candidateCount", "M", "choices", "1 to 8", read=partial(_integer, least=1, most=8)),
    Row(f"{CONFIG}.seed", "M", "seed", read=_integer),
    Row(f"{CONFIG}.presencePenalty", "M", "presence_penalty", read=partial(_number, least=-2, most=2)),
    Row(f"{CONFIG}.frequencyPenalty", "M", "frequency_penalty", read=partial(_number, least=-2, most=2)),
    Row(f"{CONFIG}.responseLogprobs", "M", "logprobs", read=partial(flag, at=CONFIG)),
    Row(f"{CONFIG}.logprobs", "M", "top_logprobs", "beside `responseLogprobs`", read=partial(_integer, least=0)),
    Row(f"{CONFIG}.responseMimeType", "M", "format", "`text/x.enum` is refused"),
    Row(f"{CONFIG}.responseSchema", "M", "format"),
    Row(f"{CONFIG}.responseJsonSchema", "M", "format"),
    Row(f"{CONFIG}.responseFormat", "R"),
    Row(f"{CONFIG}.thinkingConfig.thinkingLevel", "M", "effort"),
    Row(f"{CONFIG}.thinkingConfig.thinkingBudget", "M", "thinking_budget", "0 is the effort `none`; -1: none"),
    Row(f"{CONFIG}.thinkingConfig.includeThoughts", "M", "shows_thinking"),
    Row(f"{CONFIG}.responseModalities", "M", "image_out", "`AUDIO` is `audio_out`, with `speechConfig`"),
    Row(f"{CONFIG}.speechConfig", "M", "audio_out"),
    Row(f"{CONFIG}.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName", "M"),
    Row(f"{CONFIG}.mediaResolution", "M", "Media.detail", "of every image that does not say its own"),
    Row(f"{CONFIG}.(any other)", "P", "others"),
    Row("(any other)", "P", "others"),
)  # fmt: skip

#: Parameters that are one value there, too.
WRITTEN = (
    Row(f"{CONFIG}.maxOutputTokens", "M", "max_output", "counts thoughts, too"),
    Row(f"{CONFIG}.topP", "M", "top_p", needs="sampling"),
    Row(f"{CONFIG}.topK", "M", "top_k", needs="sampling"),
    Row(f"{CONFIG}.seed", "M", "seed"),
    Row(f"{CONFIG}.presencePenalty", "M", "presence_penalty", needs="penalties"),
    Row(f"{CONFIG}.frequencyPenalty", "M", "frequency_penalty", needs="penalties"),
)  # fmt: skip
#: Parameters that nothing there stands for.
DROPPED = (
    Row("", "D", "min_p"),
    Row("", "D", "verbosity"),
    Row("", "D", "cache_key"),
)  # fmt: skip

REQUEST_OUT = (
    Row("(path) models/{model}", "M", note="`:streamGenerateContent?alt=sse` for a stream"),
    Row("systemInstruction.parts[].text", "M", "system"),
    Row("contents[]", "M", "turns", "those of one role as one; no turn at all is a user's `.`"),
    Row(f"{PARTS}.text", "M", "Text", "empty ones are left out; with Gemini's own signature"),
    Row(f"{PARTS}.text", "M", "Turn.role=system", "later instructions, as a note in a user's turn"),
    Row(f"{PARTS}.thought", "M", "Thinking", "with Gemini's own signature; others are left out"),
    Row(f"{PARTS}.inlineData", "M", "Media.data"),
    Row(f"{PARTS}.inlineData", "M", "Media.text", "as text/plain"),
    Row(f"{PARTS}.fileData", "M", "Media.url", "where the model gets URLs itself, else refused"),
    Row(f"{PARTS}.fileData", "M", "Media.file_id", "of Google's own stores, else refused"),
    Row(f"{PARTS}.mediaResolution", "M", "Media.detail", "since Gemini 3, else of all images together"),
    Row(f"{PARTS}.functionCall", "M", "ToolCall", "with an id since Gemini 3"),
    Row(f"{PARTS}.thoughtSignature", "M", "ToolCall.signature", "each once; a stand-in where needed"),
    Row(f"{PARTS}.functionResponse", "M", "ToolResult", "all of one step in one content, as called"),
    Row(f"{PARTS}.text", "M", "Refusal"),
    Row(f"{TOOLS}.name", "M", "Tool.name", "cleaned and restored where it does not fit"),
    Row(f"{TOOLS}.parametersJsonSchema", "M", "Tool.schema", "in Gemini's subset"),
    Row(f"{TOOLS}.parametersJsonSchema", "M", "Tool.custom", "one argument, `input`"),
    Row("", "D", "Tool.grammar"),
    Row("", "D", "Tool.strict"),
    Row("", "D", "Media.name", "of a text document it is the first line"),
    Row("", "D", "Thinking.at", "without Gemini's signature, where it was given back in so many words"),
    *WRITTEN,
    *DROPPED,
    Row("toolConfig.functionCallingConfig", "M", "tool_choice", "names with `auto` are `VALIDATED`"),
    Row("", "D", "parallel_calls", "only where it is false"),
    Row(f"{CONFIG}.temperature", "M", "temperature", "at most 2", needs="sampling"),
    Row(f"{CONFIG}.stopSequences", "M", "stop", "five at most; more are dropped"),
    Row(f"{CONFIG}.candidateCount", "M", "choices", "refused where the model gives fewer, but for `fanout`"),
    Row(f"{CONFIG}.responseLogprobs", "M", "logprobs", "refused where the model has none"),
    Row(f"{CONFIG}.logprobs", "M", "top_logprobs", "at most 20"),
    Row(f"{CONFIG}.responseMimeType", "M", "format"),
    Row(f"{CONFIG}.responseJsonSchema", "M", "format", "refused beside tools before Gemini 3"),
    Row(f"{CONFIG}.thinkingConfig", "M", "effort", "a level since Gemini 3, a budget before"),
    Row(f"{CONFIG}.thinkingConfig", "M", "thinking_budget", "the same"),
    Row(f"{CONFIG}.thinkingConfig.includeThoughts", "M", "shows_thinking"),
    Row(f"{CONFIG}.responseModalities", "M", "image_out"),
    Row(f"{CONFIG}.speechConfig", "M", "audio_out", "its voice; `format` D, but for pcm16"),
    Row("serviceTier", "M", "tier", "`default` is `standard`, `fast` is `priority`; `scale` is dropped"),
    Row("", "I", "end_user"),
    Row("", "I", "metadata"),
    Row("", "I", "auto_cache"),
    Row("", "I", "shows_thinking", "of models that do not think"),
    Row("safetySettings", "P", "others", "and what `extra_body.google` has; any other field is dropped"),
)  # fmt: skip

REPLY_IN = (
    Row("responseId", "M", "ChatReply.id"),
    Row("modelVersion", "M", "ChatReply.model"),
    Row(f"{SAID}.text", "M", "Text", "with `thought`: Thinking"),
    Row(f"{SAID}.functionCall", "M", "ToolCall", "without an id one is made"),
    Row(f"{SAID}.inlineData", "M", "Media"),
    Row(f"{SAID}.thoughtSignature", "M", "Signature"),
    Row(f"{SAID}.executableCode", "D", "Text", "becomes a text in a code fence, on lines of its own"),
    Row(f"{SAID}.codeExecutionResult", "D", "Text", "the same"),
    Row("candidates[].finishReason", "M", "Answer.stop", "one that says that it failed: 502 when nothing was said"),
    Row("candidates[].finishMessage", "M", "Answer.explanation"),
    Row("candidates[].logprobsResult", "M", "Logprob"),
    Row("candidates[].citationMetadata", "M", "Citation"),
    Row("candidates[].groundingMetadata", "M", "Citation"),
    Row("candidates[].safetyRatings", "I"),
    Row("candidates[].avgLogprobs", "I"),
    Row("promptFeedback.blockReason", "M", "Answer.stop", "`content_filter`, with an explanation"),
    Row("usageMetadata", "M", "Usage", "thoughts are counted beside the candidates"),
)  # fmt: skip

REPLY_OUT = (
    Row("responseId", "M", "Asked.id"),
    Row("modelVersion", "M", "Asked.model"),
    Row(f"{SAID}.text", "M", "Text"),
    Row(f"{SAID}.text", "M", "Refusal"),
    Row(f"{SAID}.thought", "M", "Thinking", "where the caller asked for thoughts"),
    Row(f"{SAID}.functionCall", "M", "ToolCall"),
    Row(f"{SAID}.thoughtSignature", "M", "Signature", "Gemini's own alone"),
    Row(f"{SAID}.inlineData", "M", "Media"),
    Row("candidates[].finishReason", "M", "Answer.stop", "`pause_turn` is `MAX_TOKENS`"),
    Row("candidates[].finishMessage", "M", "Answer.explanation"),
    Row("candidates[].citationMetadata", "M", "Citation"),
    Row("candidates[].logprobsResult", "M", "Logprob"),
    Row("usageMetadata", "M", "Usage"),
)  # fmt: skip

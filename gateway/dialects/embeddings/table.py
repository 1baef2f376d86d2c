"""The fields of embeddings in each dialect, and what becomes of each on the way to and from the neutral nouns.

By the rows with `read` a caller's request is read; all others say what code does.
"""

from functools import partial

from gateway.chat import JsonObject
from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import integer, one_of, text

REQUESTS = "requests"
_REQUEST = f"{REQUESTS}[]"
_dimensions = partial(integer, least=1)


def _is_packed(fields: JsonObject, name: str) -> bool:
    return one_of(fields, name, ("float", "base64")) == "base64"


OPENAI_IN = (
    Row("model", "M"),
    Row("input", "M", "inputs", "a text or up to 2048; an empty one is refused"),
    Row("input (tokens)", "M", "inputs", "refused where the provider takes only texts"),
    Row("dimensions", "M", "dimensions", read=_dimensions),
    Row("encoding_format", "M", "packed", "whatever the provider answers", read=_is_packed),
    Row("user", "M", "end_user", read=text),
    Row("task_type", "M", "task", "not OpenAI's, but Google's", read=text),
    Row("title", "M", "title", "likewise", read=text),
    Row("extra_body.google", "M", "task", "`task_type` and `title`; any other field of it is dropped"),
    Row("(any other)", "P", "others"),
)
OPENAI_REQUEST = (
    Row("model", "M"),
    Row("input", "M", "inputs"),
    Row("dimensions", "M", "dimensions"),
    Row("encoding_format", "S", "packed", "always `float`: not all servers know another"),
    Row("user", "M", "end_user"),
    Row("", "D", "task"),
    Row("", "D", "title"),
    Row("(any other)", "P", "others"),
)
OPENAI_REPLY_IN = (
    Row("data[].embedding", "M", "vectors", "numbers or base64, by `index`; too few or too many are 502"),
    Row("usage", "M", "usage"),
    Row("model, id, object, created", "I"),
)
OPENAI_REPLY_OUT = (
    Row("object", "S"),
    Row("data[].embedding", "M", "vectors", "numbers, or base64 of float32 (little-endian) where asked"),
    Row("data[].index", "S"),
    Row("data[].object", "S"),
    Row("model", "S", note="the provider's, or the caller's name of it"),
    Row("usage", "M", "usage", "estimated where none is reported, with the warning `estimated=usage`"),
)

GEMINI_IN = (
    Row("content.parts[].text", "M", "inputs", "`embedContent`; its texts are one, a line each"),
    Row(f"{_REQUEST}.content.parts[].text", "M", "inputs", "`batchEmbedContents`; at most 100"),
    Row(f"{_REQUEST}.content.parts[].(any other)", "R", note="images and sounds"),
    Row(f"{_REQUEST}.content.role", "I"),
    Row(f"{_REQUEST}.model", "I", note="the path says it"),
    Row("model", "I", note="the same"),
    Row(f"{_REQUEST}.outputDimensionality", "M", "dimensions", "the same for all"),
    Row(f"{_REQUEST}.taskType", "M", "task", "the same for all"),
    Row(f"{_REQUEST}.title", "M", "title", "the same for all"),
    Row("(any other)", "D"),
)
GEMINI_REQUEST = (
    Row(
        f"{_REQUEST}.content.parts[].text",
        "M",
        "inputs",
        "100 a request, one after another; tokens are refused",
    ),
    Row(f"{_REQUEST}.model", "S"),
    Row(f"{_REQUEST}.outputDimensionality", "M", "dimensions"),
    Row(f"{_REQUEST}.taskType", "M", "task"),
    Row(f"{_REQUEST}.title", "M", "title"),
    Row("", "I", "end_user"),
    Row("", "D", "others"),
)
GEMINI_REPLY_IN = (
    Row("embeddings[].values", "M", "vectors", "made to length 1 where cut to fewer dimensions"),
    Row("usageMetadata", "M", "usage"),
)
GEMINI_REPLY_OUT = (
    Row("embeddings[].values", "M", "vectors", "`batchEmbedContents`"),
    Row("embedding.values", "M", "vectors", "`embedContent`"),
    Row("usageMetadata.promptTokenCount", "M", "usage", "as for OpenAI's callers"),
)

OLLAMA_REQUEST = (
    Row("model", "M"),
    Row("input", "M", "inputs", "tokens are refused"),
    Row("dimensions", "M", "dimensions"),
    Row("truncate", "S", note="false: too much is an error, not left out in silence"),
    Row("", "I", "end_user"),
    Row("", "D", "task"),
    Row("", "D", "title"),
    Row("keep_alive", "P", "others", "any other field is dropped"),
)
OLLAMA_REPLY_IN = (
    Row("embeddings[]", "M", "vectors"),
    Row("prompt_eval_count", "M", "usage"),
    Row("model, total_duration, load_duration", "I"),
)

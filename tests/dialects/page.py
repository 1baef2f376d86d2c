"""`docs/dialects.md`, made of the tables that the dialects use: `python -m tests.dialects.page` writes it."""

from collections.abc import Iterable
from pathlib import Path

from gateway.capabilities import Capabilities
from gateway.dialects.chat import table as chat
from gateway.dialects.chat.quirks import QUIRKS, Quirks
from gateway.dialects.embeddings import table as embeddings
from gateway.dialects.field_row import Row
from gateway.dialects.gemini import table as gemini
from gateway.dialects.messages import table as messages
from gateway.dialects.ollama import table as ollama
from gateway.dialects.passage import passage
from gateway.dialects.responses import table as responses

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"
_HEAD = """# Dialects

Any of the APIs below may be called for any model, whatever its provider speaks. Where both speak the same, bytes
pass as they are: nothing but the model's name changes, and fields that nobody here knows pass too. Otherwise the
request is read into neutral nouns (`gateway/chat.py`) and written in the provider's dialect, and so is the answer.

What a translation cannot carry over and does not change the meaning is dropped, and named in the answer's header
`x-gateway-warnings: dropped=…; clamped=…; changed=…`, in the caller's words. What would change the meaning is
refused with 400 and the path of the field. With `x-gateway-strict: true` a request is refused instead of losing
anything (`1` is read as `true`, `0` as `false`, in any case; another word is refused with 400).

`anthropic-version` goes to Anthropic as it came. For other providers requests are read by the rules of `2023-06-01`
where that or nothing is said, and of `2026-10-21` for any other date; what is no date is refused with 400.

With `lenient: true` in the configuration some of what would be refused is asked for in the nearest way, and named
as `changed`; `x-gateway-strict` goes first. A model that cannot be made to call a tool may call it (`auto`); for
Anthropic's an empty user's message says `(empty)`, `(continue)` stands before first words of the assistant's,
`Continue.` follows last ones that it cannot go on from, and a call that was not answered has the result
`no result`, as an error.

A request for embeddings with more texts than a provider takes goes to it in parts, one after another on the same
provider key; each counts as a request against its ceilings, and the vectors come back as one answer, in order. The
caller gets all of them or an error. Tokens instead of texts are refused where the provider takes only texts.

More answers (`n`, `candidateCount`) than a model gives at once are refused with 400, and so are several prompts of
a completion where the provider has chats alone: unless the model's `capabilities` say `fanout: true`. Then they are
asked for one after another on the same provider key, 128 at most, which takes as many times as long. Each request
counts against the key's ceilings and budgets, and so does the prompt that each of them reads anew; `usage` is the
sum, and the answer says `changed=n`. A caller's `seed` is one more for each answer that was asked for before, or
all would be the same. The caller gets all answers or an error; a stream gives the choices in their order, and one
that fails ends it with an error, after which no more are asked for. What was answered until then is paid for.

Signatures and sealed thoughts that a provider wants back with its tool calls are kept in the worker's memory, by
tenant key, for an hour after their last use, and put back where a caller's program has dropped them; thoughts
without a seal (DeepSeek's) for the model alone that thought them. Where they are not known any more the request
goes on without, and says so if the model thinks: `missing=messages[3]`. A signature that the caller brings goes
first.

Images and files that are named by URL go on as URLs where the model gets them itself (`fetches_urls` of
`capabilities`) and its API has a place for them (chat completions: images; messages: images and PDFs). Else they
are fetched if the tenant has `fetch_urls: true`, and refused if not: by https from port 443, from hosts all of
whose addresses are public, up to 10 MiB each within 10 s, 20 URLs and 20 MiB a request within 20 s, 4 at a time of
a tenant's and 16 of a worker's; redirects are followed within the same origin alone. Nothing of the caller's is
sent along, and no proxy is used. What lies in Google's own stores, and YouTube's films, is fetched for nobody:
Google's models get it themselves, and for others it is refused.

This page is made of the tables that the code uses (`python -m tests.dialects.page`); a test compares them.

## Who reaches whom

`=` passes unchanged, `→` is translated, `–` cannot be asked.

"""
_FLAVOURS = """
## Compatible providers

Chat completions of callers to providers of the same dialect stay the bytes that came, but for what the provider's
`flavour` or the model does not take (`capabilities`, see [`models.md`](models.md)): the limit and other fields get
its own names, what it refuses is left out, efforts that it lacks are clamped. In messages `developer` is `system`,
and earlier reasoning stands where the provider looks for it. Mistral refuses what it does not know: fields of
messages, tools and `response_format` that are none of its own are dropped, and `$schema` and `$id` of schemas. Of
answers, thoughts are copied to `reasoning_content`, parts become text, calls get ids and indices, words for why it
ended are OpenAI's, usage counts what OpenAI's counts, and an answer that ended by an error is one. What is lost is
named as above, or refused with `x-gateway-strict`. A flavour without a row, `generic` among them, is asked by what
is known of the model alone; but the limit is called `max_tokens` there, as nearly all compatible servers (Ollama's
endpoint, too) know it, unless the model has the name of one of OpenAI's new ones. OpenRouter, and nobody else, gets
the caller's headers `http-referer` and `x-title`.

Across dialects, usage that a provider does not tell is the gateway's estimate: what the request was taken to be,
and a token for every four letters of the answer. The answer says so: `x-gateway-warnings: estimated=usage`.

A form of the answer that its provider does not see to (`response_format`, `output_config.format`, …, asked for by a
call that is forced, in words, or by a schema without what Anthropic or Gemini cannot be told of it: bounds,
patterns, `oneOf`) is seen to here: an answer that ended by itself must be JSON of the schema, marks of code around
it are taken off, and one that is not so is 502 `upstream_invalid_response`; a stream has an error in place of its
end, and the few letters that may be such marks are held until that is known. It is paid for, and no other key is
asked. Schemas are read as JSON Schema 2020-12 without `format`; what would take long (some 10 ms) or has
`unevaluated…`, `$dynamicRef`, references out of it or patterns that look around is given as it is, and the answer
says so: `x-gateway-warnings: unchecked=response_format`.

`x-gateway-warnings: unread=…` names what of an answer has no counterpart, in the provider's words: blocks
of what its servers did (`server_tool_use`), a reason why it ended that is not told, that nobody here knows, or that
says the model failed after it had said something (`stop_reason`, `finish_reason`, `finishReason`, `done_reason`,
`incomplete_details`, `status`): it is told as `stop`, or what is nearest; `_raw` are arguments of a call that are
no JSON object (a stream to Anthropic's callers ends with an error there: their SDKs would take half of them for
all), `image`, `audio` or `citations` what the caller's dialect has no place for (Anthropic's citations
name what only its own servers know; those of documents have no address). So are fields of messages, blocks and
parts, calls and parts of kinds that nobody here knows (not fields of the reply around them), and what a stream says
of an answer after the reason why it ended (`delta`) or once more (`message`), also of a stream that is told whole
to who speaks alike.
`scarce=max_tokens` says that Gemini's thoughts may use up what so few tokens (under 1024) allow.

Calls that have one id are told apart, in what goes to a provider and in its answers: the n-th result of the id is
the n-th call's. Of more results than calls the last one goes on, the others are named as `dropped`.

Integers of any length pass as they are, in arguments, schemas and answers, whoever speaks which dialect.

A provider that answers whole where a stream was asked for is told as a stream; one that streams where none was is
taken in to its end, within `bounds.reply_bytes`, and told whole, whoever speaks which dialect. A stream that breaks
or says an error by then is that error.

The head of a stream is sent with its first content, and names what was known by then. `warnings` of the request log
names all, of streams and of whole answers, and `gateway_warnings_total{kind}` counts it: `dropped`, `clamped`,
`changed`, `unread`, `estimated`, `unchecked`, `scarce`, `missing`.

Whatever the dialects, a provider that answers 400 or 422 because of one field which does not change what is asked
(`gateway/dialects/droppable.py`) is asked once more without it, and so is that model from then on, for a day, by
this worker. That too is named in `x-gateway-warnings`, and refused with `x-gateway-strict`. So it is with values of
`anthropic-beta` that Anthropic does not know, by provider key; and a conversation whose signatures or encrypted
reasoning are refused, as another organisation's may be, is asked once more without them, of which nothing is kept.

| flavour | limit | other names | left out | answers |
|---|---|---|---|---|
"""
_LEGEND = """
## Fields

M mapped · P passed as it is · S made by the gateway · D dropped with a warning · I left out in silence, since it
has no meaning on the other side · R refused. Nouns are those of `gateway/chat.py`.

Fields inside a caller's messages, parts, tools and the like that have no row are dropped, and named by their paths:
`dropped=messages[0].foo,tools[1].bar`, eight of a request and then how many more there are (`and-92-more`). What is
inside schemas, arguments, metadata and fields that pass as they are is the caller's own and not looked at.
"""
_CALLERS = (
    "chat", "completions", "responses", "compaction", "messages", "generate_content", "embeddings", "embed_content"
)  # fmt: skip
_PROVIDERS = {
    "OpenAI": ("openai", frozenset({"chat", "completions", "responses", "embeddings"})),
    "compatible": ("openai", frozenset({"chat", "completions", "embeddings"})),
    "Azure": ("azure", frozenset({"chat", "completions", "responses", "embeddings"})),
    "Anthropic": ("anthropic", frozenset({"messages"})),
    "Gemini": ("gemini", frozenset({"generate_content", "embeddings"})),
    "Ollama": ("ollama", frozenset({"chat", "completions", "embeddings"})),
}
_SECTIONS: tuple[tuple[str, tuple[tuple[str, Iterable[Row]], ...]], ...] = (
    ("Chat completions", (
        ("Callers' requests", chat.REQUEST_IN),
        ("Requests to providers", chat.REQUEST_OUT),
        ("Providers' replies", chat.REPLY_IN),
        ("Replies to callers", chat.REPLY_OUT),
        ("Callers' legacy completions", chat.COMPLETIONS_IN),
    )),
    ("Responses", (
        ("Callers' requests", responses.REQUEST_IN),
        ("Requests to OpenAI", responses.REQUEST_OUT),
        ("OpenAI's replies", responses.REPLY_IN),
        ("Replies to callers", responses.REPLY_OUT),
    )),
    ("Anthropic messages", (
        ("Callers' requests", messages.REQUEST_IN),
        ("Requests to Anthropic", messages.REQUEST_OUT),
        ("Anthropic's replies", messages.REPLY_IN),
        ("Replies to callers", messages.REPLY_OUT),
    )),
    ("Gemini generateContent", (
        ("Callers' requests", gemini.REQUEST_IN),
        ("Requests to Gemini", gemini.REQUEST_OUT),
        ("Gemini's replies", gemini.REPLY_IN),
        ("Replies to callers", gemini.REPLY_OUT),
    )),
    ("Ollama", (
        ("Requests to Ollama", ollama.REQUEST_OUT),
        ("Ollama's replies", ollama.REPLY_IN),
    )),
    ("Embeddings", (
        ("OpenAI's callers' requests", embeddings.OPENAI_IN),
        ("Requests to OpenAI and compatible servers", embeddings.OPENAI_REQUEST),
        ("Their replies", embeddings.OPENAI_REPLY_IN),
        ("Replies to OpenAI's callers", embeddings.OPENAI_REPLY_OUT),
        ("Google's callers' requests", embeddings.GEMINI_IN),
        ("Requests to Gemini", embeddings.GEMINI_REQUEST),
        ("Gemini's replies", embeddings.GEMINI_REPLY_IN),
        ("Replies to Google's callers", embeddings.GEMINI_REPLY_OUT),
        ("Requests to Ollama", embeddings.OLLAMA_REQUEST),
        ("Ollama's replies", embeddings.OLLAMA_REPLY_IN),
    )),
)  # fmt: skip


def page() -> str:
    """The whole text."""
    lines = [_HEAD + "| callers' API | " + " | ".join(_PROVIDERS) + " |", "|---|" + "---|" * len(_PROVIDERS)]
    for asked in _CALLERS:
        marks = (_mark(asked, dialect, apis) for dialect, apis in _PROVIDERS.values())
        lines.append(f"| {asked} | " + " | ".join(marks) + " |")
    lines.append(_FLAVOURS + "\n".join(_quirky(*row) for row in QUIRKS.items() if row[0] != "sim"))
    lines.append(_LEGEND)
    for title, tables in _SECTIONS:
        lines += [f"## {title}", ""]
        for name, rows in tables:
            lines += [f"### {name}", "", "| field | | noun | |", "|---|---|---|---|"]
            lines += [_line(row) for row in rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _mark(asked: str, dialect: str, apis: frozenset[str]) -> str:
    way = passage(asked, dialect, apis, Capabilities())
    return "–" if way is None else "=" if way.native else "→"


def _quirky(flavour: str, quirks: Quirks) -> str:
    limit = "new models: " * (quirks.developer is not None) + f"`{quirks.max_tokens}`"
    renamed = ", ".join(f"`{usual}` is `{own}`" for usual, own in quirks.renamed)
    left_out = {*quirks.refuses, *(() if quirks.asks_usage else ("stream_options",))}
    named = ", ".join(f"`{name}`" for name in sorted(left_out))
    thinking = ", ".join(f"`{name}`" for name in sorted(quirks.lacks_thinking - left_out))
    gone = "; while it thinks ".join(part for part in (named, thinking) if part)
    gone = gone if named or not thinking else f"while it thinks {gone}"
    return f"| {flavour} | {limit} | {renamed} | {gone} | {'mended' if quirks.odd_words else 'as they are'} |"


def _line(row: Row) -> str:
    note = row.note if not row.needs else f"{row.note}; needs `{row.needs}`".removeprefix("; ")
    noun = f"`{row.noun}`" if row.noun else ""
    return f"| `{_cell(row.field)}` | {row.verdict} | {noun} | {_cell(note)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())

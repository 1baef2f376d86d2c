"""What a provider's message or delta says beside calls: texts, thoughts, refusals, sources, images, sounds.

Whole messages and pieces of streams have the same fields; both are read here.
"""

from collections.abc import Iterator

from gateway.chat import Citation, Json, JsonObject, Logprob, Media
from gateway.dialects.chat.reasoning import THOUGHTS
from gateway.dialects.chat.signatures import EXTRA
from gateway.dialects.data_url import attached
from gateway.dialects.said_fields import count, decimal, dicts, inside, no_answer, unknown_in, word
from gateway.errors import UPSTREAM_INVALID, GatewayError

#: Of a message or delta.
_READ = THOUGHTS | {
    "role", "content", "refusal", "annotations", "audio", "images", "tool_calls", "function_call", EXTRA, "name"
}  # fmt: skip
_IMAGES, _SOUND = "images", "audio/"


def no_completion() -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, "The provider's answer is not the completion it should be.")


def texts_of(content: Json) -> Iterator[tuple[bool, str]]:
    """(whether it is a thought, the text) of each piece: content is a string, or Mistral's parts.

    Raises GatewayError for what is neither.
    """
    if isinstance(content, str):
        if content:
            yield False, content
        return
    if content is not None and not isinstance(content, list):
        raise no_answer("content")
    for part in content or ():
        if not isinstance(part, dict):
            raise no_answer("content")
        thought = part.get("thinking")
        inner = thought if isinstance(thought, list) else (part,) if thought is None else (thought,)
        for one in inner:
            said = one.get("text") if isinstance(one, dict) else one
            if said is not None and not isinstance(said, str):
                raise no_answer("content")
            if said:
                yield thought is not None, said


def says_something(delta: JsonObject) -> bool:
    """Beyond whose it is."""
    return any(value for name, value in delta.items() if name != "role")


def unread_of(message: JsonObject) -> tuple[str, ...]:
    """What a message or a delta says in words that nobody here knows: fields, kinds of parts, sources that are no
    address.
    """
    content, notes = message.get("content"), message.get("annotations")
    if not notes and not isinstance(content, list) and message.keys() <= _READ:
        return ()
    found = unknown_in(message, _READ)
    found += unread_parts(content)
    if notes and len(citations_of(message)) < (len(notes) if isinstance(notes, list) else 1):
        found.append("annotations")
    return tuple(found)


def unread_parts(content: Json) -> list[str]:
    """The kinds of its parts that are neither texts nor thoughts."""
    return [kind for part in dicts(content) for kind in _unread_part(part)]


def _unread_part(part: JsonObject) -> Iterator[str]:
    thought = part.get("thinking")
    for one in dicts(thought) if isinstance(thought, list) else (part,) if thought is None else ():
        if one.get("text") is None:
            yield word(one, "type") or "content"


def citations_of(message: JsonObject) -> tuple[Citation, ...]:
    """Of what it says; other annotations than sources on the web are passed over."""
    sources = (inside(one, "url_citation") for one in dicts(message.get("annotations")))
    return tuple(
        Citation(url, word(source, "title"), count(source, "start_index"), count(source, "end_index"))
        for source in sources
        if (url := word(source, "url"))
    )


def images_of(message: JsonObject) -> Iterator[Media]:
    for one in dicts(message.get("images")):
        url = word(inside(one, "image_url"), "url")
        if url:
            try:
                data = attached(url, _IMAGES)
            except GatewayError:
                raise no_completion() from None  # it is no caller who wrote that
            if data is None:
                yield Media("image", _IMAGES, url=url)
            else:
                yield Media("image", _IMAGES, data.media_type, data.data)


def sound(data: str, form: str) -> Media:
    """`form` is what was asked for: replies do not say it."""
    return Media("audio", "audio", _SOUND + form, data)


def logprobs_of(choice: JsonObject) -> tuple[Logprob, ...]:
    stated = choice.get("logprobs")
    if not isinstance(stated, dict):
        return ()
    return tuple(_logprob(one, dicts(one.get("top_logprobs"))) for one in dicts(stated.get("content")))


def _logprob(one: JsonObject, top: list[JsonObject]) -> Logprob:
    return Logprob(word(one, "token"), decimal(one, "logprob"), tuple(_logprob(other, []) for other in top))

"""What a provider's message or delta says beside calls: texts, thoughts, refusals, sources, images, sounds.

Whole messages and pieces of streams have the same fields; both are read here.
"""

from collections.abc import Iterator

from gateway.chat import Citation, Json, JsonObject, Logprob, Media
from gateway.dialects.data_url import attached

_SOUND = "audio/"


def texts_of(content: Json) -> Iterator[tuple[bool, str]]:
    """(whether it is a thought, the text) of each piece: content is a string, or Mistral's parts."""
    if isinstance(content, str):
        if content:
            yield False, content
        return
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        thought = part.get("thinking")
        inner = thought if isinstance(thought, list) else (part,) if thought is None else (thought,)
        for one in inner:
            said = one.get("text") if isinstance(one, dict) else one
            if isinstance(said, str) and said:
                yield thought is not None, said


def citations_of(message: JsonObject) -> tuple[Citation, ...]:
    """Of what it says; other annotations than sources on the web are passed over."""
    annotations = message.get("annotations")
    found = []
    for one in annotations if isinstance(annotations, list) else ():
        source = one.get("url_citation") if isinstance(one, dict) else None
        if isinstance(source, dict) and isinstance(url := source.get("url"), str):
            start, end = _count(source, "start_index"), _count(source, "end_index")
            found.append(Citation(url, _text(source, "title"), start, end))
    return tuple(found)


def images_of(message: JsonObject) -> Iterator[Media]:
    images = message.get("images")
    for one in images if isinstance(images, list) else ():
        inner = one.get("image_url") if isinstance(one, dict) else None
        url = inner.get("url") if isinstance(inner, dict) else None
        if isinstance(url, str) and url:
            data = attached(url, "images")
            yield (
                Media("image", "images", url=url)
                if data is None
                else Media("image", "images", data.media_type, data.data)
            )


def sound(data: str, form: str) -> Media:
    """`form` is what was asked for: replies do not say it."""
    return Media("audio", "audio", _SOUND + form, data)


def logprobs_of(choice: JsonObject) -> tuple[Logprob, ...]:
    stated = choice.get("logprobs")
    content = stated.get("content") if isinstance(stated, dict) else None
    return tuple(_logprobs(content, "top_logprobs")) if content else ()


def _logprobs(tokens: Json, inner: str) -> Iterator[Logprob]:
    for one in tokens if isinstance(tokens, list) else ():
        if isinstance(one, dict) and isinstance(value := one.get("logprob"), int | float):
            top = tuple(_logprobs(one.get(inner), "")) if inner else ()
            yield Logprob(_text(one, "token"), value, top)


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _count(fields: JsonObject, name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else 0

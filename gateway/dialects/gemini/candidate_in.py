"""What a candidate of Gemini's says beside its parts: log probabilities and sources."""

from collections.abc import Iterator

from gateway.chat import Citation, JsonObject, Logprob
from gateway.dialects.said_fields import decimal, dicts, inside, word

_SOURCES = ("citations", "citationSources")  # newer and older


def logprobs(candidate: JsonObject) -> tuple[Logprob, ...]:
    found = inside(candidate, "logprobsResult")
    tops = [dicts(one.get("candidates")) for one in dicts(found.get("topCandidates"))]
    return tuple(
        Logprob(
            word(chosen, "token"),
            decimal(chosen, "logProbability"),
            tuple(Logprob(word(top, "token"), decimal(top, "logProbability")) for top in tops[place])
            if place < len(tops)
            else (),
        )
        for place, chosen in enumerate(dicts(found.get("chosenCandidates")))
    )


def citations(candidate: JsonObject, text: str) -> Iterator[Citation]:
    """Of its text; places are told in bytes, and so found in `text` alone ("": they are not told)."""
    whole = text.encode() if text else b""
    for name in _SOURCES:
        for source in dicts(inside(candidate, "citationMetadata").get(name)):
            if word(source, "uri"):
                yield _citation(word(source, "uri"), word(source, "title"), source, whole)
    metadata = inside(candidate, "groundingMetadata")
    pages = [inside(chunk, "web") for chunk in dicts(metadata.get("groundingChunks"))]
    for support in dicts(metadata.get("groundingSupports")):
        places = support.get("groundingChunkIndices")
        for place in places if isinstance(places, list) else ():
            if isinstance(place, int) and 0 <= place < len(pages) and word(pages[place], "uri"):
                page = pages[place]
                yield _citation(word(page, "uri"), word(page, "title"), inside(support, "segment"), whole)


def _citation(url: str, title: str, segment: JsonObject, whole: bytes) -> Citation:
    start, end = segment.get("startIndex", 0), segment.get("endIndex", 0)
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(whole)):
        return Citation(url, title)
    return Citation(url, title, _characters(whole[:start]), _characters(whole[:end]))


def _characters(data: bytes) -> int:
    return len(data.decode(errors="ignore"))

"""Attachments that callers name by URL: which of them a target cannot get itself, and what takes their place."""

import base64
from collections.abc import Iterator, Mapping

from gateway.capabilities import Capabilities
from gateway.chat import Block, ChatRequest, Media, ToolResult
from gateway.dialects.data_url import Attached, media_type_of
from gateway.dialects.googles import GOOGLES
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.record import replace

_DOCUMENTS = ("application/pdf", "text/")


def to_be_fetched(request: ChatRequest, api: str, can: Capabilities) -> Iterator[Media]:
    """Those that a model that is asked by the provider's `api` cannot get from where they are, and others can."""
    for turn in request.turns:
        for media in attached(turn.blocks):
            gets = can.fetches_urls and _takes_url(media, api)
            if media.url and not gets and GOOGLES.match(media.url) is None:
                yield media


def not_got(media: Media) -> GatewayError:
    """Of what was not fetched, for a model that cannot get it itself."""
    said = (
        f"`{media.at}`: the model that serves this cannot get this {media.kind} by its URL."
        " The gateway gets it for tenants with `fetch_urls`."
    )
    return GatewayError(UNSUPPORTED_VALUE, said, param=media.at)


def _takes_url(media: Media, api: str) -> bool:
    """Whether the API has a place for the URL of such a thing."""
    if api == "chat":
        return media.kind == "image"
    if api == "messages":
        return media.kind == "image" or media.media_type in ("", "application/pdf")
    return True


def fetched(media: Media, stated: str, data: bytes) -> Attached:
    """What the bytes of `media` are, `stated` by who gave them. Raises GatewayError for another kind of thing."""
    text = base64.b64encode(data).decode("ascii")
    media_type = media_type_of(text, stated, media.at)
    fits = media_type.startswith(_DOCUMENTS if media.kind == "document" else f"{media.kind}/")
    if not fits or not data:
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{media.at}`: there is no {media.kind} at this URL.", param=media.at
        )
    return Attached(media_type, text)


def with_contents(
    request: ChatRequest, contents: Mapping[str, Attached], api: str, can: Capabilities
) -> ChatRequest:
    """The request with what was fetched in the place of its URLs, where the model cannot get it itself."""
    wanted = {media.url for media in to_be_fetched(request, api, can)}
    contents = {url: found for url, found in contents.items() if url in wanted}
    if not contents:
        return request
    return replace(
        request,
        turns=tuple(
            replace(turn, blocks=_filled(turn.blocks, contents)) if any(attached(turn.blocks)) else turn
            for turn in request.turns
        ),
    )


def attached(blocks: tuple[Block, ...]) -> Iterator[Media]:
    """Every attachment among them, those of tools' answers, too."""
    for block in blocks:
        if isinstance(block, Media):
            yield block
        elif isinstance(block, ToolResult):
            yield from attached(block.blocks)


def _filled(blocks: tuple[Block, ...], contents: Mapping[str, Attached]) -> tuple[Block, ...]:
    return tuple(_with_content(block, contents) for block in blocks)


def _with_content(block: Block, contents: Mapping[str, Attached]) -> Block:
    if isinstance(block, ToolResult):
        return replace(block, blocks=_filled(block.blocks, contents))
    found = contents.get(block.url) if isinstance(block, Media) else None
    if found is None:
        return block
    assert isinstance(block, Media)
    return replace(block, url="", media_type=found.media_type, data=found.data)

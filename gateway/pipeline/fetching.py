"""Fetching what a request names by URL, for the targets that cannot get it themselves; before it goes anywhere.

Once the limits of its caller's key have let the request in: what is fetched costs us, too.
"""

import asyncio
from collections.abc import Iterable

from gateway.chat import Media
from gateway.dialects.data_url import Attached
from gateway.dialects.named_by_url import fetched
from gateway.errors import REQUEST_TOO_LARGE, UNSUPPORTED_VALUE, GatewayError
from gateway.pipeline.router import Candidates
from gateway.pipeline.translation import Translation
from gateway.upstream.fetch import Fetcher, NotFetchedError

_URLS_MAX = 20
#: Of one request; more is taken by no provider.
_BYTES_MAX = 20 * 1024 * 1024
_SECONDS = 20.0


async def fetch_named(
    translation: Translation, candidates: Candidates, fetcher: Fetcher, tenant: str
) -> None:
    """Raises GatewayError, with the caller's path, for what cannot be fetched."""
    by_url: dict[str, list[Media]] = {}
    for media in translation.to_be_fetched(candidates.every_target):
        by_url.setdefault(media.url, []).append(media)
    if not by_url:
        return
    first = [named[0] for named in by_url.values()]
    if len(first) > _URLS_MAX:
        said = f"A request may name {_URLS_MAX} URLs that have to be fetched."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=first[_URLS_MAX].at)
    translation.contents = await _fetched(first, fetcher, tenant)


async def _fetched(named: Iterable[Media], fetcher: Fetcher, tenant: str) -> dict[str, Attached]:
    """One after the other: how much there is in all is bounded."""
    contents: dict[str, Attached] = {}
    left = _BYTES_MAX
    deadline = asyncio.get_running_loop().time() + _SECONDS
    for media in named:
        try:
            async with asyncio.timeout_at(deadline):
                found = await fetcher.fetch(media.url, tenant)
        except TimeoutError:
            raise _not_fetched(media, "it could not be fetched in time") from None
        except NotFetchedError as error:
            raise _not_fetched(media, str(error)) from None
        left -= len(found.data)
        if left < 0:
            said = f"What the request names by URL is larger than {_BYTES_MAX} bytes together."
            raise GatewayError(REQUEST_TOO_LARGE, said, param=media.at)
        contents[media.url] = fetched(media, found.media_type, found.data)
    return contents


def _not_fetched(media: Media, why: str) -> GatewayError:
    return GatewayError(UNSUPPORTED_VALUE, f"`{media.at}`: {why}.", param=media.at)

"""What only Google's own models can be shown by its name: files in Google's stores, and films that it watches."""

import re

from gateway.chat import Media
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

#: To be matched from the start; a scheme and a host are the same in capitals.
GOOGLES = re.compile(
    r"gs://|files/|https://generativelanguage\.googleapis\.com/"
    r"|https://(?:www\.|m\.)?youtube\.com/|https://youtu\.be/",
    re.IGNORECASE,
)


def check_anybodys(media: Media) -> None:
    """Raises GatewayError for what no other provider's model can get, and nobody can get for it."""
    if GOOGLES.match(media.url) is not None:
        said = f"`{media.at}`: only Google's models can get it from there."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=media.at)

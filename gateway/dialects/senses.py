"""What a model is said not to take in: images, sound, PDFs. Who sends it one is told so, and not the model.

Said by whoever runs the model (`capabilities`): data that are shipped may be wrong or old, and refuse nothing.
"""

from collections.abc import Mapping
from typing import Final

from gateway.chat import ChatRequest, Media
from gateway.dialects.named_by_url import attached
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_SENSES: Final = {"image": "vision", "document": "pdf", "audio": "audio_in"}
#: The flags of `capabilities`.
SENSES = frozenset(_SENSES.values())
_CALLED = {"image": "images", "document": "PDF documents", "audio": "sound"}


def lacks_senses(said: Mapping[str, object]) -> bool:
    """Whether a model of which this is said can be shown some kind of attachment not at all."""
    return any(said.get(sense) is False for sense in SENSES)


def check_shown(request: ChatRequest, said: Mapping[str, object]) -> None:
    """Raises GatewayError for the first attachment that a model of which this is said does not take."""
    for turn in request.turns:
        for media in attached(turn.blocks):
            if said.get(_SENSES[media.kind]) is False and not _is_text(media):
                why = f"this model cannot be shown {_CALLED[media.kind]}"
                raise GatewayError(UNSUPPORTED_VALUE, f"`{media.at}`: {why}.", param=media.at)


def _is_text(media: Media) -> bool:
    return bool(media.text) or media.media_type.startswith("text/")

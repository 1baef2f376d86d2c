"""Work for a provider that speaks as the caller does, and yet not quite: `gateway.dialects.chat.quirks`."""

from functools import partial

from gateway.capabilities import Capabilities
from gateway.dialects.chat.mended_reply import Mender
from gateway.dialects.chat.mended_stream import MendedStream
from gateway.dialects.chat.quirks import quirks_of
from gateway.dialects.chat.request_patch import request_patch
from gateway.dialects.document import Document
from gateway.dialects.losses import Losses
from gateway.pipeline.completion_body import asks_for_usage, streamed_body
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target


def mended(
    native: Work, document: Document, target: Target, can: Capabilities, losses: Losses, frame_max: int
) -> Work:
    """`native` itself where there is nothing to mend. Raises GatewayError for what the target cannot be asked."""
    provider, work = target.provider, native
    patch = request_patch(provider.dialect, provider.flavour, target.model, can)
    if patch is not None and patch.concerns(document):
        sent = document.edited(document.spliced(*patch.edits(document, losses)))
        body = streamed_body(document, sent) if native.stream is not None else sent.with_model
        work = replace(native, body=body, losses=losses, at=None)
    quirks = quirks_of(provider.dialect, provider.flavour)
    if quirks.odd_words:
        stream = None
        if native.stream is not None:
            stream = partial(MendedStream, quirks, losses, not asks_for_usage(document), frame_max)
        mend = Mender(quirks, losses).whole
        work = replace(work, stream=stream, mend=mend, losses=losses, at=None)
    return work

"""A reply that is taken in up to its end before it goes on: JSON, or a stream though nobody asked for one, of which
the JSON is made that it should have been.
"""

from gateway.dialects.losses import Losses
from gateway.dialects.whole_of_stream import Gathering, gathering
from gateway.errors import ReportedError
from gateway.pipeline.reply import Reply, check_other, is_json, is_lines, is_stream, reported
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Bounds
from gateway.upstream.response import Response


def is_taken_whole(work: Work, content_type: bytes) -> bool:
    """Whether a reply of this type to it is the one JSON object that goes on, or can be made it."""
    return is_json(content_type) or _gathering_for(work, content_type, 1, Losses()) is not None


async def read_whole(
    reply: Reply, response: Response, content_type: bytes, bounds: Bounds, limit: int
) -> bytes:
    """The JSON of `response`, one of `reply`'s, of which at most `limit` bytes are taken in.

    Raises UpstreamFailure when it breaks, GatewayError for what is neither JSON nor a stream of a whole answer.
    """
    response.auto_extend = bounds.frame_gap_s
    losses = reply.work.losses or Losses()
    into = _gathering_for(reply.work, content_type, bounds.frame_bytes, losses)
    if into is not None:
        whole = await _gathered(reply, response, into, limit)
        if losses.names and reply.work.losses is None:
            reply.work = replace(reply.work, losses=losses)
        return whole
    if not is_json(content_type):
        check_other(reply.work, content_type)
    return await response.read(limit)


def _gathering_for(work: Work, content_type: bytes, frame_max: int, losses: Losses) -> Gathering | None:
    """None for what is no stream, or was asked to be one, or never comes in pieces."""
    if work.stream is not None or not is_stream(content_type):
        return None
    return gathering(work.api, losses, lines=is_lines(content_type), frame_max=frame_max)


async def _gathered(reply: Reply, response: Response, into: Gathering, limit: int) -> bytes:
    try:
        while not into.is_over:
            data = await response.chunk()
            limit -= len(data)
            if limit < 0:
                raise response.oversize()
            into.read(data)
        return into.whole()
    except ReportedError as error:
        raise reported(reply, error) from error

"""`bounds:`: every limit on sizes and times, with the snapshot's defaults."""

from typing import Annotated

from pydantic import Field, Strict

from gateway.settings.schema_types import Count, Seconds, Section, Size
from gateway.settings.snapshot import Bounds

_D = Bounds()

_Depth = Annotated[int, Strict(), Field(ge=1, le=1024)]
_Ratio = Annotated[float, Strict(), Field(ge=1, le=10, allow_inf_nan=False)]


class BoundsSection(Section):
    """Bytes and seconds; past a bound the answer is the status in brackets."""

    body_bytes: Size = Field(default=_D.body_bytes, description="Request body (413).")
    header_count: Count = Field(default=_D.header_count, description="Request headers, in number (431).")
    header_bytes: Size = Field(
        default=_D.header_bytes, description="Request headers, in bytes together (431)."
    )
    url_bytes: Size = Field(default=_D.url_bytes, description="Request target (414).")
    json_depth: _Depth = Field(default=_D.json_depth, description="Nesting of a JSON body (400).")
    header_read_s: Seconds = Field(
        default=_D.header_read_s, description="Until the request's headers are in (408)."
    )
    body_gap_s: Seconds = Field(
        default=_D.body_gap_s, description="Between two pieces of a request body (408)."
    )
    body_read_s: Seconds = Field(
        default=_D.body_read_s, description="Until the whole request body is in (408)."
    )
    connect_s: Seconds = Field(default=_D.connect_s, description="Connecting to a provider, TLS included.")
    first_frame_s: Seconds = Field(
        default=_D.first_frame_s, description="Until a provider's first frame (504)."
    )
    first_frame_reasoning_s: Seconds = Field(
        default=_D.first_frame_reasoning_s, description="The same for reasoning models (504)."
    )
    frame_gap_s: Seconds = Field(
        default=_D.frame_gap_s, description="Between two frames; comments do not count."
    )
    client_stall_s: Seconds = Field(
        default=_D.client_stall_s, description="A caller that does not read is cut off."
    )
    exchange_s: Seconds = Field(default=_D.exchange_s, description="One exchange from arrival to end.")
    stream_buffer_bytes: Size = Field(default=_D.stream_buffer_bytes, description="Buffered per stream.")
    frame_bytes: Size = Field(default=_D.frame_bytes, description="One frame of a stream (502).")
    reply_bytes: Size = Field(
        default=_D.reply_bytes, description="A provider's reply that is not a stream (502)."
    )
    reply_header_bytes: Size = Field(
        default=_D.reply_header_bytes, description="A provider's reply headers (502)."
    )
    spool_bytes: Size = Field(default=_D.spool_bytes, description="Of a multipart body kept in memory.")
    commit_after_s: Seconds = Field(
        default=_D.commit_after_s,
        description="Silence after which a stream is opened to the caller all the same.",
    )
    keep_alive_s: Seconds = Field(
        default=_D.keep_alive_s, description="Silence after which a stream gets a comment."
    )
    attempts_ratio: _Ratio = Field(
        default=_D.attempts_ratio, description="Upstream attempts over requests, in any minute."
    )
    connections: Count = Field(default=_D.connections, description="Callers' connections per worker.")
    upstream_connections: Count = Field(
        default=_D.upstream_connections, description="Connections to one provider per worker."
    )
    upstream_idle: Count = Field(default=_D.upstream_idle, description="Of these, kept open while idle.")
    upstream_idle_s: Seconds = Field(default=_D.upstream_idle_s, description="How long an idle one is kept.")
    shutdown_grace_s: Seconds = Field(
        default=_D.shutdown_grace_s, description="What running exchanges are given to end after SIGTERM."
    )

"""How an exchange with a provider fails: one exception, a dozen kinds.

Nothing else leaves this package on account of a provider: whatever it sends or fails to send, the caller gets
a response or an `UpstreamFailure`. Messages are ours, short, and hold nothing of the request or the reply.
"""

from typing import Literal

Kind = Literal[
    "connect",  # no connection: refused, unreachable, unknown host, refused by the egress proxy
    "connect_timeout",  # no connection, own or free, within bounds.connect_s
    "tls",  # the peer could not prove who it is, or its TLS is not acceptable; no request byte was sent
    "reset",  # the connection broke, or ended before any byte of a reply
    "garbage",  # what came is not a sound HTTP/1.1 response
    "incomplete",  # the reply ended before its framing said so
    "too_large",  # the body is past the limit of `read`
    "timeout",  # no progress in time: no head, no frame
    "exchange_timeout",  # the exchange as a whole took too long
    "no_secret",  # the key's secret cannot be had from where it is kept
    "closed",  # given up on this side: `abort`, `release` before the end, a closed pool
]


class UpstreamFailure(Exception):  # noqa: N818  a way to end, which callers expect
    """An exchange that brought no usable reply, or no further byte of one."""

    def __init__(self, kind: Kind, message: str, *, sent: bool, unanswered: bool = False) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        #: Whether any byte of the request may have reached the provider.
        self.sent = sent
        #: The connection died with no byte of a reply on it: on a reused one, the sign of a stale keep-alive.
        self.unanswered = unanswered

    def __repr__(self) -> str:
        return f"UpstreamFailure({self.kind}: {self.message}, sent={self.sent})"

"""Answers that are bytes: what is passed on as it is, and what is no answer to such a request."""

import gzip

import pytest

from tests.gateway.wire import Reply, exchange, request, settled
from tests.running import ProviderSim, RunningGateway

SOUND = b"ID3" + bytes(range(256)) * 20
MEDIA = {
    "/v1/audio/speech": {"model": "smart", "input": "Hello.", "voice": "alloy"},
    "/v1/images/generations": {"model": "smart", "prompt": "A lighthouse."},
}


async def _answered(
    gateway: RunningGateway, sim: ProviderSim, path: str, kind: str, body: bytes, *headers: str
) -> Reply:
    """What the caller gets when the provider's answer is `body`."""
    lines = "".join(f"{line}\r\n" for line in (f"content-type: {kind}", *headers))
    head = f"HTTP/1.1 200 OK\r\n{lines}content-length: {len(body)}\r\n\r\n"
    sim.script(raw=head.encode() + body, path="*", repeat=2)
    reply = await exchange(gateway, request(MEDIA[path], path=path))
    await settled(gateway)
    return reply


async def test_a_coded_body_keeps_the_name_of_its_coding(gateway: RunningGateway, sim: ProviderSim) -> None:
    packed = gzip.compress(SOUND)
    reply = await _answered(gateway, sim, "/v1/audio/speech", "audio/mpeg", packed, "content-encoding: gzip")
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(reply.body) == SOUND
    sim.reset()
    plain = await _answered(gateway, sim, "/v1/audio/speech", "audio/mpeg", SOUND)
    assert (plain.body, "content-encoding" in plain.headers) == (SOUND, False)


@pytest.mark.parametrize("path", MEDIA)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_json_and_events_are_not_taken_coded(
    gateway: RunningGateway, sim: ProviderSim, path: str, kind: str
) -> None:
    packed = gzip.compress(b'{"data":[]}')
    reply = await _answered(gateway, sim, path, kind, packed, "content-encoding: gzip")
    assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize("path", MEDIA)
@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("text/html", b"<html>Bad gateway</html>", "upstream_invalid_response"),
        ("Text/HTML; charset=utf-8", b"<html>Bad gateway</html>", "upstream_invalid_response"),
        ("application/problem+json", b'{"title":"Bad gateway"}', "upstream_invalid_response"),
        ("application/json", b'{"error":{"message":"Bad gateway"}}', "upstream_error"),
    ],
)
async def test_pages_and_errors_are_no_media(
    gateway: RunningGateway, sim: ProviderSim, path: str, kind: str, body: bytes, code: str
) -> None:
    reply = await _answered(gateway, sim, path, kind, body)
    assert (reply.status, reply.error()["code"]) == (502, code)
    (entry,) = await gateway.log_lines(1)
    assert entry["outcome"] == "error"
    assert len(sim.requests()) == 2  # another key may know better

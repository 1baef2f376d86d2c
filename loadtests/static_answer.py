"""The yardstick: the gateway's own server stack (uvicorn, httptools, uvloop, bare ASGI) answering at once.

Absolute figures move with the machine; a ratio to this one, taken in the same run, does not.

    python -m loadtests.static_answer --port 9102
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from loadtests.canned import answer_body

Message = MutableMapping[str, Any]

_BODY = answer_body()
_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
    ],
}
_END: Message = {"type": "http.response.body", "body": _BODY}


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read the body, as any server of a POST must, and answer."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        pass
    await send(_START)
    await send(_END)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="loadtests.static_answer", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_level="warning",
        # As the gateway sets them: the yardstick is what is left when the gateway is taken out.
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()

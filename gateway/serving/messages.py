"""What the gateway says about itself goes to stderr; stdout is for the request log."""

import logging
import sys


def send_messages_to_stderr(level: str) -> None:
    """`level` as in the settings. uvicorn's life signs are noise below `debug`."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s",
    )
    if level != "debug":
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        logging.getLogger("httpcore2").setLevel(logging.WARNING)

"""`python -m local_models`: both models as a process on a loopback port.

It listens at once and says so; whoever asks before the models are loaded, which takes seconds, waits. Nothing of
what is asked is logged. SIGTERM ends it: answers under way get a second.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from local_models.weights import NotInstalledError, require_installed

#: The gateway goes first.
_NICENESS = 5
_GRACE_S = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status (2 where something is not installed or the port is taken)."""
    parser = argparse.ArgumentParser("local-models", description="Small real models on this machine.")
    parser.add_argument("--port", type=int, default=8092, help="0 = any free port")
    parser.add_argument("--ready-fd", type=int, help="write the ready line to this file descriptor")
    options = parser.parse_args(argv)
    try:
        require_installed()
        listener = socket.create_server(("127.0.0.1", options.port))
    except (NotInstalledError, OSError) as error:
        sys.stderr.write(f"local-models: {error}\n")
        return 2
    line = f"local-models listening on http://127.0.0.1:{listener.getsockname()[1]}\n"
    sys.stdout.write(line)
    sys.stdout.flush()
    if options.ready_fd is not None:
        os.write(options.ready_fd, line.encode())
        os.close(options.ready_fd)
    os.nice(_NICENESS)
    _serve(listener)
    return 0


def _serve(listener: socket.socket) -> None:
    # Imported here: the libraries take a second, and who waits for the address need not.
    import uvicorn

    from local_models.application import application
    from local_models.chat import serve_chat
    from local_models.embedding import EmbeddingModel

    _kept, url = serve_chat()
    config = uvicorn.Config(
        application(EmbeddingModel(), url),
        loop="uvloop",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())

"""The scripted provider as a child process: `python -m gateway.serving.companion FD ARGUMENTS…`.

Ends when the parent does, which provider_sim by itself has no reason to care about.
"""

import os
import sys

from gateway.serving.lifeline import watch_from_thread
from provider_sim.__main__ import main

if __name__ == "__main__":
    watch_from_thread(int(sys.argv[1]), lambda: os._exit(0))
    sys.exit(main(sys.argv[2:]))

"""A provider as a child process: `python -m gateway.serving.companion FD sim|local ARGUMENTS…`.

Ends when the parent does, which neither by itself has a reason to care about.
"""

import os
import sys
from importlib import import_module

from gateway.serving.lifeline import watch_from_thread

_PROGRAMS = {"sim": "provider_sim.__main__", "local": "local_models.__main__"}

if __name__ == "__main__":
    watch_from_thread(int(sys.argv[1]), lambda: os._exit(0))
    status = import_module(_PROGRAMS[sys.argv[2]]).main(sys.argv[3:])
    os._exit(status)  # threads that a library left behind are not waited for

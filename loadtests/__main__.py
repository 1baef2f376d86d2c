"""`python -m loadtests SCENARIO [options]`: one scenario by name."""

from __future__ import annotations

import sys

from loadtests import overhead, queue_cost

USAGE = """\
usage: scripts/load SCENARIO [options]

  overhead    what it costs to have the gateway in the way: latency, CPU, memory
  queue-cost  what 10,000 waiting requests cost: CPU to enter and to go, memory

scripts/load SCENARIO --help tells a scenario's options.
"""

SCENARIOS = {"overhead": overhead.main, "queue-cost": queue_cost.main}


def main(words: list[str]) -> int:
    """The exit status of the scenario; 2 when there is none of that name."""
    if words[:1] in (["--help"], ["-h"]):
        print(USAGE, end="")
        return 0
    if not words or words[0] not in SCENARIOS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    return SCENARIOS[words[0]](words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

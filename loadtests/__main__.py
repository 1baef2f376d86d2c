"""`python -m loadtests SCENARIO [options]`: one scenario by name."""

from __future__ import annotations

import sys
from importlib import import_module

USAGE = """\
usage: kaze loadtest SCENARIO [options]        (scripts/load in a checkout)

  overhead         what it costs to have the gateway in the way: latency, CPU, memory
  queue-cost       what 10,000 waiting requests cost: CPU to enter and to go, memory
  translation-cost what a caller of one dialect costs before a provider of another: CPU a request, a stream's event
  snapshot-cost    what another configuration of 1,000 tenants costs: time until it is in force, memory
  start-time       seconds from `kaze serve` to ready, everything embedded: first and later starts
  ceilings         provider ceilings used to the full and never tripped, by one worker and by several
  noisy-neighbour  two equal tenants, one offering ten times as much
  burst            bursts from idle, which nobody should wait in
  provider-outage  a provider goes away and comes back
  ledger-loss      the shared ledger goes away and comes back empty
  overflow         what waits too long goes to a local model
  mixed-stream     streams and plain answers, output tokens binding
  secret-rotation  a provider secret in an OpenBao is rotated under load
  measured         no scenario: what the runs from ceilings on came to, as rows of a table

kaze loadtest SCENARIO --help tells a scenario's options.
"""

SCENARIOS = {
    "overhead": "loadtests.overhead",
    "queue-cost": "loadtests.queue_cost",
    "translation-cost": "loadtests.translation_cost",
    "snapshot-cost": "loadtests.snapshot_cost",
    "start-time": "loadtests.start_time",
    "ceilings": "loadtests.scenarios.ceilings",
    "noisy-neighbour": "loadtests.scenarios.noisy_neighbour",
    "burst": "loadtests.scenarios.burst",
    "provider-outage": "loadtests.scenarios.provider_outage",
    "ledger-loss": "loadtests.scenarios.ledger_loss",
    "overflow": "loadtests.scenarios.overflow",
    "mixed-stream": "loadtests.scenarios.mixed_stream",
    "secret-rotation": "loadtests.scenarios.secret_rotation",
    "measured": "loadtests.report.measured",
}
"""Each one's module. Only its own is imported: those that measure gateway parts import all of the gateway."""


def main(words: list[str]) -> int:
    """The exit status of the scenario; 2 when there is none of that name."""
    if words[:1] in (["--help"], ["-h"]):
        print(USAGE, end="")
        return 0
    if not words or words[0] not in SCENARIOS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    status: int = import_module(SCENARIOS[words[0]]).main(words[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

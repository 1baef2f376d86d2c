"""`python -m loadtests SCENARIO [options]`: one scenario by name."""

from __future__ import annotations

import sys
from collections.abc import Callable

from loadtests import overhead, queue_cost, snapshot_cost, start_time, translation_cost
from loadtests.report import measured
from loadtests.scenarios import (
    burst,
    ceilings,
    ledger_loss,
    mixed_stream,
    noisy_neighbour,
    overflow,
    provider_outage,
    secret_rotation,
)

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

SCENARIOS: dict[str, Callable[[list[str]], int]] = {
    "overhead": overhead.main,
    "queue-cost": queue_cost.main,
    "translation-cost": translation_cost.main,
    "snapshot-cost": snapshot_cost.main,
    "start-time": start_time.main,
    "ceilings": ceilings.main,
    "noisy-neighbour": noisy_neighbour.main,
    "burst": burst.main,
    "provider-outage": provider_outage.main,
    "ledger-loss": ledger_loss.main,
    "overflow": overflow.main,
    "mixed-stream": mixed_stream.main,
    "secret-rotation": secret_rotation.main,
    "measured": measured.main,
}


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

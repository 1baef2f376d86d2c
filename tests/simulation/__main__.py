"""`scripts/simulate`: runs worlds by their seeds, and tells how to repeat the first that broke something."""

import argparse
import logging
import sys
import time

from tests.simulation.plan import draw
from tests.simulation.world import run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description="Worlds of callers, gateways and providers on virtual time, drawn from seeds and judged by "
        "invariants 1 to 15. Exit status 1 when one is broken; the command that repeats it is printed.",
    )
    parser.add_argument("--seeds", type=_count, default=200, help="how many worlds (default 200)")
    parser.add_argument("--seed", type=int, help="this one only, with what came of it")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default 0)")
    parser.add_argument("--replicas", type=_count, help="gateways in each world (default: as each is drawn)")
    parser.add_argument(
        "--keep-going", action="store_true", help="do not stop at the first that breaks something"
    )
    args = parser.parse_args()
    seeds = [args.seed] if args.seed is not None else range(args.first, args.first + args.seeds)
    logging.disable()  # a world without trouble would be none
    failed = requests = 0
    began = time.monotonic()
    for number, seed in enumerate(seeds, 1):
        report = run(draw(seed, args.replicas))
        requests += len(report.plan.requests)
        if args.seed is not None:
            outcomes = ", ".join(f"{count} {code}" for code, count in sorted(report.outcomes.items()))
            print(f"{len(report.plan.requests)} requests, {report.attempts} attempts: {outcomes}")
        if report.broken:
            failed += 1
            print(f"\nseed {seed} breaks:")
            for line in report.broken:
                print(f"  {line}")
            print(f"again: {report.plan.command}")
            if not args.keep_going:
                return 1
        if sys.stderr.isatty():
            sys.stderr.write(
                f"\r{number} of {len(seeds)} worlds, {requests} requests, {time.monotonic() - began:.0f} s "
            )
    print(f"{len(seeds)} worlds, {requests} requests, {failed} broken, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def _count(text: str) -> int:
    """At least 1; argparse says what is wrong and exits with status 2."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {count}")
    return count


if __name__ == "__main__":
    sys.exit(main())

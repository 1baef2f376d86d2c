"""`kaze provider-sim` and `python -m provider_sim`: the simulator as a process.

Prints one line when it listens; SIGTERM and SIGINT end it with status 0.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
import yaml

from provider_sim.simulator import ProviderSim


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status (2 for a bad limits file or an address in use)."""
    options = _parser().parse_args(argv)
    try:
        limits = _limits(options.limits)
        simulator = ProviderSim(
            limits,
            options.seed,
            host=options.host,
            port=options.port,
            uds=options.uds,
            latency_ms=options.latency_ms,
            tokens_per_s=options.tokens_per_s,
            magic=not options.no_magic,
        )
        return uvloop.run(_serve(simulator, options.uds, options.ready_fd))
    except (ValueError, OSError, yaml.YAMLError) as error:
        sys.stderr.write(f"provider-sim: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "provider-sim", description="A scripted LLM provider with hard ceilings."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 = any free port")
    parser.add_argument("--uds", help="listen on this unix socket instead")
    parser.add_argument("--limits", help="YAML or JSON file of ceilings, per credential and default")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before the first byte of every answer")
    parser.add_argument("--tokens-per-s", type=float, default=0.0, help="speed of answers; 0 = at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-magic", action="store_true", help="never follow [[sim:…]] in prompts")
    parser.add_argument("--ready-fd", type=int, help="also write the ready line to this file descriptor")
    return parser


def _limits(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    loaded: dict[str, Any] | None = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return loaded


async def _serve(simulator: ProviderSim, uds: str | None, ready_fd: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with simulator:
        line = f"provider-sim listening on {simulator.url if uds is None else f'unix:{uds}'}\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        if ready_fd is not None:
            os.write(ready_fd, line.encode())
            os.close(ready_fd)
        await stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What befalls a world at a given second of the load."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.scenario import progress
from loadtests.world.standing import Standing

ROTATED = "another secret for"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """`act` is called `at` seconds into the load; its words go into the report."""

    at: float
    act: Callable[[Standing], str]


def kill_worker(world: Standing) -> str:
    """One worker gone in an instant, with its leases and whoever waited at it."""
    return f"worker {world.kill_worker()} killed"


def restart_ledger(world: Standing) -> str:
    """The ledger gone, and back at once with nothing in it."""
    if world.layout.ledger == "own":
        world.kill("ledger")
        world.start_ledger()
        return "ledger restarted, empty"
    pid = world.kill_embedded_ledger()
    return f"embedded ledger {pid} killed" if pid else "there was no ledger to restart"


def lose_ledger(world: Standing) -> str:
    """The ledger gone."""
    world.kill("ledger")
    return "ledger lost"


def return_ledger(world: Standing) -> str:
    """An empty ledger where the old one was."""
    world.start_ledger()
    return "ledger back, empty"


def lose_provider(sim: str) -> Callable[[Standing], str]:
    """Connections to a provider are refused from now on; up to a second of its log goes with it."""

    def act(world: Standing) -> str:
        world.kill(sim)
        return f"{sim} lost"

    return act


def return_provider(sim: str) -> Callable[[Standing], str]:
    """The provider is there again."""

    def act(world: Standing) -> str:
        world.start_sim(next(one for one in world.layout.sims if one.id == sim))
        return f"{sim} back"

    return act


def set_faults(
    sim: str, fault: dict[str, object] | None, credential: str | None = None
) -> Callable[[Standing], str]:
    """Every request at a provider (by that credential alone) fares so; None: none does any more."""

    def act(world: Standing) -> str:
        url = f"http://127.0.0.1:{world.ports[sim]}/sim/faults"
        rule = {"fault": fault, **({} if credential is None else {"credential": credential})}
        body = None if fault is None else json.dumps(rule).encode()
        request = urllib.request.Request(url, data=body, method="DELETE" if fault is None else "POST")
        with urllib.request.urlopen(request, timeout=5):
            whose = sim if credential is None else f"{sim} for {credential}"
            return f"{whose}: {'no faults' if fault is None else fault}"

    return act


def rotate_secret(sim: str, key: str) -> Callable[[Standing], str]:
    """The provider takes the new secret from now on, beside the old one, and it is in the secret store."""

    def act(world: Standing) -> str:
        set_faults(sim, None)(world)
        world.put_secret(key, next(one for one in world.layout.keys if one.id == key).successor)
        return f"{ROTATED} {key}"

    return act


def disturb(
    world: Standing, began: float, what: Sequence[Disturbance], told: list[tuple[float, str]]
) -> threading.Thread:
    """Let everything befall the world in its time; `told` gets when it did and what it was.

    A disturbance that fails is told as such: what it was to show is then not shown.
    """

    def run() -> None:
        for one in sorted(what, key=lambda one: one.at):
            time.sleep(max(0.0, began + one.at - time.monotonic()))
            try:
                said = one.act(world)
            except (OSError, RuntimeError) as error:
                said = f"FAILED: {error}"
            told.append((time.monotonic() - began, said))
            progress(said)

    thread = threading.Thread(target=run, name="disturbances", daemon=True)
    thread.start()
    return thread

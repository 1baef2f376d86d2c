"""The generator: locust as a library, a process of its own (locust patches the whole interpreter for gevent).

    python -m loadtests.offered.users plan.json folder

A stream is a user. It does not wait for answers: each request is a greenlet on one of the user's persistent
connections, started when it is due. The shape holds one user a stream for as long as the plan says. Prints when
the load began, by the system's monotonic clock; leaves calls, locust's own report and its own costs in the folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, task
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import stats_history

from loadtests.offered.answer import read_answer
from loadtests.offered.call import Call, write_calls
from loadtests.offered.plan import LoadPlan
from loadtests.offered.saturation import GeneratorReport
from loadtests.offered.stream import Stream
from loadtests.slow_readers import allow_many_files

PATH = "/v1/chat/completions"
LEAD_S = 1.0
"""Between the start of the users and the first second of the load: locust looks once a second."""
CONNECTIONS = 8192
PATIENCE_S = 3600.0
"""Longer than any class may wait: giving up is the gateway's to do."""


class OfferedLoad(LoadTestShape):
    """All streams at once, from the beginning to the end of the plan."""

    def __init__(self, plan: LoadPlan) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._users, self._seconds = len(plan.streams), plan.seconds

    def tick(self) -> tuple[int, float] | None:
        """How many users there are to be now."""
        if self.get_run_time() >= LEAD_S + self._seconds:  # type: ignore[no-untyped-call]
            return None
        return self._users, float(min(100, self._users))


class Notebook:
    """All calls, in the order in which they were sent."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.calls: list[Call] = []

    def now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self.began


class Offering(FastHttpUser):
    """A stream, offered."""

    abstract = True
    concurrency = CONNECTIONS
    network_timeout = PATIENCE_S
    max_redirects = 0
    max_retries = 0  # a retry would be a request nobody planned
    plan: LoadPlan
    stream: Stream
    notebook: Notebook

    @task
    def offer(self) -> None:
        """Every request of the stream when it is due."""
        for serial, due in enumerate(self.stream.arrivals(self.plan.seconds, self.plan.seed)):
            gevent.sleep(max(0.0, due - self.notebook.now()))
            gevent.spawn(self._ask, serial, due)
        gevent.sleep(PATIENCE_S)  # the shape ends it

    def _ask(self, serial: int, due: float) -> None:
        stream = self.stream
        call = Call(stream.tenant, stream.priority, stream.model, stream.streaming, due, self.notebook.now())
        self.notebook.calls.append(call)
        headers = {
            "authorization": f"Bearer {self.plan.keys[stream.tenant]}",
            "content-type": "application/json",
            "accept-encoding": "identity",
            "x-gateway-priority": stream.priority,
        }
        with self.client.post(
            PATH, data=stream.body(serial), headers=headers, name=stream.name, catch_response=True,
            stream=stream.streaming,
        ) as response:  # fmt: skip
            read_answer(response, call, stream)
            call.done = self.notebook.now()
            if call.served:
                response.success()
            else:
                response.failure(f"{call.status} {call.code or call.error}")


def users(plan: LoadPlan, notebook: Notebook) -> list[type[Offering]]:
    """A user class for each stream: locust counts and reports by class."""
    return [
        type(f"Stream{number}", (Offering,), {
            "plan": plan, "stream": stream, "notebook": notebook, "fixed_count": 1, "host": plan.url,
        })
        for number, stream in enumerate(plan.streams)
    ]  # fmt: skip


def watch_cpu(notebook: Notebook, cpu: list[tuple[float, float]]) -> None:
    """Note every second which share of a core this process had."""
    wall, used = time.monotonic(), time.process_time()
    while True:
        gevent.sleep(1.0)
        now, spent = time.monotonic(), time.process_time()
        cpu.append((notebook.now(), (spent - used) / (now - wall)))
        wall, used = now, spent


def run(plan: LoadPlan, folder: Path) -> None:
    """Offer the load; leave what came of it in the folder."""
    notebook = Notebook(time.monotonic() + LEAD_S)
    cpu: list[tuple[float, float]] = []
    environment: Any = Environment(user_classes=[*users(plan, notebook)], shape_class=OfferedLoad(plan))
    runner = environment.create_local_runner()
    runner.start_shape()
    print(f"began {notebook.began}", flush=True)
    gevent.spawn(stats_history, runner)
    watching = gevent.spawn(watch_cpu, notebook, cpu)
    runner.shape_greenlet.join()
    watching.kill()
    calls = [*notebook.calls]
    write_calls(folder / "calls.ndjson", calls)
    GeneratorReport(notebook.began, cpu).write(folder / "generator.json")
    (folder / "locust.html").write_text(get_html_report(environment, show_download_link=False))


def main(words: list[str]) -> None:
    """One load as its plan says."""
    allow_many_files()
    run(LoadPlan.read(Path(words[0])), Path(words[1]))


if __name__ == "__main__":
    main(sys.argv[1:])

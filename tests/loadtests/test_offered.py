"""What is offered: open loop, repeatable, and costing exactly what it says."""

import json
from pathlib import Path

import pytest

from loadtests.offered.answer import judged_json, judged_stream, refusal_in
from loadtests.offered.plan import LoadPlan
from loadtests.offered.saturation import GeneratorReport, lateness, saturated
from loadtests.offered.stream import MIX, UNPACED_MIX, Stream, mixed
from provider_sim import ProviderSim
from tests.loadtests.evidence import call
from tests.sim.wire import exchange, post, request, split, unchunked

STREAM = Stream("one", "conversation", "smart", ((0.0, 20.0), (50.0, 0.0), (100.0, 60.0)), 90, 12)


def test_arrivals_are_the_same_for_the_same_seed_and_independent_between_streams() -> None:
    assert list(STREAM.arrivals(200, 1)) == list(STREAM.arrivals(200, 1))
    assert list(STREAM.arrivals(200, 1)) != list(STREAM.arrivals(200, 2))
    other = Stream("two", "conversation", "smart", STREAM.steps)
    assert list(STREAM.arrivals(200, 1)) != list(other.arrivals(200, 1))


def test_a_rate_holds_from_its_step_to_the_next() -> None:
    due = list(STREAM.arrivals(200, 1))
    assert due == sorted(due)
    assert sum(at < 50 for at in due) == pytest.approx(1000, rel=0.1)
    assert not [at for at in due if 50 <= at < 100]
    assert sum(at >= 100 for at in due) == pytest.approx(6000, rel=0.05)
    assert due[-1] < 200
    assert list(STREAM.arrivals(30, 1)) == [at for at in due if at < 30]


def test_a_mix_parts_the_whole_rate() -> None:
    for shares in (MIX, UNPACED_MIX):
        assert sum(stream.steps[0][1] for stream in mixed(((0, 40.0),), shares)) == pytest.approx(40)


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_body_costs_what_the_stream_says(sim: ProviderSim, streaming: bool) -> None:
    stream = Stream("one", "conversation", "smart", ((0, 1),), 90, 12, streaming)
    sim.limits({"default": {"itpm": 10_000, "otpm": 10_000}})
    for serial in (1, 12345):
        status, _, body = await post(sim.port, "/v1/chat/completions", json.loads(stream.body(serial)))
        assert status == 200
        if not streaming:
            assert judged_json(200, body, 12) == ("", "")
    rows = json.loads(split(await exchange(sim.port, request("/sim/series", None, method="GET")))[2])["rows"]
    assert [row[4] for row in rows if row[2] == "taken"] == [90, 90]
    assert sum(row[5] for row in rows) == 24


async def test_a_stream_of_the_simulator_is_whole_and_a_cut_one_is_not(sim: ProviderSim) -> None:
    stream = Stream("one", "conversation", "smart", ((0, 1),), 90, 12, streaming=True)
    _, _, body = await post(sim.port, "/v1/chat/completions", json.loads(stream.body(1)))
    frames = unchunked(body)
    assert judged_stream(b"".join(frames), 12)[1] == ""
    assert "does not end" in judged_stream(b"".join(frames[:-1]), 12)[1]
    assert "frames instead of" in judged_stream(b"".join([*frames[:4], frames[-1]]), 12)[1]
    assert "error inside" in judged_stream(b"".join([b'data: {"error":{}}\n\n', *frames]), 12)[1]


def test_a_stream_that_was_opened_in_line_and_then_refused_is_a_refusal() -> None:
    refusal = b': queued pos=3\n\ndata: {"error":{"code":"queue_full"}}\n\n'
    assert refusal_in(refusal) == "queue_full"
    assert refusal_in(b'data: {"choices":[]}\n\n' + refusal) == "", "it had begun to answer"


def test_what_an_error_body_says() -> None:
    assert judged_json(503, b'{"error":{"code":"queue_full"}}', 1) == ("", "queue_full")
    assert judged_json(502, b"<html>", 1) == ("no JSON", "")
    assert judged_json(200, b'{"usage":{"completion_tokens":3}}', 4)[0] == "3 tokens instead of 4"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = LoadPlan("http://127.0.0.1:1", 5.0, [STREAM], {"one": "secret"}, 7)
    plan.write(tmp_path / "plan.json")
    assert LoadPlan.read(tmp_path / "plan.json") == plan
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0


def test_a_generator_that_cannot_keep_up_is_told() -> None:
    idle = GeneratorReport(0.0, [(float(at), 0.2) for at in range(30)])
    busy = GeneratorReport(0.0, [(float(at), 0.95 if at > 20 else 0.1) for at in range(30)])
    on_time = [call(float(at), at + 0.1) for at in range(100)]
    late = [call(float(at), at + 0.1) for at in range(100)]
    for one in late[:5]:
        one.due -= 0.4
    assert saturated(idle, on_time) == ""
    assert "95%" in saturated(busy, on_time)
    assert lateness(late) == pytest.approx(0.4)
    assert "400 ms late" in saturated(idle, late)

"""Estimates over real sockets: they improve with traffic, show in the metrics, and stand in for lost reports."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.clock import standing, until
from tests.gateway.test_admin_and_log import admin
from tests.gateway.wire import Line, chat, post, request, settled
from tests.running import ADMIN_KEY, ProviderSim, RunningGateway

TEXT = "the keeper of the lighthouse went down to the harbour and said that a storm would come before night "


async def ratios(gateway: RunningGateway) -> dict[tuple[str, str], float]:
    """(sample, le or model) of the family."""
    reply = await admin(gateway, "/metrics", ADMIN_KEY)
    return {
        (
            sample.name.removeprefix("gateway_estimate_ratio"),
            sample.labels.get("le", sample.labels["model"]),
        ): (sample.value)
        for family in text_string_to_metric_families(reply.body.decode())
        if family.name == "gateway_estimate_ratio"
        for sample in family.samples
    }


async def test_the_estimate_improves_with_traffic(gateway: RunningGateway, sim: ProviderSim) -> None:
    """The scripted provider counts a token for four bytes, where prose is first thought to be 0.27 a byte."""
    off = []
    for round_ in (0, 1, 2):
        sums = []
        for number in range(1 if round_ == 0 else 60):
            assert (await post(gateway, chat(TEXT * (5 + number % 7)))).status == 200
            await settled(gateway)
            sums.append((await ratios(gateway))["_sum", "chat"])
        off.append(abs((sums[-1] if len(sums) == 1 else sums[-1] - sums[-2]) - 1))
    assert off[0] > off[1] > off[2] - 0.005
    assert off[2] < 0.03
    found = await ratios(gateway)
    assert found["_count", "chat"] == 121
    assert found["_bucket", "+Inf"] == 121
    assert found["_bucket", "1.1"] - found["_bucket", "0.9"] >= 100


async def test_a_stream_that_was_cut_is_estimated_by_what_streams_were(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    for _ in range(40):
        reply = await post(gateway, chat("[[sim:frames=60]]", stream=True))
        assert reply.status == 200
    await settled(gateway)
    before = (await gateway.log_lines(40))[-1]
    assert before["usage_source"] == "provider"
    per_token = len(reply.body) / before["output_tokens"]
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:frames=400 gap_ms=10]]", stream=True)))
        seen = await line.until(b"\n\n", 100)
        line.writer.transport.abort()
        with standing():
            await until(lambda: sim.stats()["cancelled"] >= 1)
    await settled(gateway)
    entry = (await gateway.log_lines(41))[-1]
    assert (entry["status"], entry["usage_source"]) == (499, "estimated")
    assert entry["output_tokens"] >= 0.9 * len(seen) / per_token
    assert entry["output_tokens"] == pytest.approx(len(seen) / per_token, rel=0.5)


async def test_the_callers_limit_reaches_the_provider_as_written(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    for more in ({"max_tokens": 7}, {"max_completion_tokens": 9}, {}):
        assert (await post(gateway, chat("hello", **more))).status == 200
        sent = json.loads(sim.requests()[-1]["body"])
        assert {name: sent[name] for name in sent if name.startswith("max_")} == more

"""Replies that do not say what they used, and what has no price of its own: never free, and never over the cap."""

import json
from typing import Any

import pytest

from budgets.money import NANO
from storage.database import Database
from tests.gateway.wire import Reply, chat, exchange, post, request, whole_json
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, posted


def priced(sim: ProviderSim, model: str, **changes: Any) -> dict[str, Any]:
    made = budgeted(sim, 100.0, **changes)
    made["models"] = [{"id": "smart", "targets": [f"sim/{model}"]}]
    return made


async def ask(gateway: RunningGateway, path: str, body: dict[str, Any]) -> Reply:
    return await exchange(gateway, request({"model": "smart", **body}, path=path))


async def only_row(gateway: RunningGateway, database: Database) -> dict[str, Any]:
    """All that is in the log, which is what the budget was charged."""
    (row,) = await posted(gateway, database)
    assert (await balance(database))[0] == row["cost_nusd"]
    assert gateway.spending.treasury.readings().open_reservations == 0
    return row


@pytest.mark.parametrize("count", [1, 2])
async def test_a_picture_without_usage_costs_the_most_it_can(
    sim: ProviderSim, stored: Stored, database: Database, count: int
) -> None:
    """Not what its bytes would be as text: a million tokens."""
    async with RunningGateway(priced(sim, "gpt-image-1"), database_dsn=stored.application) as gateway:
        picture = json.dumps({"data": [{"b64_json": "A" * 3_000_000}]}).encode()
        sim.script(raw=whole_json(picture), path="*")
        reply = await ask(gateway, "/v1/images/generations", {"prompt": "A lighthouse.", "n": count})
        assert reply.status == 200
        row = await only_row(gateway, database)
        assert row["source"] == "unknown"
        # 1024 × 1536 in high quality: a quarter dollar.
        assert 0.2 * NANO < row["cost_nusd"] / count < 0.3 * NANO
        (line,) = await gateway.log_lines(1)
        assert line["cost_usd"] == pytest.approx(row["cost_nusd"] / NANO)


async def test_speech_is_not_free_of_charge_for_its_sound(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(priced(sim, "gpt-4o-mini-tts"), database_dsn=stored.application) as gateway:
        reply = await ask(gateway, "/v1/audio/speech", {"input": "Hello.", "voice": "alloy"})
        assert reply.status == 200 and reply.body
        row = await only_row(gateway, database)
        assert (row["source"], row["cost_nusd"] > 0.19 * NANO) == ("unknown", True)


async def test_an_unknown_price_is_the_worst_and_flagged(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(priced(sim, "never-heard-of"), database_dsn=stored.application) as gateway:
        assert (await ask(gateway, "/v1/moderations", {"input": "x"})).status == 200
        row = await only_row(gateway, database)
        assert row["cost_nusd"] > 0 and row["price_version"].startswith("unknown")


async def test_an_estimate_stays_within_what_the_caller_allowed(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    """A provider that reports nothing, and says more than it may."""
    async with RunningGateway(priced(sim, "gpt-4o-mini"), database_dsn=stored.application) as gateway:
        message = {"role": "assistant", "content": "word " * 50_000}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        sim.script(raw=whole_json(json.dumps({"choices": choices}).encode()))
        assert (await post(gateway, chat(max_tokens=10))).status == 200
        row = await only_row(gateway, database)
        assert (row["source"], row["output_tokens"]) == ("estimated", 10)


async def test_what_goes_on_in_the_background_costs_what_was_held(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(priced(sim, "gpt-4o-mini"), database_dsn=stored.application) as gateway:
        queued = {"id": "resp_1", "object": "response", "status": "queued", "usage": None, "output": []}
        sim.script(raw=whole_json(json.dumps(queued).encode()), path="*")
        limits = {"input": "Hello.", "background": True, "max_output_tokens": 5_000}
        assert (await ask(gateway, "/v1/responses", limits)).status == 200
        row = await only_row(gateway, database)
        assert row["source"] == "unknown" and row["cost_nusd"] >= 5_000 * 600


async def test_one_that_reports_is_charged_what_it_says(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(priced(sim, "gpt-image-1"), database_dsn=stored.application) as gateway:
        usage = {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106}
        body = json.dumps({"data": [{"b64_json": "AAAA"}], "usage": usage}).encode()
        sim.script(raw=whole_json(body), path="*")
        await ask(gateway, "/v1/images/generations", {"prompt": "A lighthouse."})
        row = await only_row(gateway, database)
        assert (row["source"], row["output_tokens"]) == ("provider", 1056)


@pytest.mark.parametrize("enforce", ["hard", "soft"])
async def test_a_batch_is_not_begun_on_a_hard_budget(
    sim: ProviderSim, stored: Stored, database: Database, enforce: str
) -> None:
    config = budgeted(sim, 1.0, enforce)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        body = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % part
            for part in ((b"purpose", b"", b"batch"), (b"file", b'; filename="a.jsonl"', b"{}"))
        )
        kind = "content-type: multipart/form-data; boundary=b\r\n"
        upload = request(body + b"--b--\r\n", path="/v1/files", headers=kind)
        file = await exchange(gateway, upload)
        assert file.status == 200  # keeping a file costs nothing that is accounted
        batch = {
            "input_file_id": json.loads(file.body)["id"],
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        reply = await exchange(gateway, request(batch, path="/v1/batches"))
        if enforce == "hard":
            assert (reply.status, reply.error()["code"]) == (403, "budget_cannot_cover")
            assert "a:day" in reply.error()["message"]
        else:
            assert reply.status in (200, 400)  # the provider's own word
        assert await posted(gateway, database) == []

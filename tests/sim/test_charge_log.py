"""The log of what ceilings were asked for: exact, complete, refused requests included."""

import json
from typing import Any

from provider_sim import ProviderSim
from provider_sim.charge_log import ChargeLog
from tests.sim.wire import chat, exchange, post, request, split

PATH = "/v1/chat/completions"


async def series(sim: ProviderSim, since: int = 0) -> dict[str, Any]:
    reply = await exchange(sim.port, request(f"/sim/series?since={since}", None, method="GET", key=None))
    made: dict[str, Any] = json.loads(split(reply)[2])
    return made


async def test_every_ask_is_a_row_and_refused_ones_say_what_they_wanted(sim: ProviderSim) -> None:
    sim.limits({"credentials": {"k": {"rpm": 1, "itpm": 1000, "otpm": 1000}}})
    for _ in range(2):
        await post(sim.port, PATH, chat("[[sim:frames=7]] x", max_tokens=9))
    made = await series(sim)
    assert [(row[1], row[2]) for row in made["rows"]] == [("k", "taken"), ("k", "produced"), ("k", "refused")]
    taken, produced, refused = made["rows"]
    assert taken[3] == refused[3] == 1 and taken[4] == refused[4] > 0
    assert produced[5] == 7
    assert 0 <= taken[0] <= produced[0] <= refused[0] <= made["now"]


async def test_a_reader_goes_on_where_it_was(sim: ProviderSim) -> None:
    sim.limits({"default": {"rpm": 100}})
    await post(sim.port, PATH, chat("x"))
    first = await series(sim)
    assert (await series(sim, first["next"]))["rows"] == []
    await post(sim.port, PATH, chat("x"))
    assert [row[2] for row in (await series(sim, first["next"]))["rows"]][:1] == ["taken"]


async def test_credentials_without_ceilings_are_not_in_it(sim: ProviderSim) -> None:
    await post(sim.port, PATH, chat("x"))
    assert (await series(sim))["rows"] == []


async def test_who_finds_no_place_is_refused_in_it_too(sim: ProviderSim) -> None:
    sim.limits({"default": {"concurrency": 0}})
    assert (await post(sim.port, PATH, chat("x")))[0] == 429
    assert [row[2:] for row in (await series(sim))["rows"]] == [["refused", 0, 0, 0, 0]]


def test_what_was_forgotten_before_it_was_read_is_counted() -> None:
    log = ChargeLog(rows_max=3)
    for _ in range(5):
        log.add("k", "taken", {"requests": 1})
    assert (len(log.as_json()["rows"]), log.as_json()["lost"], log.as_json(since=4)["lost"]) == (3, 2, 0)
    assert len(log.as_json(since=4)["rows"]) == 1

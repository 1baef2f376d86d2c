"""Scripts, control endpoints and the command."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.sim.wire import chat, exchange, post, request, split, unchunked

PATH = "/v1/chat/completions"


async def test_scripts_are_used_once_in_order_and_by_credential(sim: ProviderSim) -> None:
    sim.script("for all")
    sim.script("for a", credential="a")
    said = [json.loads((await post(sim.port, PATH, chat("x"), key=key))[2]) for key in ("a", "b", "b")]
    texts = [body["choices"][0]["message"]["content"] for body in said]
    assert texts[:2] == ["for a", "for all"] and "x" in texts[2]


async def test_a_script_says_tools_usage_pieces_and_raw_bytes(sim: ProviderSim) -> None:
    calls = [{"name": "f", "arguments": "{broken", "id": "call_1"}]
    sim.script(tool_calls=calls, usage={"input": 5, "output": 6, "cached": 2})
    body = json.loads((await post(sim.port, PATH, chat("x")))[2])
    call = body["choices"][0]["message"]["tool_calls"][0]
    assert (call["id"], call["function"]["arguments"]) == ("call_1", "{broken")
    assert (
        body["usage"]["prompt_tokens"] == 5 and body["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    )
    sim.script(pieces=["a", "", "bé"])
    frames = unchunked((await post(sim.port, PATH, chat("x", stream=True)))[2])
    assert [json.loads(f[6:])["choices"][0]["delta"].get("content") for f in frames[1:4]] == ["a", "", "bé"]
    sim.script(raw="HTTP/1.1 299 Odd\r\n\r\nbytes")
    assert await exchange(sim.port, request(PATH, chat("x"))) == b"HTTP/1.1 299 Odd\r\n\r\nbytes"
    sim.script(status=418, headers={"content-type": "text/tea", "x-a": "b"}, body="short")
    status, headers, content = await post(sim.port, PATH, chat("x"))
    assert (status, headers["content-type"], headers["x-a"], content) == (418, "text/tea", "b", b"short")
    sim.script(chunks=["data: 1\n\n", "data: [DO", "NE]\n\n"], headers={"content-type": "text/event-stream"})
    assert unchunked((await post(sim.port, PATH, chat("x")))[2]) == [b"data: 1\n\n", b"data: [DO", b"NE]\n\n"]
    sim.script(path="/v1/emb*", body={"data": []})
    assert (await post(sim.port, "/v1/embeddings", {"model": "embed", "input": "x"}))[2] == b'{"data":[]}'


async def test_the_control_endpoints(sim: ProviderSim) -> None:
    async def control(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, _, made = split(await exchange(sim.port, request(path, body, method=method, key=None)))
        return status, json.loads(made)

    assert await control("POST", "/sim/script", {"answers": [{"text": "a"}, {"text": "b"}]}) == (
        200,
        {"queued": 2},
    )
    assert (await control("POST", "/sim/script", {"txt": "a"}))[0] == 400
    assert await control("POST", "/sim/faults", {"fault": {"status": 500}, "count": 1}) == (200, {"rules": 1})
    assert (await control("GET", "/sim/faults"))[1]["rules"][0]["fault"] == {"status": 500}
    assert (await control("POST", "/sim/faults", {"fault": {"nope": 1}}))[0] == 400
    assert (await post(sim.port, PATH, chat("x")))[0] == 500
    assert (await control("POST", "/sim/limits", {"default": {"rpm": 1}}))[1]["default"]["rpm"] == 1
    await post(sim.port, PATH, chat("first"))
    status, stats = await control("GET", "/sim/stats?requests=1&series=1&credential=k")
    assert status == 200 and stats["credentials"]["k"]["requests"] == 2
    assert json.loads(stats["requests"][0]["body"])["messages"][0]["content"] == "first"
    assert sum(row[1] for row in stats["series"]["k"]) == 2
    series = (await control("GET", "/sim/series"))[1]
    assert series["lost"] == 0 and series["rows"][0][1:4] == ["k", "taken", 1]
    assert (await control("POST", "/sim/reset"))[0] == 200
    assert (await control("GET", "/sim/series"))[1]["rows"] == []
    assert (await control("GET", "/sim/stats"))[1]["total"]["requests"] == 0
    assert (await control("GET", "/sim/nothing"))[0] == 404
    assert (await control("GET", "/sim/health"))[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_and_exits_0(tmp_path: Path, number: signal.Signals) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("credentials: {k: {rpm: 1}}\n")
    command = [sys.executable, "-m", "provider_sim", "--port", "0", "--limits", str(limits), "--no-magic"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith("provider-sim listening on http://127.0.0.1:")
    port = int(line.rsplit(":", 1)[1])
    statuses = [(await post(port, PATH, chat("[[sim:status=500]]")))[0] for _ in range(2)]
    assert statuses == [200, 429]
    process.send_signal(number)
    assert await process.wait() == 0


async def test_the_command_refuses_bad_limits(tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("default: {rpn: 1}\n")
    command = [sys.executable, "-m", "provider_sim", "--port", "0", "--limits", str(limits)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 2 and b"rpn" in errors


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "sim.sock")
    async with ProviderSim(uds=path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request(PATH, chat("[[sim:close]]")))
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

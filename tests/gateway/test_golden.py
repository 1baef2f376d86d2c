"""Wire reference §4, the OpenAI dialect on both sides: what passes untouched, and the little that does not."""

import json

import anthropic
import openai
import pytest

from tests.clock import passes
from tests.gateway.wire import (
    CHAT,
    STOP,
    Line,
    chat,
    chunk,
    exchange,
    get,
    parsed,
    post,
    request,
    settled,
    sse,
    stream,
    whole_json,
)
from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration
from tests.sdk import anthropic_client, openai_client

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


async def test_1_the_body_passes_byte_for_byte_but_for_the_model(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sent = (
        b'{ "temperature": 1.0, "seed":9007199254740993,\n\t"foo": {"b":1e2, "a":[ 1.50,-0.0 ]},"top_p":1E-1 ,'
        b'"model" : "smart", "messages":[{"role":"user","content":"h\\u00e9 \\/ \xc3\xa9"}], "z":null }'
    )
    assert (await post(gateway, sent)).status == 200
    (received,) = sim.requests()
    assert received["body"].encode() == sent.replace(b'"smart"', b'"chat"')


async def test_1_the_reply_passes_byte_for_byte(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = (
        b'{ "id":"chatcmpl-9",\n "object" : "chat.completion","created":1,"model":"gpt-x-2026","odd":1.0,'
        b'"big":12345678901234567890123,"choices":[{"index":0,"message":{"role":"assistant","content":"\\u00e9"},'
        b'"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}\n'
    )
    sim.script(raw=whole_json(body))
    reply = await post(gateway, chat())
    assert (reply.status, reply.body) == (200, body)
    (line,) = await gateway.log_lines(1)
    assert (line["input_tokens"], line["output_tokens"], line["usage_source"]) == (11, 7, "provider")


@pytest.mark.parametrize("gap", ["", " "])
async def test_3_usage_is_asked_for_and_kept_from_who_did_not_ask(
    gateway: RunningGateway, sim: ProviderSim, gap: str
) -> None:
    usage = json.dumps({"choices": [], "usage": USAGE}, separators=(f",{gap}", f":{gap}"))
    body = sse(chunk(role="x"), chunk("Hel"), chunk("lo"), STOP, usage)
    sim.script(raw=body)
    reply = await post(gateway, chat(stream=True))
    sent = json.loads(sim.requests()[0]["body"])
    assert sent["stream_options"] == {"include_usage": True}
    kept = body.partition(b"\r\n\r\n")[2].replace(b"data: " + usage.encode() + b"\n\n", b"")
    assert (reply.body, reply.whole) == (kept, True)
    (line,) = await gateway.log_lines(1)
    assert (line["input_tokens"], line["output_tokens"], line["usage_source"]) == (11, 7, "provider")


async def test_3_other_stream_options_stay(gateway: RunningGateway, sim: ProviderSim) -> None:
    await post(gateway, chat(stream=True, stream_options={"include_obfuscation": False}))
    sent = json.loads(sim.requests()[0]["body"])
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


async def test_4_usage_asked_for_is_kept(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = sse(chunk("Hello"), STOP, json.dumps({"choices": [], "usage": USAGE}))
    sim.script(raw=body)
    reply = await post(gateway, chat(stream=True, stream_options={"include_usage": True}))
    assert reply.body == body.partition(b"\r\n\r\n")[2]
    assert [b'"choices": []' in data for data in reply.data()] == [False, False, True, False]


async def test_6_azures_first_frame_without_choices_stays(gateway: RunningGateway, sim: ProviderSim) -> None:
    first = '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}'
    usage = json.dumps({"choices": [], "usage": USAGE})
    sim.script(raw=sse(first, chunk("Hello"), STOP, usage), repeat=2)
    reply = await post(gateway, chat(stream=True))
    assert reply.data() == [first.encode(), chunk("Hello").encode(), STOP.encode(), b"[DONE]"]
    async with openai_client(gateway) as client:
        chunks = [part async for part in await client.chat.completions.create(**chat(), stream=True)]
    assert "".join(part.choices[0].delta.content or "" for part in chunks if part.choices) == "Hello"


async def test_7_comments_of_the_provider_are_no_content_and_are_not_relayed(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    comments = b": OPENROUTER PROCESSING\n\n" * 20
    sim.script(raw=stream(comments), repeat=2)  # nothing was said: another provider key may be asked
    sim.script(raw=stream(comments + sse(chunk("Hello"), STOP).partition(b"\r\n\r\n")[2]), repeat=2)
    refused = await post(gateway, chat(stream=True))
    assert (refused.status, refused.error()["code"]) == (502, "upstream_incomplete")
    reply = await post(gateway, chat(stream=True))
    assert b"OPENROUTER" not in reply.raw
    assert reply.text() == "Hello"
    async with openai_client(gateway) as client:
        chunks = [part async for part in await client.chat.completions.create(**chat(), stream=True)]
    assert [part.choices[0].delta.content for part in chunks] == ["Hello", None]


async def test_9_what_sdks_stumble_over_is_stripped(gateway: RunningGateway, sim: ProviderSim) -> None:
    odd = (
        b"\xef\xbb\xbfretry: 100\n\nevent: ping\n\nid: 7\nretry: 3\ndata: " + chunk("Hel").encode() + b"\n\n"
    )
    rest = b"id: 8\n\n" + sse(chunk("lo"), STOP).partition(b"\r\n\r\n")[2]
    sim.script(raw=stream(odd + rest), repeat=2)
    reply = await post(gateway, chat(stream=True))
    assert reply.body == sse(chunk("Hel"), chunk("lo"), STOP).partition(b"\r\n\r\n")[2]
    async with openai_client(gateway) as client:
        chunks = [part async for part in await client.chat.completions.create(**chat(), stream=True)]
    assert "".join(part.choices[0].delta.content or "" for part in chunks) == "Hello"


async def test_12_a_finished_stream_without_its_marker_gets_one(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sim.script(raw=sse(chunk("Hello"), STOP, done=False))
    reply = await post(gateway, chat(stream=True))
    assert reply.data() == [chunk("Hello").encode(), STOP.encode(), b"[DONE]"]
    assert reply.whole


async def test_13_a_stream_that_dies_is_never_made_to_look_finished(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sim.script(raw=sse(chunk("a"), chunk("b"), chunk("c"), done=False), repeat=2)
    reply = await post(gateway, chat(stream=True))
    assert reply.text() == "abc"
    failure = reply.failure()
    assert (failure["code"], failure["type"], failure["param"]) == (
        "upstream_incomplete",
        "server_error",
        None,
    )
    assert b'finish_reason":"' not in reply.body
    assert reply.whole  # the frame is the end; the HTTP framing is sound
    async with openai_client(gateway) as client:
        with pytest.raises(openai.APIError) as caught:
            async for _ in await client.chat.completions.create(**chat(), stream=True):
                pass
    assert caught.value.code == "upstream_incomplete"
    lines = await gateway.log_lines(2)
    assert {(line["outcome"], line["code"]) for line in lines} == {("error", "upstream_incomplete")}
    assert all(line["output_tokens"] > 0 and line["usage_source"] == "estimated" for line in lines)


async def test_15_an_error_chunk_becomes_the_error_frame_only(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    bad = chunk("", finish_reason="error", error={"code": 502, "message": "Provider disconnected"})
    frames = [f"data: {event}\n\n" for event in (chunk("Hello"), bad, "[DONE]")]
    sim.script(chunks=frames, headers={"content-type": "text/event-stream"}, gap_ms=10_000)
    async with Line(gateway) as line:
        line.send(request(chat(stream=True)))
        received = await line.until(b"\n\n")
        await passes(10)
        reply = parsed(received + await line.rest())
    assert len(reply.data()) == 2
    assert reply.failure() == {
        "message": "Provider disconnected",
        "type": "upstream_error",
        "param": None,
        "code": "upstream_error",
    }


async def test_16_usage_in_x_groq_is_recorded(gateway: RunningGateway, sim: ProviderSim) -> None:
    last = chunk(finish_reason="stop", x_groq={"id": "req_1", "usage": USAGE})
    sim.script(raw=sse(chunk("Hello"), last))
    reply = await post(gateway, chat(stream=True))
    assert reply.data() == [chunk("Hello").encode(), last.encode(), b"[DONE]"]
    (line,) = await gateway.log_lines(1)
    assert (line["input_tokens"], line["output_tokens"], line["usage_source"]) == (11, 7, "provider")


async def test_16_a_usage_chunk_is_made_for_who_asked(gateway: RunningGateway, sim: ProviderSim) -> None:
    last = chunk(finish_reason="stop", x_groq={"id": "req_1", "usage": USAGE})
    sim.script(raw=sse(chunk("Hello"), last))
    reply = await post(gateway, chat(stream=True, stream_options={"include_usage": True}))
    made = json.loads(reply.data()[-2])
    assert made["choices"] == []
    assert made["usage"] == USAGE


async def test_104_one_bad_credential_is_not_felt(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=401, count=1)
    reply = await post(gateway, chat())
    assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "2")
    assert len({received["credential"] for received in sim.requests()}) == 2


@pytest.mark.parametrize(
    ("status", "told", "code"),
    [
        (401, 502, "upstream_auth_failed"),
        (402, 429, "insufficient_quota"),
        (403, 403, "insufficient_permissions"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_104_our_credentials_are_never_the_callers_fault(
    gateway: RunningGateway, sim: ProviderSim, status: int, told: int, code: str, streamed: bool
) -> None:
    sim.fault(status=status, echo=True)
    reply = await post(gateway, chat(stream=streamed))
    assert (reply.status, reply.error()["code"], len(sim.requests())) == (told, code, 2)
    assert reply.headers.get("x-should-retry") == ("false" if told != 403 else None)
    assert b"canary" not in reply.raw
    await settled(gateway)


async def test_105_models_on_the_path_both_sdks_share(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client:
        assert [model.id async for model in await client.models.list()] == ["smart", "org/m:x"]
    async with anthropic_client(gateway) as claude:
        assert [model.id async for model in await claude.models.list(limit=1)] == ["smart", "org/m:x"]
    for path in ("/v1/models/org%2Fm%3Ax", "/v1/models/org/m:x", "/models/org%2fm:x"):
        reply = await get(gateway, path)
        assert (reply.status, json.loads(reply.body)["id"]) == (200, "org/m:x")
    for path in ("/v1/models/sim/chat", "/v1/models/sim%2Fchat", "/models/sim%2Fsome%2Fmodel"):
        assert (await get(gateway, path)).status == 200
    for name in (
        "sim",
        "sim/",
        "sim%2F",
        "nobody/chat",
        "sim/a%20b",
        "sim/%00",
        "sim/%C3%BC",
        "sim/" + "x" * 300,
    ):
        assert (await get(gateway, f"/v1/models/{name}")).error()["code"] == "model_not_found"
    missing = await get(gateway, "/v1/models/none", headers="anthropic-version: 2023-06-01\r\n")
    assert (missing.status, json.loads(missing.body)["error"]["type"]) == (404, "not_found_error")


async def test_what_is_known_of_a_model_is_in_its_entry(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url, capabilities={"gpt-5": {"max_out": 1000, "audio_in": True}})
    config["models"] = [
        {"id": "smart", "targets": ["sim/gpt-5", "sim/gpt-4o"]},
        {"id": "own", "targets": ["sim/of-my-own"]},
    ]
    async with RunningGateway(config) as gateway:
        for path in ("/v1/models/smart", "/v1/models/sim/gpt-5"):
            entry = json.loads((await get(gateway, path)).body)
            assert (entry["max_input_tokens"], entry["max_tokens"]) == (400_000, 1000)
            can = entry["supports"]
            assert can["tools"] and can["vision"] and can["audio_in"] and can["reasoning"]
            assert not can["video_in"] and not can["image_out"]
        own = json.loads((await get(gateway, "/v1/models/own")).body)
        assert (own["max_input_tokens"], own["max_tokens"], own["supports"]) == (None, None, {})
        async with anthropic.AsyncAnthropic(
            base_url=gateway.url, api_key=TENANT_KEY, max_retries=0
        ) as claude:
            found = await claude.models.retrieve("smart")
            assert (found.max_input_tokens, found.max_tokens) == (400_000, 1000)


async def test_legacy_and_embeddings_pass_untouched_too(gateway: RunningGateway, sim: ProviderSim) -> None:
    completion = b'{"id":"cmpl-1","object":"text_completion","choices":[{"text":"x","index":0}],"usage":null}'
    embedding = (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,2.50]}],"model":"m"}'
    )
    for path, field, answer in (
        ("/v1/completions", "prompt", completion),
        ("/v1/embeddings", "input", embedding),
    ):
        sim.script(raw=whole_json(answer), path="*")
        sent = b'{"' + field.encode() + b'": "x","model":"smart" ,"dim":1.0}'
        reply = await exchange(gateway, request(sent, path=path))
        assert reply.body == answer
        assert sim.requests()[-1]["body"].encode() == sent.replace(b"smart", b"chat")


async def test_a_form_passes_but_for_its_model(gateway: RunningGateway, sim: ProviderSim) -> None:
    parts = [
        b'--XyZ\r\nContent-Disposition: form-data; name="model"\r\n\r\nsmart\r\n',
        b'--XyZ\r\nContent-Disposition: form-data; name="odd field"\r\n\r\n 1.0 \r\n',
        b'--XyZ\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xa9 a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n--Xy\r\n\x00\xff\r\n--XyZ--not\r\n",
    ]
    body = b"".join(parts) + b"--XyZ--\r\n"
    reply = await exchange(
        gateway,
        request(
            body,
            path="/v1/audio/transcriptions",
            headers="content-type: multipart/form-data; boundary=XyZ\r\n",
        ),
    )
    assert reply.status == 200
    received = sim.requests()[0]["body"]
    assert "smart" not in received
    assert '"odd field"' in received
    assert "\r\n\r\n 1.0 \r\n" in received


async def test_every_path_is_served_with_and_without_version(gateway: RunningGateway) -> None:
    for path in (CHAT, "/chat/completions", "/chat/completions/"):
        assert (await exchange(gateway, request(chat(), path=path))).status == 200


async def test_a_model_by_its_providers_name_is_there_for_whom_may_use_the_provider(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    config["pools"] = [{**config["pools"][1], "models": ["chat*"]}]  # tenant a's alone, for some models
    async with RunningGateway(config) as gateway:
        assert (await get(gateway, "/v1/models/sim/chat-2")).status == 200
        assert (await get(gateway, "/v1/models/sim/embed")).status == 404
        assert (await get(gateway, "/v1/models/sim/chat-2", key=OTHER_KEY)).status == 404

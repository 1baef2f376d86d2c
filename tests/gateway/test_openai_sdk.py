"""The official OpenAI SDK against the gateway, as an application engineer uses it."""

import asyncio
import io

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway
from tests.sdk import anthropic_client, openai_client

HELLO = [{"role": "user", "content": "Say hello to the lighthouse."}]


async def test_chat(by_openai: AsyncOpenAI) -> None:
    reply = await by_openai.chat.completions.create(model="smart", messages=HELLO)
    assert "lighthouse" in (reply.choices[0].message.content or "")
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 0


async def test_chat_says_what_served_it(by_openai: AsyncOpenAI) -> None:
    raw = await by_openai.chat.completions.with_raw_response.create(model="sim/chat", messages=HELLO)
    assert raw.headers["x-gateway-provider"] == "sim"
    assert raw.headers["x-gateway-key"] in ("one", "two")
    assert raw.headers["x-gateway-model"] == "chat"
    assert raw.headers["x-gateway-attempts"] == "1"
    assert raw.headers["x-request-id"] == raw.headers["request-id"]
    assert raw.headers["x-request-id"].startswith("req_")
    assert "server-timing" in raw.headers


async def test_chat_stream(by_openai: AsyncOpenAI) -> None:
    text, last = "", None
    async for chunk in await by_openai.chat.completions.create(model="smart", messages=HELLO, stream=True):
        assert chunk.usage is None
        assert chunk.choices
        text += chunk.choices[0].delta.content or ""
        last = chunk.choices[0].finish_reason or last
    assert "lighthouse" in text
    assert last == "stop"


async def test_chat_stream_with_usage(by_openai: AsyncOpenAI) -> None:
    stream = await by_openai.chat.completions.create(
        model="smart", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


async def test_tools_and_schema_through_the_stream_helper(by_openai: AsyncOpenAI) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    async with by_openai.chat.completions.stream(model="smart", messages=HELLO, tools=[tool]) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.tool_calls
    assert final.choices[0].message.tool_calls[0].function.name == "weather"


async def test_legacy_completions(by_openai: AsyncOpenAI) -> None:
    reply = await by_openai.completions.create(model="sim/chat", prompt="Once upon a lighthouse")
    assert reply.choices[0].text
    parts = [
        part async for part in await by_openai.completions.create(model="sim/chat", prompt="a", stream=True)
    ]
    assert parts[-1].choices[0].finish_reason


async def test_embeddings_in_both_encodings(by_openai: AsyncOpenAI) -> None:
    default = await by_openai.embeddings.create(model="sim/embed", input=["one", "two"])
    floats = await by_openai.embeddings.create(
        model="sim/embed", input=["one", "two"], encoding_format="float"
    )
    assert len(default.data) == 2
    assert default.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert default.data[0].embedding != default.data[1].embedding


async def test_responses(by_openai: AsyncOpenAI) -> None:
    reply = await by_openai.responses.create(
        model="sim/chat", input="Tell the lighthouse.", instructions="Be brief."
    )
    assert "lighthouse" in reply.output_text
    assert "gw1_" in reply.id
    again = await by_openai.responses.retrieve(reply.id)
    assert again.id == reply.id
    following = await by_openai.responses.create(
        model="sim/chat", input="And then?", previous_response_id=reply.id
    )
    assert following.output_text
    await by_openai.responses.delete(reply.id)
    with pytest.raises(openai.NotFoundError) as gone:
        await by_openai.responses.retrieve(reply.id)
    assert f"'{reply.id}'" in gone.value.message, "the caller's id, not the provider's"
    with pytest.raises(openai.BadRequestError) as forgotten:
        await by_openai.responses.create(model="sim/chat", input="And?", previous_response_id=reply.id)
    assert f"'{reply.id}'" in forgotten.value.message


async def test_responses_stream(by_openai: AsyncOpenAI) -> None:
    async with by_openai.responses.stream(model="sim/chat", input="Tell the lighthouse.") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "gw1_" in final.id
    assert (await by_openai.responses.retrieve(final.id)).output_text == final.output_text


async def test_a_foreign_or_unknown_previous_response(
    gateway: RunningGateway, by_openai: AsyncOpenAI
) -> None:
    reply = await by_openai.responses.create(model="sim/chat", input="mine")
    async with openai_client(gateway, OTHER_KEY) as other:
        for previous in (reply.id, "resp_unknown"):
            with pytest.raises(openai.BadRequestError) as caught:
                await other.responses.create(model="sim/chat", input="x", previous_response_id=previous)
            assert caught.value.code == "previous_response_not_found"
        with pytest.raises(openai.NotFoundError):
            await other.responses.retrieve(reply.id)


async def test_files_come_back_to_their_provider_key(gateway: RunningGateway, by_openai: AsyncOpenAI) -> None:
    content = b'{"custom_id":"1"}\n' * 2000
    made = await by_openai.files.create(file=("batch.jsonl", content), purpose="batch")
    assert "gw1_" in made.id
    assert (await by_openai.files.retrieve(made.id)).filename == "batch.jsonl"
    assert (await by_openai.files.content(made.id)).content == content
    batch = await by_openai.batches.create(
        input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert batch.input_file_id == made.id
    assert (await by_openai.batches.retrieve(batch.id)).id == batch.id
    async with openai_client(gateway, OTHER_KEY) as other:
        with pytest.raises(openai.NotFoundError):
            await other.files.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            await other.batches.create(
                input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
    assert (await by_openai.files.delete(made.id)).deleted


async def test_uploads(by_openai: AsyncOpenAI) -> None:
    upload = await by_openai.uploads.create(
        bytes=10, filename="a.jsonl", mime_type="text/jsonl", purpose="batch"
    )
    part = await by_openai.uploads.parts.create(upload.id, data=b"0123456789")
    done = await by_openai.uploads.complete(upload.id, part_ids=[part.id])
    assert done.file is not None
    assert (await by_openai.files.content(done.file.id)).content == b"0123456789"


async def test_audio_and_images(by_openai: AsyncOpenAI) -> None:
    speech = await by_openai.audio.speech.create(model="sim/tts", voice="alloy", input="hello")
    assert len(speech.content) > 10
    heard = await by_openai.audio.transcriptions.create(model="sim/whisper", file=("a.wav", speech.content))
    assert heard.text
    image = await by_openai.images.generate(model="sim/image", prompt="a lighthouse")
    assert image.data
    edited = await by_openai.images.edit(
        model="sim/image", image=("a.png", b"\x89PNG" + b"0" * 100), prompt="x"
    )
    assert edited.data


async def test_a_large_upload_is_spooled_and_arrives_whole(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    content = bytes(range(256)) * 4 * 3000  # 3 MB
    made = await by_openai.files.create(file=io.BytesIO(content), purpose="user_data")
    assert (await by_openai.files.content(made.id)).content == content


async def test_moderations(by_openai: AsyncOpenAI) -> None:
    assert (await by_openai.moderations.create(model="sim/mod", input="hello")).results


async def test_models_for_both_sdks(gateway: RunningGateway, by_openai: AsyncOpenAI) -> None:
    import anthropic

    assert [model.id async for model in await by_openai.models.list()] == ["smart", "org/m:x"]
    assert (await by_openai.models.retrieve("org/m:x")).id == "org/m:x"
    direct = await by_openai.models.retrieve("sim/any-model")
    assert (direct.id, direct.owned_by) == ("sim/any-model", "sim")
    with pytest.raises(openai.NotFoundError):
        await by_openai.models.retrieve("nothing")
    async with anthropic_client(gateway) as claude:
        assert [model.id async for model in await claude.models.list()] == ["smart", "org/m:x"]
        assert (await claude.models.retrieve("smart")).id == "smart"
        with pytest.raises(anthropic.NotFoundError) as caught:
            await claude.models.retrieve("nothing")
        assert caught.value.type == "not_found_error"


async def test_the_synchronous_client(gateway: RunningGateway) -> None:
    def talk() -> tuple[str, str]:
        with OpenAI(base_url=f"{gateway.url}/v1", api_key=TENANT_KEY, max_retries=0) as client:
            whole = client.chat.completions.create(model="smart", messages=HELLO)
            stream = client.chat.completions.create(model="smart", messages=HELLO, stream=True)
            return whole.choices[0].message.content or "", "".join(
                c.choices[0].delta.content or "" for c in stream
            )

    whole, streamed = await asyncio.to_thread(talk)
    assert whole == streamed


async def test_paths_without_version(gateway: RunningGateway) -> None:
    async with AsyncOpenAI(base_url=gateway.url, api_key=TENANT_KEY, max_retries=0) as client:
        assert (await client.chat.completions.create(model="smart", messages=HELLO)).choices


async def test_errors_are_the_sdks_own(gateway: RunningGateway, by_openai: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await by_openai.chat.completions.create(model="gpt-9", messages=HELLO)
    assert missing.value.code == "model_not_found"
    assert missing.value.param == "model"
    async with openai_client(gateway, "wrong") as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            await stranger.chat.completions.create(model="smart", messages=HELLO)
    assert refused.value.code == "invalid_api_key"

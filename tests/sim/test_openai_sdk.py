"""The official OpenAI SDK against the simulator: whatever it parses and enforces holds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from provider_sim import ProviderSim

TOOL: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": TOOL, "strict": True}}
FLAT_TOOL: Any = {"type": "function", "name": "weather", "parameters": TOOL, "strict": True}


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def client(sim: ProviderSim) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="k1", base_url=sim.openai_url, max_retries=0) as made:
        yield made


async def test_an_answer_quotes_the_last_user_message_and_is_repeatable(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="chat", messages=user("tides and moons"))
    again = await client.chat.completions.create(model="chat", messages=user("tides and moons"))
    assert "tides and moons" in (first.choices[0].message.content or "")
    assert first == again


async def test_usage_comes_last_and_only_when_asked(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="chat", messages=user("x"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == [] and chunks[-1].usage is not None
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks[:-1])
    said = [c.choices[0].delta.content for c in chunks[:-1] if c.choices[0].delta.content]
    assert chunks[-1].usage.completion_tokens == len(said)
    plain = [
        c async for c in await client.chat.completions.create(model="chat", messages=user("x"), stream=True)
    ]
    assert all(chunk.choices and "usage" not in chunk.model_fields_set for chunk in plain)


async def test_a_tool_is_called_until_it_is_answered(client: openai.AsyncOpenAI) -> None:
    messages = user("How is it in Oslo?")
    async with client.chat.completions.stream(model="chat", messages=messages, tools=[CHAT_TOOL]) as stream:
        final = await stream.get_final_completion()
    call = (final.choices[0].message.tool_calls or [])[0]
    assert final.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments)["unit"] in {"C", "F"}
    messages += [
        {
            "role": "assistant",
            "tool_calls": [
                call.model_dump(include={"id", "type"}) | {"function": {"name": "weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    spoken = await client.chat.completions.create(model="chat", messages=messages, tools=[CHAT_TOOL])
    assert spoken.choices[0].finish_reason == "stop"
    silent = await client.chat.completions.create(
        model="chat", messages=user("x"), tools=[CHAT_TOOL], tool_choice="none"
    )
    assert silent.choices[0].message.tool_calls is None


class Person(BaseModel):
    name: str
    age: int
    friends: list["Person"]


async def test_structured_output_parses(client: openai.AsyncOpenAI) -> None:
    made = await client.chat.completions.parse(model="chat", messages=user("who"), response_format=Person)
    assert isinstance(made.choices[0].message.parsed, Person)
    response = await client.responses.parse(model="chat", input="who", text_format=Person)
    assert isinstance(response.output_parsed, Person)


async def test_max_tokens_cuts_and_says_so(client: openai.AsyncOpenAI) -> None:
    made = await client.chat.completions.create(model="chat", messages=user("a b c"), max_completion_tokens=2)
    assert made.choices[0].finish_reason == "length"
    assert made.usage is not None and made.usage.completion_tokens == 2


async def test_legacy_completions(client: openai.AsyncOpenAI) -> None:
    made = await client.completions.create(model="chat", prompt=["one", "two"], n=2, echo=True)
    assert [choice.index for choice in made.choices] == [0, 1, 2, 3]
    assert made.choices[2].text.startswith("two")
    stream = await client.completions.create(model="chat", prompt="one", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream])


async def test_embeddings_are_unit_vectors_in_either_encoding(client: openai.AsyncOpenAI) -> None:
    # The SDK asks for base64 unless told otherwise.
    packed = await client.embeddings.create(
        model="embed", input=["a red car", "the red car", "deep sea"], dimensions=64
    )
    plain = await client.embeddings.create(
        model="embed", input="a red car", dimensions=64, encoding_format="float"
    )
    first, near, far = (item.embedding for item in packed.data)
    assert first == plain.data[0].embedding
    assert sum(a * a for a in first) == pytest.approx(1, abs=1e-6)
    assert sum(a * b for a, b in zip(first, near, strict=True)) > sum(
        a * b for a, b in zip(first, far, strict=True)
    )
    default = await client.embeddings.create(model="embed", input="x")
    assert len(default.data[0].embedding) == 1536


async def test_response_events_satisfy_the_helper(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(
        model="chat",
        input="Hi [[sim:calls=2]]",
        tools=[FLAT_TOOL],
        reasoning={"effort": "low", "summary": "auto"},
    ) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
    assert [item.type for item in final.output] == ["reasoning", "function_call", "function_call"]
    async with client.responses.stream(model="chat", input="Hi") as stream:
        assert "Hi" in (await stream.get_final_response()).output_text


async def test_stored_responses(client: openai.AsyncOpenAI, sim: ProviderSim) -> None:
    first = await client.responses.create(model="chat", input="one")
    second = await client.responses.create(model="chat", input="two", previous_response_id=first.id)
    assert first.usage is not None and second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert (await client.responses.retrieve(first.id)).output_text == first.output_text
    assert [item.type async for item in client.responses.input_items.list(second.id)] == ["message"]
    waiting = await client.responses.create(model="chat", input="later", background=True)
    assert (await client.responses.cancel(waiting.id)).status == "cancelled"
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="chat", input="x", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.NotFoundError):
        # Another credential does not see it.
        await client.with_options(api_key="k2").responses.retrieve(second.id)


async def test_refusals_have_openais_shapes(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="unknown-9", messages=user("x"))
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.AuthenticationError) as bad:
        await client.with_options(api_key="bad-key").models.list()
    assert bad.value.code == "invalid_api_key"
    with pytest.raises(openai.RateLimitError) as spent:
        await client.chat.completions.create(model="chat", messages=user("[[sim:quota]]"))
    assert spent.value.code == "insufficient_quota" and "retry-after" not in spent.value.response.headers
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(
            model="gpt-6-astra", messages=user("x"), tools=[CHAT_TOOL], reasoning_effort="high"
        )


async def test_media(client: openai.AsyncOpenAI) -> None:
    moderated = await client.moderations.create(input=["fine", "flagme"])
    assert [result.flagged for result in moderated.results] == [False, True]
    image = await client.images.generate(model="image", prompt="a cat")
    assert image.data and image.data[0].b64_json
    stream = await client.images.generate(model="image", prompt="a cat", stream=True, partial_images=1)
    assert [e.type async for e in stream] == ["image_generation.partial_image", "image_generation.completed"]
    edited = await client.images.edit(model="image", image=[b"\x89PNG1", b"\x89PNG2"], prompt="x")
    assert edited.data
    sound = await client.audio.speech.create(model="tts", voice="alloy", input="hello")
    assert sound.content.startswith(b"\xff\xf3")
    heard = await client.audio.transcriptions.create(model="whisper", file=("a.wav", b"12345"))
    assert heard.text == "This is a.wav, 5 bytes of sound."
    listening = await client.audio.transcriptions.create(
        model="whisper", file=("a.wav", b"12345"), stream=True
    )
    assert [event.type async for event in listening][-1] == "transcript.text.done"


async def test_files_uploads_and_batches(client: openai.AsyncOpenAI) -> None:
    bodies = [{"model": model, "messages": user("x")} for model in ("chat", "unknown")]
    lines = [
        {"custom_id": b["model"], "method": "POST", "url": "/v1/chat/completions", "body": b} for b in bodies
    ]
    data = "\n".join(map(json.dumps, lines)).encode()
    file = await client.files.create(file=("in.jsonl", data), purpose="batch")
    assert (await client.files.content(file.id)).content == data
    batch = await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    statuses = [batch.status] + [(await client.batches.retrieve(batch.id)).status for _ in range(2)]
    assert statuses == ["validating", "in_progress", "completed"]
    batch = await client.batches.retrieve(batch.id)
    assert batch.output_file_id and batch.error_file_id
    line = json.loads((await client.files.content(batch.output_file_id)).content)
    assert line["custom_id"] == "chat" and line["response"]["body"]["object"] == "chat.completion"
    upload = await client.uploads.create(bytes=4, filename="x", mime_type="text/plain", purpose="batch")
    parts = [await client.uploads.parts.create(upload.id, data=piece) for piece in (b"ab", b"cd")]
    done = await client.uploads.complete(upload.id, part_ids=[part.id for part in parts])
    assert done.file and (await client.files.content(done.file.id)).content == b"abcd"
    await client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(file.id)


async def test_azures_paths_and_key(sim: ProviderSim) -> None:
    async with openai.AsyncAzureOpenAI(
        api_key="az", azure_endpoint=sim.url, api_version="2026-01-01"
    ) as azure:
        made = await azure.chat.completions.create(model="chat", messages=user("x"))
    assert made.choices[0].finish_reason == "stop"
    assert sim.stats("az")["accepted"] == 1

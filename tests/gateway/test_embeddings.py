"""Embeddings for the callers of one dialect by providers of another: vectors, order, parts, usage, refusals."""

import base64
import math
import struct
from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest
from google.genai import types
from openai import AsyncOpenAI
from openai.types import CreateEmbeddingResponse

from provider_sim.embedding import embed
from tests.clock import until
from tests.gateway.wire import exchange, request
from tests.running import ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

BEHIND = ("openai", "gemini", "ollama")
DIMENSIONS = {"openai": 1536, "gemini": 3072, "ollama": 768}
TEXTS = ["a lighthouse", "the sea", "a lighthouse at sea"]
every_dialect = pytest.mark.parametrize("behind", BEHIND)
elsewhere = pytest.mark.parametrize("behind", ["gemini", "ollama"])


def before_each_dialect(sim: ProviderSim) -> dict[str, Any]:
    """A provider of each dialect, called as its dialect."""
    bases = {"openai": f"{sim.url}/v1"}
    providers = [
        {"id": one, "dialect": one, "base_url": bases.get(one, sim.url), "flavour": "sim"} for one in BEHIND
    ]
    pools = [
        {"id": one, "provider": one, "secret": "env:PROVIDER_KEY", "tenants": ["*"], "limits": {"rpm": 50}}
        for one in BEHIND
    ]
    pools.append({**pools[1], "id": "gemini-2", "secret": "env:PROVIDER_KEY_2"})
    return configuration(
        sim.url,
        providers=providers,
        pools=pools,
        models=[{"id": one, "targets": [f"{one}/embed"]} for one in BEHIND],
    )


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(before_each_dialect(sim)) as running:
        yield running


def are_of(made: CreateEmbeddingResponse, texts: list[str], dimensions: int) -> bool:
    """Whether these are the vectors of the texts, in order. No `approx`: its account of a difference is endless."""
    expected = [embed(text, dimensions) for text in texts]
    found = [one.embedding for one in made.data]
    return [len(one) for one in found] == [len(one) for one in expected] and all(
        abs(a - b) < 1e-6 for pair in zip(found, expected, strict=True) for a, b in zip(*pair, strict=True)
    )


@every_dialect
async def test_golden_95_emb_base64_default(by_openai: AsyncOpenAI, sim: ProviderSim, behind: str) -> None:
    """The SDK asks for base64 unless told otherwise, and is given it whatever the provider sends."""
    default = await by_openai.embeddings.create(model=behind, input=TEXTS)
    floats = await by_openai.embeddings.create(model=behind, input=TEXTS, encoding_format="float")
    assert are_of(default, TEXTS, DIMENSIONS[behind])
    assert are_of(floats, TEXTS, DIMENSIONS[behind])
    assert [one.index for one in default.data] == [0, 1, 2]
    assert default.usage.prompt_tokens > 0
    assert default.usage.total_tokens == default.usage.prompt_tokens


@every_dialect
async def test_base64_on_the_wire_is_what_was_asked_for(gateway: RunningGateway, behind: str) -> None:
    for encoding, kind in (("base64", str), ("float", list), (None, list)):
        body: dict[str, Any] = {"model": behind, "input": "x"}
        if encoding:
            body["encoding_format"] = encoding
        reply = await exchange(gateway, request(body, path="/v1/embeddings"))
        (only,) = orjson.loads(reply.body)["data"]
        assert type(only["embedding"]) is kind


@pytest.mark.parametrize("encoding", ["base64", "float"])
async def test_numbers_of_a_provider_that_knows_no_base64(
    gateway: RunningGateway, sim: ProviderSim, encoding: str
) -> None:
    """OpenAI's SDK for JavaScript makes `[]` of numbers where it asked for base64."""
    data = [{"index": 0, "object": "embedding", "embedding": [1, -0.5]}]
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    sim.script(path="*", status=200, headers={"content-type": "application/json"}, body=body)
    asked = {"model": "openai", "input": "a", "encoding_format": encoding}
    reply = await exchange(gateway, request(asked, path="/v1/embeddings"))
    (only,) = orjson.loads(reply.body)["data"]
    packed = base64.b64encode(struct.pack("<2f", 1.0, -0.5)).decode()
    assert only == {**data[0], "embedding": packed if encoding == "base64" else [1, -0.5]}


@pytest.mark.parametrize("asked", [{"encoding_format": "float"}, {}])
async def test_numbers_of_a_provider_that_knows_base64_alone(
    gateway: RunningGateway, sim: ProviderSim, asked: dict[str, Any]
) -> None:
    packed = base64.b64encode(struct.pack("<2f", 1.0, -0.5)).decode()
    body = {"data": [{"index": 0, "embedding": packed}], "model": "m", "usage": {"prompt_tokens": 1}}
    sim.script(path="*", status=200, headers={"content-type": "application/json"}, body=body)
    reply = await exchange(
        gateway, request({"model": "openai", "input": "a", **asked}, path="/v1/embeddings")
    )
    assert orjson.loads(reply.body)["data"] == [{"index": 0, "embedding": [1.0, -0.5]}]


@pytest.mark.parametrize("encoding", ["base64", "float"])
@pytest.mark.parametrize("value", ["!!!not base64", "QUJD", "AAAAAA", "AAAAAA==A"])
async def test_what_is_no_vector_is_not_passed_on(
    gateway: RunningGateway, sim: ProviderSim, encoding: str, value: str
) -> None:
    body = {"data": [{"index": 0, "embedding": value}], "usage": {"prompt_tokens": 1}}
    sim.script(path="*", status=200, headers={"content-type": "application/json"}, body=body)
    asked = {"model": "openai", "input": "a", "encoding_format": encoding}
    reply = await exchange(gateway, request(asked, path="/v1/embeddings"))
    assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")


@every_dialect
async def test_dimensions(by_openai: AsyncOpenAI, sim: ProviderSim, behind: str) -> None:
    made = await by_openai.embeddings.create(model=behind, input="the sea", dimensions=64)
    assert are_of(made, ["the sea"], 64)


@elsewhere
async def test_golden_98_emb_tokens_input(by_openai: AsyncOpenAI, sim: ProviderSim, behind: str) -> None:
    for tokens in ([1, 2, 3], [[1, 2], [3]]):
        with pytest.raises(openai.BadRequestError) as refused:
            await by_openai.embeddings.create(model=behind, input=tokens)  # type: ignore[arg-type]
        assert (refused.value.code, refused.value.param) == ("unsupported_value", "input")
    assert not sim.requests()


async def test_tokens_reach_who_takes_them(by_openai: AsyncOpenAI) -> None:
    made = await by_openai.embeddings.create(model="openai", input=[[1, 2], [3], [4, 5]])
    assert len(made.data) == 3


@elsewhere
@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("", "input"),
        ([], "input"),
        (["x"] * 2049, "input"),
        (["a", ""], "input[1]"),
        (["a", 1], "input[1]"),
        (["a", None], "input[1]"),
        (["a", []], "input[1]"),
        ([1, 2, "x"], "input[2]"),
        ([1, True], "input[1]"),
        ([[1], [2, "x"]], "input[1][1]"),
        ({}, "input"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim, behind: str, given: Any, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await by_openai.embeddings.create(model=behind, input=given)
    assert refused.value.param == param
    assert not sim.requests()
    assert {one["in_flight"] for one in gateway.app.state()["pools"]} == {0}, "and holds no place"


async def test_more_than_gemini_takes_goes_in_parts_and_comes_back_in_order(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim
) -> None:
    texts = [f"text {number}" for number in range(250)]
    made = await by_openai.embeddings.create(model="gemini", input=texts, dimensions=8)
    assert are_of(made, texts, 8)
    sizes = [len(orjson.loads(one["body"])["requests"]) for one in sim.requests()]
    assert sizes == [100, 100, 50]
    assert made.usage.prompt_tokens == sim.stats()["input_tokens"]
    assert {one["credential"] for one in sim.requests()} == {sim.requests()[0]["credential"]}, "on one key"
    (line,) = await gateway.log_lines(1)
    assert (line["attempts"], line["input_tokens"]) == (1, made.usage.prompt_tokens)


async def test_a_compatible_server_that_takes_few_is_asked_in_parts(sim: ProviderSim) -> None:
    config = {**before_each_dialect(sim), "capabilities": {"embed": {"embedding_batch_max": 2}}}
    async with (
        RunningGateway(config) as gateway,
        openai_client(gateway) as client,
    ):
        made = await client.embeddings.create(model="openai", input=[*TEXTS, *TEXTS, "end"], dimensions=8)
        tokens = await client.embeddings.create(model="openai", input=[[1, 2], [3], [4, 5]], dimensions=8)
    assert are_of(made, [*TEXTS, *TEXTS, "end"], 8)
    assert are_of(tokens, ["1 2", "3", "4 5"], 8)
    sizes = [len(orjson.loads(one["body"])["input"]) for one in sim.requests()]
    assert sizes == [2, 2, 2, 1, 2, 1]


async def test_every_part_counts_against_the_ceilings(
    gateway: RunningGateway, by_openai: AsyncOpenAI
) -> None:
    await by_openai.embeddings.create(model="gemini", input=["x"] * 201, dimensions=8)
    await by_openai.embeddings.create(model="openai", input=["x"] * 201, dimensions=8)
    limits = {one["id"]: one["limits"][0]["dimensions"][0] for one in gateway.app.state()["pools"]}
    assert limits["gemini"]["used"] + limits["gemini-2"]["used"] == 3
    assert limits["openai"]["used"] == 1


async def test_more_parts_than_a_ceiling_allows_are_too_large(
    by_openai: AsyncOpenAI, gateway: RunningGateway, sim: ProviderSim
) -> None:
    config = gateway.config
    for pool in config["pools"]:
        pool["limits"]["rpm"] = 2
    async with (
        RunningGateway(config) as small,
        openai_client(small) as client,
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            await client.embeddings.create(model="gemini", input=["x"] * 201)
        assert refused.value.code == "request_too_large"
    assert not sim.requests()


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"truncate": 10}, {"cut": 0}, {"content_type": "text/html"}]
)
async def test_a_part_that_fails_fails_all_and_another_key_serves_all(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim, fault: dict[str, Any]
) -> None:
    texts = [f"text {number}" for number in range(150)]
    sim.fault(skip=1, count=1, **fault)
    made = await by_openai.embeddings.create(model="gemini", input=texts, dimensions=8)
    assert are_of(made, texts, 8)
    (line,) = await gateway.log_lines(1)
    assert line["attempts"] == 2
    await until(lambda: {one["in_flight"] for one in gateway.app.state()["pools"]} == {0})


@pytest.mark.parametrize("value", [math.nan, math.inf, "AAA", "", [], ["1"], None])
async def test_what_is_no_vector_is_no_answer(sim: ProviderSim, value: Any) -> None:
    """In the answer to any part. JSON has no word for what is no number, but packed they come."""
    if isinstance(value, float):
        value = base64.b64encode(struct.pack("<2f", 1.0, value)).decode()
    config = {**before_each_dialect(sim), "capabilities": {"embed": {"embedding_batch_max": 1}}}
    async with RunningGateway(config) as gateway:
        for one in ([1.0, 0.5], value):
            body = {"data": [{"index": 0, "embedding": one}], "usage": {"prompt_tokens": 1}}
            sim.script(path="*", status=200, headers={"content-type": "application/json"}, body=body)
        asked = {"model": "openai", "input": ["a", "b"], "encoding_format": "base64"}
        reply = await exchange(gateway, request(asked, path="/v1/embeddings"))
    assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")


@elsewhere
async def test_usage_is_estimated_where_none_is_reported(gateway: RunningGateway, behind: str) -> None:
    body = {"model": behind, "input": "the sea [[sim:no_usage]]"}
    reply = await exchange(gateway, request(body, path="/v1/embeddings"))
    assert reply.headers["x-gateway-warnings"] == "estimated=usage"
    told = orjson.loads(reply.body)["usage"]["prompt_tokens"]
    (line,) = await gateway.log_lines(1)
    assert (line["usage_source"], line["input_tokens"]) == ("estimated", told)
    assert told > 0


@pytest.mark.parametrize("behind", ["openai", "ollama"])
async def test_googles_callers(by_google: Any, sim: ProviderSim, behind: str) -> None:
    config = types.EmbedContentConfig(output_dimensionality=16)
    made = await by_google.models.embed_content(model=behind, contents=TEXTS, config=config)
    found = [one.values for one in made.embeddings]
    expected = [embed(text, 16) for text in TEXTS]
    assert all(
        abs(a - b) < 1e-6 for pair in zip(found, expected, strict=True) for a, b in zip(*pair, strict=True)
    )
    assert len(sim.requests()) == 1


async def test_google_itself_reads_its_own_name_of_the_model(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    """The SDK says the caller's name in every content, too; Google refuses one that is not the path's."""
    content = {"parts": [{"text": "the sea"}]}
    body = {"requests": [{"model": "models/gemini", "content": content}, {"content": content}]}
    reply = await exchange(gateway, request(body, path="/v1beta/models/gemini:batchEmbedContents"))
    assert reply.status == 200
    single = {"content": content, "model": "models/gemini"}
    reply = await exchange(gateway, request(single, path="/v1beta/models/gemini:embedContent"))
    assert reply.status == 200
    several, one = (orjson.loads(seen["body"]) for seen in sim.requests())
    assert several["requests"] == [{"model": "models/embed", "content": content}, {"content": content}]
    assert one == {**single, "model": "models/embed"}


@pytest.mark.parametrize("strict", [False, True])
async def test_one_content_of_googles_and_what_it_loses(gateway: RunningGateway, strict: bool) -> None:
    body = {"content": {"parts": [{"text": "the sea"}]}, "taskType": "RETRIEVAL_QUERY"}
    headers = "x-gateway-strict: true\r\n" if strict else ""
    reply = await exchange(gateway, request(body, path="/v1beta/models/openai:embedContent", headers=headers))
    answer = orjson.loads(reply.body)
    if strict:
        assert (reply.status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
        return
    assert len(answer["embedding"]["values"]) == DIMENSIONS["openai"]
    assert answer["usageMetadata"]["promptTokenCount"] > 0
    assert reply.headers["x-gateway-warnings"] == "dropped=taskType"


async def test_a_provider_that_answers_too_few_is_not_believed(
    by_openai: AsyncOpenAI, sim: ProviderSim
) -> None:
    sim.script(
        status=200,
        body=b'{"embeddings":[[1.0,2.0]]}',
        headers=[("content-type", "application/json")],
        path="*",
    )
    with pytest.raises(openai.APIStatusError) as refused:
        await by_openai.embeddings.create(model="ollama", input=TEXTS)
    assert refused.value.status_code == 502

"""What is read, written and refused of embeddings in each dialect, without a gateway around it."""

from array import array
from base64 import b64encode
from math import sqrt
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities import Capabilities
from gateway.dialects.document import Document
from gateway.dialects.embeddings.gemini import GeminiIn, GeminiOut
from gateway.dialects.embeddings.ollama import OllamaOut
from gateway.dialects.embeddings.openai import OpenAIIn, OpenAIOut
from gateway.dialects.embeddings.seam import joined
from gateway.dialects.embeddings.vectors import packed, read_vector
from gateway.dialects.losses import Losses
from gateway.dialects.passage import Passage, passage
from gateway.embedding import EmbeddingReply, EmbeddingRequest
from gateway.errors import (
    INVALID_TYPE,
    INVALID_VALUE,
    MISSING_PARAMETER,
    UNSUPPORTED_VALUE,
    UPSTREAM_INVALID,
    GatewayError,
    ReportedError,
)
from gateway.exchange import NO_USAGE, Usage
from gateway.pipeline.makeup import makeup

USUAL = Capabilities()
TWO = EmbeddingRequest(("a", "b"), "input")
FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)


def read(fields: dict[str, Any], losses: Losses | None = None) -> EmbeddingRequest:
    return OpenAIIn().request(fields, losses or Losses())


def contents(*several: Any, **more: Any) -> dict[str, Any]:
    return {"requests": [{"content": {"parts": [{"text": one}]}, **more} for one in several]}


# ---- vectors


@given(FLOATS)
def test_packed_is_float32_of_the_same_numbers(numbers: list[float]) -> None:
    assert read_vector(packed(tuple(numbers))) == tuple(numbers)


def test_packed_is_little_endian() -> None:
    assert packed((1.0,)) == b64encode(b"\x00\x00\x80\x3f").decode()


@pytest.mark.parametrize("value", [None, [], "", [1.0, None], [True], {"values": [1.0]}, "AAA", "AAAA", "é"])
def test_what_is_no_vector_is_not_believed(value: Any) -> None:
    with pytest.raises(GatewayError) as refused:
        read_vector(value)
    assert refused.value.condition is UPSTREAM_INVALID


# ---- callers


@pytest.mark.parametrize(
    ("fields", "condition", "param"),
    [
        ({}, MISSING_PARAMETER, "input"),
        ({"input": 5}, INVALID_TYPE, "input"),
        ({"input": []}, INVALID_VALUE, "input"),
        ({"input": ""}, INVALID_VALUE, "input"),
        ({"input": ["a", []]}, INVALID_VALUE, "input[1]"),
        ({"input": ["a", None]}, INVALID_TYPE, "input[1]"),
        ({"input": [1, "a"]}, INVALID_TYPE, "input[1]"),
        ({"input": [[1, True]]}, INVALID_TYPE, "input[0][1]"),
        ({"input": ["x"] * 2049}, INVALID_VALUE, "input"),
        ({"input": "x", "dimensions": 0}, INVALID_VALUE, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, INVALID_VALUE, "encoding_format"),
    ],
)
def test_openais_callers_are_refused(fields: dict[str, Any], condition: object, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read(fields)
    assert (refused.value.condition, refused.value.param) == (condition, param)


def test_openais_callers_are_read() -> None:
    losses = Losses()
    given = {"model": "m", "input": ["a", [1, 2]], "dimensions": 8, "encoding_format": "base64", "user": "u"}
    google = {"task_type": "RETRIEVAL_QUERY", "title": "t", "other": 1}
    found = read({**given, "input_type": "query", "extra_body": {"google": google, "odd": 1}}, losses)
    assert found.inputs == ("a", (1, 2))
    assert (found.dimensions, found.packed, found.end_user) == (8, True, "u")
    assert (found.task, found.title, found.others) == ("RETRIEVAL_QUERY", "t", {"input_type": "query"})
    assert losses.names == (("dropped", "extra_body.odd"), ("dropped", "extra_body.google.other"))
    assert read({"input": [7, 8]}).inputs == ((7, 8),)
    assert len(read({"input": list(range(3000))}).inputs) == 1, "one text of many tokens"


@pytest.mark.parametrize(
    ("fields", "condition", "param"),
    [
        ({}, MISSING_PARAMETER, "requests"),
        ({"requests": [{}]}, MISSING_PARAMETER, "requests[0].content"),
        (contents("a", ""), INVALID_VALUE, "requests[1].content.parts"),
        (contents(*["x"] * 101), INVALID_VALUE, "requests"),
        ({"requests": [{"content": {"parts": [{"inlineData": {}}]}}]}, UNSUPPORTED_VALUE, None),
        (
            {"requests": contents("a")["requests"] + contents("b", taskType="X")["requests"]},
            UNSUPPORTED_VALUE,
            "requests[1].taskType",
        ),
    ],
)
def test_googles_callers_are_refused(fields: dict[str, Any], condition: object, param: str | None) -> None:
    with pytest.raises(GatewayError) as refused:
        GeminiIn(batched=True).request(fields, Losses())
    assert refused.value.condition is condition
    assert refused.value.param == (param or "requests[0].content.parts[0].inlineData")


def test_googles_callers_are_read_however_they_spell() -> None:
    losses = Losses()
    fields = contents("a", "b", output_dimensionality=8, task_type="X", title="t", model="models/m", odd=1)
    found = GeminiIn(batched=True).request(fields, losses)
    assert (found.inputs, found.dimensions, found.task, found.title) == (("a", "b"), 8, "X", "t")
    assert losses.names == (("dropped", "requests[0].odd"), ("dropped", "requests[1].odd"))
    content: dict[str, Any] = {"parts": [{"text": "a"}], "role": "user", "odd": 1}
    losses = Losses()
    GeminiIn(batched=True).request(
        {"requests": [{"content": content}], "model": "models/m", "odd": 1}, losses
    )
    GeminiIn(batched=False).request({"content": content, "model": "models/m", "strange": 1}, losses)
    assert [name for _, name in losses.names] == ["requests[0].content.odd", "odd", "content.odd", "strange"]
    single = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}}
    assert GeminiIn(batched=False).request(single, losses).inputs == ("a\nb",)


# ---- providers


def test_parts_are_cut_in_order_and_joined_again() -> None:
    request = EmbeddingRequest(tuple(str(number) for number in range(7)), "input", dimensions=2)
    parts = request.parts(3)
    assert [one.inputs for one in parts] == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert {one.dimensions for one in parts} == {2}
    replies = [
        EmbeddingReply(
            tuple((float(one),) for one in part.inputs), Usage(len(part.inputs), source="provider")
        )  # type: ignore[arg-type]
        for part in parts
    ]
    whole = joined(replies)
    assert [int(one[0]) for one in whole.vectors] == list(range(7))
    assert whole.usage == Usage(7, source="provider")
    assert joined([replies[0], EmbeddingReply(((1.0,),))]).usage is NO_USAGE, "of a part nobody knows"


def test_vectors_are_those_of_their_index() -> None:
    data = [
        {"index": 1, "embedding": [2.0]},
        {"index": 0, "embedding": b64encode(array("f", [1.0])).decode()},
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    found = OpenAIOut().reply({"data": data, "usage": usage}, TWO, USUAL)
    assert found.vectors == ((1.0,), (2.0,))
    assert found.usage.input == 3


@pytest.mark.parametrize(
    ("spoken", "body"),
    [
        (OpenAIOut(), {"data": [{"index": 0, "embedding": [1.0]}]}),
        (OpenAIOut(), {"data": "x"}),
        (GeminiOut(), {"embeddings": [{"values": [1.0]}]}),
        (GeminiOut(), {"embedding": {"values": [1.0]}}),
        (OllamaOut(), {"embeddings": [[1.0]] * 3}),
        (OllamaOut(), {}),
    ],
)
def test_an_answer_with_other_than_one_for_each_text_is_none(spoken: Any, body: Any) -> None:
    with pytest.raises(GatewayError) as refused:
        spoken.reply(body, TWO, USUAL)
    assert refused.value.condition is UPSTREAM_INVALID


@pytest.mark.parametrize("spoken", [OpenAIOut(), GeminiOut(), OllamaOut()])
def test_an_error_inside_a_200_is_reported(spoken: Any) -> None:
    with pytest.raises(ReportedError):
        spoken.reply({"error": {"message": "no"}}, TWO, USUAL)


def test_what_gemini_cut_gets_length_1_again() -> None:
    body: dict[str, Any] = {"embeddings": [{"values": [3.0, 4.0]}, {"values": [0.0, 0.0]}]}
    native = Capabilities(embedding_native_size=2)
    cut = EmbeddingRequest(("a", "b"), "input", dimensions=2)
    first, zero = GeminiOut().reply(body, cut, USUAL).vectors
    assert first == pytest.approx((0.6, 0.8))
    assert sqrt(sum(one * one for one in first)) == pytest.approx(1.0)
    assert zero == (0.0, 0.0)
    assert GeminiOut().reply(body, cut, native).vectors[0] == (3.0, 4.0), "none was cut off"
    assert GeminiOut().reply(body, TWO, USUAL).vectors[0] == (3.0, 4.0)


def test_what_each_provider_is_asked() -> None:
    request = read(
        {
            "input": "a",
            "dimensions": 4,
            "user": "u",
            "task_type": "X",
            "title": "t",
            "keep_alive": 5,
            "odd": 1,
        }
    )
    losses = Losses()
    assert GeminiOut().request(request, "m", losses).body == {
        "requests": [
            {
                "model": "models/m",
                "outputDimensionality": 4,
                "taskType": "X",
                "title": "t",
                "content": {"parts": [{"text": "a"}]},
            }
        ]
    }
    assert losses.line() == b"dropped=keep_alive,odd"
    losses = Losses()
    assert OllamaOut().request(request, "m", losses).body == {
        "model": "m", "input": ["a"], "truncate": False, "dimensions": 4, "keep_alive": 5,
    }  # fmt: skip
    assert losses.line() == b"dropped=task_type,title,odd"
    losses = Losses()
    assert OpenAIOut().request(request, "m", losses).body == {
        "keep_alive": 5, "odd": 1, "model": "m", "input": ["a"], "encoding_format": "float", "dimensions": 4,
        "user": "u",
    }  # fmt: skip
    assert losses.line() == b"dropped=task_type,title"


# ---- ways, and how many requests they take


@pytest.mark.parametrize(
    ("asked", "dialect", "most", "way"),
    [
        ("embeddings", "openai", 2048, Passage(True, "embeddings")),
        ("embeddings", "openai", 16, Passage(False, "embeddings", texts_max=16)),
        ("embeddings", "gemini", 2048, Passage(False, "embeddings", texts_max=100)),
        ("embeddings", "gemini", 10, Passage(False, "embeddings", texts_max=10)),
        ("embeddings", "ollama", 2048, Passage(False, "embeddings", texts_max=2048)),
        ("embed_content", "gemini", 10, Passage(True, "embed_content")),
        ("embed_content", "azure", 2048, Passage(False, "embeddings", texts_max=2048)),
        ("embeddings", "anthropic", 2048, None),
    ],
)
def test_passages(asked: str, dialect: str, most: int, way: Passage | None) -> None:
    can = Capabilities(embedding_batch_max=most)
    assert passage(asked, dialect, frozenset({"embeddings"}), can) == way
    assert passage(asked, dialect, frozenset({"chat"}), can) is None


@pytest.mark.parametrize("text", ["x", "x" * 30_000])
@pytest.mark.parametrize(
    ("endpoint", "made", "count"),
    [
        ("embeddings", lambda text: {"input": [text] * 3}, 3),
        ("embeddings", lambda text: {"input": text}, 1),
        ("embeddings", lambda text: {"input": [len(text)] * len(text)}, 1),
        ("embeddings", lambda text: {"input": [[1] * len(text), [2]]}, 2),
        ("embed_content", lambda text: {"requests": [{"content": text}] * 4}, 4),
        ("embed_content", lambda text: {"content": {"parts": [{"text": text}]}}, 1),
        ("chat", lambda text: {"messages": [{"content": text}], "input": ["a", "b"]}, 1),
    ],
)
def test_how_many_texts_a_body_has(endpoint: str, made: Any, count: int, text: str) -> None:
    assert makeup(Document(orjson.dumps(made(text))), endpoint).texts == count

"""What providers mean by the tokens they report: the traps of the wire reference (§2.0), one by one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.usage import COUNT_MAX
from gateway.dialects.openai_stream import CompletionStream
from gateway.dialects.usage import read_event, read_reply, read_usage
from gateway.exchange import Kinds, Usage


def used(
    read: int, written: int = 0, cache_read: int = 0, cache_write: int = 0, reasoning: int = 0, **kinds: Any
) -> Usage:
    return Usage(
        read, written, cache_read, cache_write, reasoning, "provider", Kinds(**kinds) if kinds else None
    )


_REASONED = {
    "prompt_tokens": 32,
    "total_tokens": 135,
    "completion_tokens_details": {"reasoning_tokens": 94},
}
#: Dialect (OpenAI's words and Anthropic's are read by one), what the provider says, and what it means.
REPORTS: list[tuple[str, dict[str, Any], Usage]] = [
    (  # OpenAI: cached and written tokens are of the prompt, reasoning is of the completion
        "openai",
        {
            "prompt_tokens": 1000,
            "completion_tokens": 300,
            "total_tokens": 1300,
            "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": None},
        },
        used(1000, 300, cache_read=600, cache_write=100, reasoning=200),
    ),
    (
        "openai",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"audio_tokens": 30},
            "completion_tokens_details": {"audio_tokens": 40},
        },
        used(100, 50, audio_in=30, audio_out=40),
    ),
    (  # DeepSeek's own names
        "openai",
        {
            "prompt_tokens": 50,
            "completion_tokens": 5,
            "prompt_cache_hit_tokens": 20,
            "prompt_cache_miss_tokens": 30,
        },
        used(50, 5, cache_read=20),
    ),
    # Anthropic's OpenAI-compatible endpoint says it at the top
    (
        "openai",
        {"prompt_tokens": 50, "completion_tokens": 5, "cached_tokens": 20},
        used(50, 5, cache_read=20),
    ),
    (  # OpenRouter: of the prompt, like OpenAI
        "openai",
        {
            "prompt_tokens": 194,
            "completion_tokens": 2,
            "total_tokens": 196,
            "cost": 0.95,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50},
        },
        used(194, 2, cache_read=100, cache_write=50),
    ),
    # Embeddings and ranking that say the total only
    ("openai", {"total_tokens": 12}, used(12)),
    # Compatible servers that count beside what OpenAI counts within: nothing is lost
    (
        "openai",
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 70}},
        used(10, 75, reasoning=70),
    ),
    (
        "openai",
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}},
        used(100, 5, cache_read=90),
    ),
    # xAI chat: reasoning is beside the completion, unless its total says that it is within
    ("openai", {**_REASONED, "completion_tokens": 9}, used(32, 103, reasoning=94)),
    ("openai", {**_REASONED, "completion_tokens": 103}, used(32, 103, reasoning=94)),
    (
        "openai",
        {
            "input_tokens": 75,
            "input_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 11},
            "output_tokens": 1186,
            "output_tokens_details": {"reasoning_tokens": 1024},
            "total_tokens": 1261,
        },
        used(75, 1186, cache_read=32, cache_write=11, reasoning=1024),
    ),
    (  # Anthropic: cache reads and writes are beside the input
        "openai",
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "output_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
            "output_tokens_details": {"thinking_tokens": 3},
            "server_tool_use": {"web_search_requests": 2},
        },
        used(1110, 5, 1000, 100, reasoning=3, cache_write_1h=40, searches=2),
    ),
    (
        "openai",
        {"input_tokens": 10, "cache_creation_input_tokens": None, "output_tokens": 5, "cache_creation": None},
        used(10, 5),
    ),
    (  # several attempts behind one answer: the bill is their sum, whatever stands above it
        "openai",
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {"type": "message", "input_tokens": 100, "output_tokens": 7, "cache_read_input_tokens": 50},
                {"type": "message", "input_tokens": 10, "output_tokens": 5},
            ],
        },
        used(160, 12, cache_read=50),
    ),
    (  # Gemini: thoughts are beside the candidates, what its tools read is beside the prompt, cached is of it
        "gemini",
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "toolUsePromptTokenCount": 15,
            "cachedContentTokenCount": 60,
            "totalTokenCount": 165,
        },
        used(115, 50, cache_read=60, reasoning=30),
    ),
    (  # … unless the total says that the candidates hold the thoughts
        "gemini",
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 50,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 150,
        },
        used(100, 50, reasoning=30),
    ),
    (  # nothing but thoughts
        "gemini",
        {"promptTokenCount": 8, "thoughtsTokenCount": 30, "totalTokenCount": 38},
        used(8, 30, reasoning=30),
    ),
    (
        "gemini",
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 1290,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 10},
                {"modality": "AUDIO", "tokenCount": 32},
                {"modality": "IMAGE", "tokenCount": 58},
            ],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        },
        used(100, 1290, audio_in=32, image_in=58, image_out=1290),
    ),
    # Ollama: a prompt it still holds is not counted, nor said to be none
    ("ollama", {"prompt_eval_count": 26, "eval_count": 298, "eval_duration": 4}, used(26, 298)),
    ("ollama", {"eval_count": 298}, used(0, 298)),
]


def said(report: object, **beside: object) -> bytes:
    return json.dumps({"id": "x", **beside, "usage": report}).encode()


@pytest.mark.parametrize(("dialect", "report", "meant"), REPORTS)
def test_what_a_report_means(dialect: str, report: dict[str, Any], meant: Usage) -> None:
    assert read_usage(json.dumps(report).encode(), dialect=dialect) == meant
    if dialect == "openai":
        assert read_reply(said(report)) == (meant, None)
        assert read_event(said(report, choices=[])) == meant


def test_the_tier_that_was_answered_is_known_where_it_is_another() -> None:
    report = {"prompt_tokens": 5, "completion_tokens": 5}
    for tier in ("default", "auto", "standard", "on_demand", None, 3, ["flex"]):
        assert read_reply(said(report, service_tier=tier))[0] == used(5, 5)
    for tier in ("flex", "priority", "batch", "scale"):
        assert read_reply(said(report, service_tier=tier))[0] == used(5, 5, tier=tier)
        assert read_event(said(report, service_tier=tier)) == used(5, 5, tier=tier)
        inside = {"response": {"usage": {"input_tokens": 5, "output_tokens": 5}, "service_tier": tier}}
        assert read_event(json.dumps(inside).encode()) == used(5, 5, tier=tier)
    anthropic = {"input_tokens": 5, "output_tokens": 5, "service_tier": "priority"}
    assert read_usage(json.dumps(anthropic).encode()) == used(5, 5, tier="priority")


def test_searches_of_responses_are_among_what_came_out() -> None:
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "wind"}},
        {"type": "web_search_call", "action": {"type": "open_page", "url": "https://example.com"}},
        {"type": "web_search_call"},
        {"type": "message", "content": []},
    ]
    whole = {"output": output, "usage": {"input_tokens": 9, "output_tokens": 4}}
    assert read_reply(json.dumps(whole).encode(), "responses")[0] == used(9, 4, searches=2)
    event = {"type": "response.completed", "response": whole}
    assert read_event(json.dumps(event).encode()) == used(9, 4, searches=2)
    assert read_reply(json.dumps(whole | {"output": None}).encode(), "responses")[0] == used(9, 4)


def test_usage_of_groq_is_where_it_has_it() -> None:
    event = {"choices": [], "x_groq": {"id": "r", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}}
    assert read_event(json.dumps(event).encode()) == used(7, 2)


def test_of_a_stream_that_reports_all_the_time_the_last_word_holds_and_null_says_nothing() -> None:
    stream = CompletionStream(hide_usage=False)
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    for usage in (None, (9, 1), (9, 2), None, (9, 3), None):
        report = usage and {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        event = {**chunk, "choices": [{"index": 0, "delta": {"content": "a"}}], "usage": report}
        stream.feed(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n")
    assert stream.usage() == used(9, 3)


def test_the_end_of_an_anthropic_stream_completes_its_beginning() -> None:
    start = {
        "input_tokens": 10,
        "cache_read_input_tokens": 50,
        "output_tokens": 1,
        "cache_creation": {"ephemeral_1h_input_tokens": 0},
    }
    last = {"input_tokens": None, "output_tokens": 12, "server_tool_use": {"web_search_requests": 1}}
    reports = [json.dumps(one).encode() for one in (start, last, last)]
    # Cumulative: said again, nothing is added.
    assert read_usage(*reports) == used(60, 12, cache_read=50, searches=1)


@pytest.mark.parametrize("odd", [-1, True, "7", 1.5, 2 * COUNT_MAX, [], {}])
@pytest.mark.parametrize(
    "where",
    [
        ("prompt_tokens",),
        ("completion_tokens",),
        ("prompt_tokens_details", "cached_tokens"),
        ("cached_tokens",),
    ],
)
def test_numbers_that_cannot_be_true_are_not_believed(odd: Any, where: tuple[str, ...]) -> None:
    report: dict[str, Any] = {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {}}
    report[where[0]] = {where[1]: odd} if len(where) > 1 else odd
    assert read_reply(said(report, error={"message": "x"})) == (None, {"message": "x"})
    assert read_event(said(report)) is None


def test_a_report_of_nothing_is_none() -> None:
    for dialect in ("openai", "gemini", "ollama"):
        assert read_usage(b"{}", dialect=dialect) is None
        assert read_usage(b"[]", dialect=dialect) is None
    for report in (None, {}, {"seconds": 12, "type": "duration"}, {"iterations": [{}]}):
        assert read_reply(said(report)) == (None, None)
        assert read_event(said(report)) is None


COUNTS = st.one_of(st.none(), st.integers(0, 10_000), st.sampled_from([-1, "x", True, 10**12]))
WORDS = (
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens", "cached_tokens",
    "cache_read_input_tokens", "cache_creation_input_tokens", "num_search_queries", "service_tier",
    "prompt_cache_hit_tokens",
)  # fmt: skip
PARTS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens", "image_tokens")
DETAILS = st.dictionaries(st.sampled_from(PARTS), COUNTS)


@given(
    st.dictionaries(st.sampled_from(WORDS), COUNTS),
    st.dictionaries(
        st.sampled_from(
            [
                "prompt_tokens_details",
                "completion_tokens_details",
                "input_tokens_details",
                "output_tokens_details",
            ]
        ),
        DETAILS,
    ),
)
def test_any_report_is_read_or_refused_and_never_for_less_than_it_says(
    counts: dict[str, Any], details: dict[str, Any]
) -> None:
    found = read_usage(json.dumps({**counts, **details}).encode())
    if found is None:
        return
    assert found.cache_read + found.cache_write <= found.input and found.reasoning <= found.output
    said_in = counts.get("prompt_tokens") or 0
    said_out = counts.get("completion_tokens") or 0
    assert found.input >= said_in and found.output >= said_out
    assert found.input + found.output >= (counts.get("total_tokens") or 0)

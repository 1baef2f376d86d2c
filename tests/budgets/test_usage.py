"""What providers mean by the tokens they report: the traps of the wire reference, one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.usage import COUNT_MAX, INPUT_PARTS, OUTPUT_PARTS, Tokens, fit
from budgets.usage_shapes import SHAPES, merged, normalise

#: Shape, what the provider says, and what it means.
REPORTS: list[tuple[str, dict[str, Any], Tokens]] = [
    (  # OpenAI: cached and written tokens are of the prompt, reasoning is of the completion
        "openai",
        {
            "prompt_tokens": 1000,
            "completion_tokens": 300,
            "total_tokens": 1300,
            "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": None},
        },
        Tokens(1000, 300, cache_read=600, cache_write_5m=100, reasoning=200),
    ),
    (
        "openai",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"audio_tokens": 30},
            "completion_tokens_details": {"audio_tokens": 40},
        },
        Tokens(100, 50, audio_in=30, audio_out=40),
    ),
    (  # DeepSeek's own names
        "openai",
        {
            "prompt_tokens": 50,
            "completion_tokens": 5,
            "prompt_cache_hit_tokens": 20,
            "prompt_cache_miss_tokens": 30,
        },
        Tokens(50, 5, cache_read=20),
    ),
    # Anthropic's OpenAI-compatible endpoint says it at the top
    (
        "openai",
        {"prompt_tokens": 50, "completion_tokens": 5, "cached_tokens": 20},
        Tokens(50, 5, cache_read=20),
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
        Tokens(194, 2, cache_read=100, cache_write_5m=50),
    ),
    # Embeddings and ranking that say the total only
    ("openai", {"total_tokens": 12}, Tokens(12)),
    # Compatible servers that count beside what OpenAI counts within: nothing is lost
    (
        "openai",
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 70}},
        Tokens(10, 75, reasoning=70),
    ),
    (
        "openai",
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}},
        Tokens(100, 5, cache_read=90),
    ),
    (  # xAI chat: reasoning is beside the completion
        "xai",
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Tokens(32, 103, reasoning=94),
    ),
    (  # … unless its total says that it is within
        "xai",
        {
            "prompt_tokens": 32,
            "completion_tokens": 103,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Tokens(32, 103, reasoning=94),
    ),
    (
        "responses",
        {
            "input_tokens": 75,
            "input_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 11},
            "output_tokens": 1186,
            "output_tokens_details": {"reasoning_tokens": 1024},
            "total_tokens": 1261,
        },
        Tokens(75, 1186, cache_read=32, cache_write_5m=11, reasoning=1024),
    ),
    (  # Anthropic: cache reads and writes are beside the input
        "anthropic",
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "output_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
            "output_tokens_details": {"thinking_tokens": 3},
            "server_tool_use": {"web_search_requests": 2},
        },
        Tokens(1110, 5, 1000, 60, 40, reasoning=3, searches=2),
    ),
    (
        "anthropic",
        {"input_tokens": 10, "cache_creation_input_tokens": None, "output_tokens": 5, "cache_creation": None},
        Tokens(10, 5),
    ),
    (  # several attempts behind one answer: the bill is their sum, whatever stands above it
        "anthropic",
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {"type": "message", "input_tokens": 100, "output_tokens": 7, "cache_read_input_tokens": 50},
                {"type": "message", "input_tokens": 10, "output_tokens": 5},
            ],
        },
        Tokens(160, 12, cache_read=50),
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
        Tokens(115, 50, cache_read=60, reasoning=30),
    ),
    (  # … unless the total says that the candidates hold the thoughts
        "gemini",
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 50,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 150,
        },
        Tokens(100, 50, reasoning=30),
    ),
    (  # nothing but thoughts
        "gemini",
        {"promptTokenCount": 8, "thoughtsTokenCount": 30, "totalTokenCount": 38},
        Tokens(8, 30, reasoning=30),
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
        Tokens(100, 1290, audio_in=32, image_in=58, image_out=1290),
    ),
    # Ollama: a prompt it still holds is not counted, nor said to be none
    ("ollama", {"prompt_eval_count": 26, "eval_count": 298, "eval_duration": 4}, Tokens(26, 298)),
    ("ollama", {"eval_count": 298}, Tokens(0, 298)),
    (  # Bedrock: cache beside the input
        "bedrock",
        {
            "inputTokens": 3,
            "outputTokens": 5,
            "cacheReadInputTokens": 100,
            "cacheWriteInputTokens": 70,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 50}, {"ttl": "1h", "inputTokens": 20}],
        },
        Tokens(173, 5, 100, 50, 20),
    ),
]


@pytest.mark.parametrize(("shape", "report", "meant"), REPORTS)
def test_what_a_report_means(shape: str, report: dict[str, Any], meant: Tokens) -> None:
    assert normalise(SHAPES[shape], report) == meant


@pytest.mark.parametrize("odd", [-1, True, "7", 1.5, 2 * COUNT_MAX, [], {}])
@pytest.mark.parametrize(
    "where", [("prompt_tokens",), ("completion_tokens",), ("prompt_tokens_details", "cached_tokens")]
)
def test_numbers_that_cannot_be_true_are_not_believed(odd: Any, where: tuple[str, ...]) -> None:
    report: dict[str, Any] = {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {}}
    report[where[0]] = {where[1]: odd} if len(where) > 1 else odd
    assert normalise(SHAPES["openai"], report) is None


def test_a_report_of_nothing_is_none() -> None:
    for shape in SHAPES.values():
        assert normalise(shape, {}) is None
        assert normalise(shape, {"usage": {}, "prompt_tokens_details": 3}) is None
    assert normalise(SHAPES["anthropic"], {"iterations": [{"input_tokens": -5}]}) is None
    assert normalise(SHAPES["anthropic"], {"iterations": ["?"]}) is None


def test_the_end_of_an_anthropic_stream_completes_its_beginning() -> None:
    start = {
        "input_tokens": 10,
        "cache_read_input_tokens": 50,
        "output_tokens": 1,
        "cache_creation": {"ephemeral_1h_input_tokens": 0},
    }
    last = {"input_tokens": None, "output_tokens": 12, "server_tool_use": {"web_search_requests": 1}}
    both = merged(start, last)
    assert normalise(SHAPES["anthropic"], both) == Tokens(60, 12, cache_read=50, searches=1)
    assert merged(both, last) == both  # cumulative: said again, nothing is added


@given(st.lists(st.integers(-5, 2 * COUNT_MAX), min_size=11, max_size=11))
def test_parts_never_exceed_their_whole(counts: list[int]) -> None:
    fitted = fit(Tokens(*counts))
    assert min(fitted) >= 0 and max(fitted) <= COUNT_MAX
    assert sum(getattr(fitted, part) for part in INPUT_PARTS) <= fitted.input
    assert sum(getattr(fitted, part) for part in OUTPUT_PARTS) <= fitted.output
    assert fit(fitted) == fitted


COUNTS = st.one_of(st.none(), st.integers(0, 10_000), st.sampled_from([-1, "x", True, 10**12]))
FIELDS = sorted(
    {".".join(path) for shape in SHAPES.values() for one in shape if isinstance(one, tuple) for path in one}
)


@given(st.sampled_from(sorted(SHAPES)), st.dictionaries(st.sampled_from(FIELDS), COUNTS, max_size=12))
def test_any_report_is_read_or_refused(shape: str, report: dict[str, Any]) -> None:
    raw: dict[str, Any] = {}
    for dotted, count in report.items():
        *path, last = dotted.split(".")
        inner = raw
        for step in path:
            inner = inner.setdefault(step, {}) if isinstance(inner.get(step, {}), dict) else {}
        inner[last] = count
    found = normalise(SHAPES[shape], raw)
    assert found is None or (found == fit(found) and type(found.input) is int)

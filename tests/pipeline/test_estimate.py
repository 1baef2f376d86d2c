"""Estimates from whole bodies: what counts as text and what does not, bounds in order, learning from reports."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from gateway.admission.calibration import AUDIO, IMAGE, PAGES, PRIORS, UNSEEN
from gateway.admission.text_kind import CJK, CODE, PROSE
from gateway.charge import Estimate, Makeup
from gateway.dialects.document import Document
from gateway.exchange import Usage
from gateway.metrics import Metrics
from gateway.pipeline.body_check import check_body
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.makeup import form_makeup, makeup

WHO = ("tenant", "smart", "model-1")
WORDS = "the keeper of the lighthouse went down to the harbour and said that a storm would come before night "
IMAGE_URL = "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(400_000)).decode()


def made_of(fields: dict[str, Any], endpoint: str = "chat", *, escaped: bool = False) -> Makeup:
    raw = json.dumps({"model": "smart", **fields}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    document = Document(raw)
    check_body(document.fields, endpoint)
    return makeup(document, endpoint)


def chat(*texts: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts], **more}


def estimator() -> Estimator:
    return Estimator(Metrics(CollectorRegistry(), lambda: 0))


def estimated(makeup: Makeup) -> Estimate:
    return estimator().estimate(makeup, *WHO)


def part(kind: int, made: Makeup) -> float:
    return sum(size for this, size in made.parts if this == kind)


def reported(tokens: int, output: int = 0) -> Usage:
    return Usage(tokens, output, source="provider")


# What a body is made of


def test_a_chat_is_its_text_and_a_template() -> None:
    made = made_of(chat(WORDS * 3, WORDS * 2))
    assert part(PROSE, made) == pytest.approx(len(WORDS) * 5, abs=12)
    assert made.flat == 3 + 2 * 4
    assert estimated(made).input == pytest.approx(0.27 * 5 * len(WORDS), rel=0.1)


def test_tools_count_as_code_and_each_costs_something() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    plain, one, two = (made_of(chat(WORDS * 9, tools=[tool] * count)) for count in (0, 1, 2))
    assert plain.flat + 12 + 7 == one.flat == two.flat - 7
    assert 0 == part(CODE, plain) < part(CODE, one) < part(CODE, two)
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    assert part(CODE, made_of(chat(WORDS, response_format=schema))) > 50
    assert part(CODE, made_of({"input": WORDS, "text": {"format": schema}}, "responses")) > 50


def test_what_is_not_read_by_the_model_is_not_counted() -> None:
    assert made_of(chat(WORDS, metadata={"x": "y" * 10_000}, user="u" * 500)) == made_of(chat(WORDS))


@pytest.mark.parametrize("size", [2_000, 60_000, 530_000])
def test_an_image_is_an_image_however_large(size: int) -> None:
    text = {"type": "text", "text": WORDS * 5}
    for image in (
        {"type": "image_url", "image_url": {"url": IMAGE_URL[:size]}},
        {"type": "input_image", "image_url": IMAGE_URL[:size]},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ):
        made = made_of(chat([text, image]))
        assert part(IMAGE, made) == 1
        assert part(PROSE, made) + part(CODE, made) < len(WORDS) * 5 + 200
        assert 765 < estimated(made).input < 765 + 300


def test_low_detail_costs_what_it_costs() -> None:
    low = {"type": "image_url", "image_url": {"url": IMAGE_URL, "detail": "low"}}
    assert 85 <= estimated(made_of(chat([low]))).input < 150


def test_base64_in_prose_is_text() -> None:
    assert estimated(made_of(chat(WORDS + IMAGE_URL[:50_000]))).input > 10_000


def test_a_tool_may_answer_with_an_image() -> None:
    shot = {"type": "computer_screenshot", "image_url": IMAGE_URL}
    made = made_of({"input": [{"type": "computer_call_output", "call_id": "c", "output": shot}]}, "responses")
    assert part(IMAGE, made) == 1
    assert estimated(made).input < 1500


def test_sound_counts_by_the_second_and_documents_by_the_page() -> None:
    data = "A" * 640_000
    for format_, seconds in (("wav", 10), ("mp3", 60)):
        audio = {"type": "input_audio", "input_audio": {"data": data, "format": format_}}
        assert part(AUDIO, made_of(chat([audio]))) == pytest.approx(seconds, rel=0.01)
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + data}}
    assert 10 < part(PAGES, made_of(chat([file]))) < 12
    assert estimated(made_of(chat([file]))).input_upper < 60_000


def test_texts_given_as_tokens_are_counted() -> None:
    one = estimated(made_of({"input": list(range(1000))}, "embeddings"))
    many = estimated(made_of({"input": [[1, 2, 3], [4] * 997]}, "embeddings"))
    assert one.input == many.input == 1000
    assert estimated(made_of({"prompt": [5] * 70}, "completions")).input == 70


def test_what_the_provider_adds_is_reckoned_with() -> None:
    plain = {"input": WORDS}
    for more in (
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"tools": [{"type": "web_search"}]},
    ):
        assert part(UNSEEN, made_of({**plain, **more}, "responses")) == 1
    assert not part(UNSEEN, made_of({**plain, "tools": [{"type": "function", "name": "f"}]}, "responses"))


def test_escaped_text_counts_as_what_it_says() -> None:
    text = "灯塔看守人的女儿说那年的风暴卷走了旧码头" * 100
    raw, escaped = made_of(chat(text)), made_of(chat(text), escaped=True)
    assert [kind for kind, _ in raw.parts] == [kind for kind, _ in escaped.parts] == [CJK]
    assert part(CJK, raw) == pytest.approx(part(CJK, escaped), rel=0.02)


def test_forms() -> None:
    assert part(AUDIO, form_makeup("transcriptions", 8000 * 60)) == pytest.approx(61)
    assert estimated(form_makeup("transcriptions", 8000 * 60)).input == pytest.approx(611, abs=2)
    assert part(IMAGE, form_makeup("images", 10**6)) == 1


# What is expected of the answer


@pytest.mark.parametrize(
    ("more", "searches"),
    [
        ({}, 0),
        ({"tools": [{"type": "function"}, 3, {"type": None}]}, 0),
        ({"tools": [{"type": "web_search"}]}, 20),
        ({"tools": [{"type": "web_search_preview"}], "max_tool_calls": 3}, 3),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": 10**9}, 20),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": -1}, 20),
        ({"web_search_options": {}}, 1),
        ({"web_search_options": None}, 0),
    ],
)
def test_searches_that_may_be_made_are_counted_on(more: dict[str, Any], searches: int) -> None:
    assert made_of({"model": "m", "input": "hello", **more}, "responses").searches == searches


@pytest.mark.parametrize(
    ("fields", "output", "output_max"),
    [
        ({}, 1024, None),
        ({"max_tokens": 100}, 100, 100),
        ({"max_tokens": 0}, 0, 0),
        ({"max_tokens": None}, 1024, None),
        ({"max_completion_tokens": 5000}, 1024, 5000),
        ({"max_tokens": 10, "max_completion_tokens": 20}, 20, 20),
        ({"n": 3}, 3072, None),
        ({"n": 3, "max_tokens": 100}, 300, 300),
        ({"n": None}, 1024, None),
        ({"reasoning_effort": "high"}, 8192, None),
        ({"reasoning_effort": "none"}, 1024, None),
        ({"reasoning_effort": None}, 1024, None),
        ({"reasoning_effort": "low", "max_completion_tokens": 2000}, 2000, 2000),
    ],
)
def test_answers_of_chats(fields: dict[str, Any], output: int, output_max: int | None) -> None:
    made = estimated(made_of(chat(WORDS, **fields)))
    assert (made.output, made.output_max) == (output, output_max)


def test_answers_elsewhere() -> None:
    for endpoint, fields in (
        ("embeddings", {"input": [WORDS]}),
        ("moderations", {"input": WORDS}),
        ("rerank", {"query": "a", "documents": [WORDS]}),
        ("responses_input_tokens", {"input": WORDS}),
        ("speech", {"input": WORDS}),
        ("something new", {"words": WORDS}),
    ):
        made = estimated(made_of(fields, endpoint))
        assert (made.output, made.output_max) == (0, 0), endpoint
        assert made.input >= 10
    made = estimated(
        made_of({"input": "a", "max_output_tokens": 50, "reasoning": {"effort": "high"}}, "responses")
    )
    assert (made.output, made.output_max) == (50, 50)
    assert estimated(made_of({"input": "a", "reasoning": {}}, "responses")).output == 8192
    assert estimated(made_of({"prompt": "a", "best_of": 4}, "completions")).output == 1024
    assert estimated(made_of({"prompt": "a cat", "n": 2}, "images")).output == 2112
    two = made_of({"prompt": ["a", "b"], "n": 3, "max_tokens": 10}, "completions")
    assert (two.texts, two.choices, two.output_max) == (2, 6, 60)
    assert made_of({"prompt": [[1, 2], [3]]}, "completions").texts == 2
    assert made_of({"prompt": [1, 2, 3]}, "completions").texts == 1


# Whatever comes

_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9), st.text(max_size=40)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ("content", "type", "text", "image_url", "url", "file", "file_data", "input_audio", "output")
            ),
            st.one_of(inner, st.sampled_from(("image_url", "input_audio", "input_file", "file", "text"))),
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(
        ["chat", "completions", "responses", "embeddings", "moderations", "rerank", "images", "speech", "x"]
    ),
    st.dictionaries(
        st.sampled_from(("input", "instructions", "prompt", "text", "functions", "response_format", "query",
                         "documents", "reasoning", "conversation", "previous_response_id")),
        _JSON,
    ),
    st.lists(_JSON, min_size=1, max_size=4),
    st.booleans(),
)  # fmt: skip
def test_no_body_breaks_it(endpoint: str, fields: dict[str, Any], messages: list[Any], escaped: bool) -> None:
    raw = json.dumps({"model": "m", "messages": messages, **fields}, ensure_ascii=escaped)
    known = estimator()
    made = makeup(Document(raw.encode("utf-8", "surrogatepass")), endpoint)
    one = known.estimate(made, *WHO)
    assert 1 <= one.input <= one.input_upper
    assert one.output >= 0


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400), st.integers(1, 40))
def test_more_of_the_same_text_is_never_less(text: str, times: int) -> None:
    known = estimator()
    less, more = (made_of(chat((WORDS * 4 + text) * count)) for count in (times, times + 1))
    if [kind for kind, _ in less.parts] == [kind for kind, _ in more.parts] and len(text) < 30:
        one, other = known.estimate(less, *WHO), known.estimate(more, *WHO)
        assert one.input <= other.input
        assert one.input_upper <= other.input_upper


@given(st.sampled_from(range(len(PRIORS))), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 99))
def test_estimates_grow_with_size(kind: int, one: int, other: int, flat: int) -> None:
    known = estimator()
    less, more = (known.estimate(Makeup(((kind, size),), flat, flat), *WHO) for size in sorted((one, other)))
    assert 1 <= less.input <= more.input <= more.input_upper
    assert less.input <= less.input_upper <= more.input_upper


# Learning


def test_it_learns_from_reports() -> None:
    known, made = estimator(), made_of(chat(WORDS * 30))
    for _ in range(100):
        usage = reported(made.flat + int(part(PROSE, made) * 0.2), 40)
        known.learn_input(made, known.estimate(made, *WHO), WHO[2], WHO[2], usage)
        known.learn_output(made, *WHO, usage, True, 40 * 300)
    after = known.estimate(made, *WHO)
    assert after.input == pytest.approx(usage.input, rel=0.05)
    assert after.input < after.input_upper < 1.3 * usage.input
    assert after.output == pytest.approx(40, rel=0.2)
    assert known.answered(WHO[2], True, 3000) == pytest.approx(10, abs=1)
    assert known.answered("another", True, 3000) == 15
    assert known.estimate(made, "another tenant", *WHO[1:]).output == 1024


@pytest.mark.parametrize("tokens", [0, -5, 10**6, 10**9])
def test_reports_that_cannot_be_true_teach_nothing(tokens: int) -> None:
    known, made = estimator(), made_of(chat(WORDS * 30))
    before = known.estimate(made, *WHO)
    for _ in range(100):
        known.learn_input(made, before, WHO[2], WHO[2], reported(tokens))
        known.learn_input(made, before, WHO[2], WHO[2], Usage(500, 5, source="estimated"))
        known.learn_output(made, *WHO, reported(10, 0), False, 100)
    assert known.estimate(made, *WHO) == before


def test_outputs_are_learned_for_each_choice() -> None:
    known, three = estimator(), made_of(chat(WORDS, n=3))
    for _ in range(50):
        known.learn_output(three, *WHO, reported(10, 300), False, 0)
    assert known.estimate(three, *WHO).output == pytest.approx(300, rel=0.2)
    assert known.estimate(made_of(chat(WORDS)), *WHO).output == pytest.approx(100, rel=0.2)


def test_what_is_read_several_times_teaches_what_it_comes_to_once() -> None:
    known, made = estimator(), made_of(chat(WORDS * 30, n=3))
    once = known.estimate(made, *WHO)
    for _ in range(150):
        known.learn_input(made, once, WHO[2], WHO[2], reported(1200), 3)
    assert known.estimate(made, *WHO).input == pytest.approx(400, rel=0.05)
    assert (once.read(3).input, once.read(3).input_upper) == (3 * once.input, 3 * once.input_upper)
    assert once.read(3).output == once.output


def test_images_are_learned_from_bodies_that_are_mostly_images() -> None:
    known = estimator()
    image = {"type": "image_url", "image_url": {"url": IMAGE_URL}}
    made, text = made_of(chat([image])), made_of(chat(WORDS))
    before = known.estimate(text, *WHO)
    for _ in range(150):
        known.learn_input(made, known.estimate(made, *WHO), WHO[2], WHO[2], reported(1400))
    assert known.estimate(made, *WHO).input == pytest.approx(1400, rel=0.05)
    assert known.estimate(text, *WHO) == before


def test_an_answers_length_is_a_guess_until_enough_were_seen() -> None:
    made, one = estimator(), made_of(chat("hi"))
    bounded = made_of(chat("hi", max_tokens=50))
    assert made.estimate(one, *WHO).guessed and made.estimate(bounded, *WHO).guessed
    guesses = 0
    while made.estimate(one, *WHO).guessed:
        guesses += 1
        made.learn_output(one, *WHO, reported(5, 7), streamed=False, relayed=0)
    assert 10 <= guesses <= 20 and made.estimate(one, *WHO).output < 100
    assert not made.estimate(bounded, *WHO).guessed
    assert not made.estimate(made_of({"input": "hi"}, "embeddings"), *WHO).guessed

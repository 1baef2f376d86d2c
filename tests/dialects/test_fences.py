"""Marks of code around an answer that has to be JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.fences import Unfenced, unfenced


@pytest.mark.parametrize(
    ("said", "bare"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('  ```\r\n\n{"a": 1}```\n', '{"a": 1}'),
        ('{"a": "```"}', '{"a": "```"}'),
        ("Here: ```json\n{}\n```", "Here: ```json\n{}\n```"),
        ("```json\n{}", "```json\n{}"),
        ("```", "```"),
        ("`````", "`````"),
        ("```\n```", "```\n```"),
        ("```json {}```", "```json {}```"),
    ],
)
def test_they_come_off_where_they_are_around_all_of_it(said: str, bare: str) -> None:
    assert unfenced(said) == bare


def test_what_only_begins_like_it_is_read_through_once() -> None:
    """A pattern that goes back and forth would not come to an end here."""
    said = "```" + "\n" * 500_000 + "x"
    assert unfenced(said) is said


def given_of(pieces: list[str]) -> str:
    bare = Unfenced()
    return "".join([*map(bare.take, pieces), bare.end()])


@pytest.mark.parametrize(
    "said", ['```json\n{"a": 1}\n```', '  ```\r\n\n{"a": 1}```\n', '\n```\n{"a": 1}\n\n``` \n']
)
def test_they_come_off_a_stream(said: str) -> None:
    for size in range(1, len(said) + 1):
        pieces = [said[start : start + size] for start in range(0, len(said), size)]
        assert given_of(pieces).strip() == unfenced(said)


@given(st.lists(st.sampled_from(["`", "``", "```", "json", "\n", " ", "{", '"', "}", "x", " " * 20])))
def test_how_a_stream_was_cut_changes_nothing(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert given_of(pieces) == given_of([whole]) == given_of(list(whole))


@given(st.dictionaries(st.text("`\n j"), st.text("`\n j")), st.sampled_from([None, 2]), st.booleans())
def test_a_stream_of_json_is_given_whole(value: dict[str, str], indent: int | None, fenced: bool) -> None:
    bare = json.dumps(value, indent=indent)
    said = f"```json\n{bare}\n```" if fenced else bare
    assert json.loads(given_of(list(said))) == value


def test_no_more_is_held_back_than_marks_are_long() -> None:
    bare, held = Unfenced(), 0
    bare.take("```json\n")
    for letter in ' \n`"{}x' * 300 + " " * 300 + "`" * 300:
        held += 1 - len(bare.take(letter))
        assert held <= 40

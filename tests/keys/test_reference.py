"""References say where a secret is; a secret in their place is refused and not repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.secrets.reference import MalformedReferenceError, Reference, parse

LITERAL = "sk-proj-Zm9vYmFy0123456789"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("env:OPENAI_API_KEY", Reference("env", "OPENAI_API_KEY")),
        ("file:/run/secrets/openai", Reference("file", "/run/secrets/openai")),
        ("file:/with#sign:and space", Reference("file", "/with#sign:and space")),
        ("vault:kv/llm/anthropic#key1", Reference("vault", "kv/llm/anthropic", "key1")),
        ("vault:team/kv/a.b-c_d@e=f#x", Reference("vault", "team/kv/a.b-c_d@e=f", "x")),
    ],
)
def test_what_is_one(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert str(parse(text)) == repr(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", LITERAL, f"env:{LITERAL}", "env:", "env:1A", "env:A B", "env:A\n", "ENV:A", "file:", "file:relative",
        "vault:", "vault:kv", "vault:kv/a", "vault:kv/a#", "vault:#x", "vault:kv#x", "vault:/kv/a#x",
        "vault:kv//a#x",
        "vault:kv/../a#x", "vault:kv/./a#x", "vault:kv/a?list=true#x", "vault:kv/a%2f#x", "vault:kv/a#x#y",
        "vault:kv/a b#x", "vault:kv/é#x", "vault:kv/a/#x", "vault:" + "a/" * 40 + "b#x", "http://vault/kv#x",
        "literal:x",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(MalformedReferenceError) as caught:
        parse(text)
    assert LITERAL not in str(caught.value)


@given(st.text())
def test_any_text_is_a_reference_or_refused_without_being_shown(text: str) -> None:
    try:
        reference = parse(text)
    except MalformedReferenceError as error:
        assert str(error) in {
            "env: takes the name of an environment variable",
            "file: takes an absolute path",
            "vault: takes mount/path#field",
            "must be a reference (env:NAME, file:/path or vault:…), never the secret itself",
        }
    else:
        assert text.startswith(f"{reference.scheme}:")


def test_a_name_that_may_be_a_misplaced_secret_is_not_shown() -> None:
    reference = parse("env:skProjZm9vYmFy0123456789")
    assert f"{reference} {reference!r}" == "env:… env:…"
    assert str(parse("env:lower_case")) == "env:…"

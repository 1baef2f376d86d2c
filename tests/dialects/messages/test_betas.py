"""Previews that callers switch on: for Anthropic as they were sent, for nobody else."""

from gateway.dialects.messages.betas import beta_line, beta_values, refused_betas


def test_values_are_read_from_one_line_or_several() -> None:
    lines = ["a-2025-01-01, b-1", "c-1,a-2025-01-01", "bad value\r\nx: y,,", ""]
    assert beta_values(lines) == ("a-2025-01-01", "b-1", "c-1")
    assert len(beta_values([",".join(f"b{n}" for n in range(100))])) == 32


def test_they_go_to_anthropic_alone() -> None:
    assert beta_line(("a", "b"), "anthropic") == b"anthropic-beta: a,b\r\n"
    assert beta_line(("a", "b"), "anthropic", {"a"}) == b"anthropic-beta: b\r\n"
    assert beta_line(("a",), "anthropic", {"a"}) == b""
    assert beta_line((), "anthropic") == b""
    assert [beta_line(("a",), dialect) for dialect in ("openai", "azure", "gemini", "ollama")] == [b""] * 4


def test_those_that_are_not_known_there_are_told() -> None:
    said = "Unexpected value(s) `foo-2025-01-01`, `bar-1` for the `anthropic-beta` header. Please consult …"
    assert refused_betas(said) == ("foo-2025-01-01", "bar-1")
    assert refused_betas("max_tokens: Field required") == ()

"""The page on dialects says what the tables say."""

from tests.dialects.page import PAGE, page


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text() == page(), "python -m tests.dialects.page"


def test_every_api_is_on_the_page() -> None:
    text = page()
    for title in ("Chat completions", "Responses", "Anthropic messages", "Gemini generateContent", "Ollama"):
        assert f"## {title}" in text

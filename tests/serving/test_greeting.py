"""What a start says to whom configured little: how to name a model, and a request that works."""

from pathlib import Path

import pytest

from gateway.serving.greeting import greeting
from gateway.settings.load import load

DATA, ADMIN = "http://127.0.0.1:8080", "http://127.0.0.1:8081"


def said(directory: Path, **environ: str) -> str:
    settings = load(None, {"KAZE_DATA_DIR": str(directory), **environ}, {})
    return greeting(settings, DATA, ADMIN)


def test_openai_itself_has_known_models(tmp_path: Path) -> None:
    text = said(tmp_path, OPENAI_API_KEY="sk-x")
    assert '"model": "smart"' in text
    assert "provider/model" not in text


@pytest.mark.parametrize(
    ("environ", "provider"),
    [
        ({"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, "openai"),
        ({"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "https://api.groq.com/openai/v1"}, "openai"),
        ({"OLLAMA_HOST": "127.0.0.1"}, "ollama"),
    ],
)
def test_elsewhere_models_are_named_by_provider(
    tmp_path: Path, environ: dict[str, str], provider: str
) -> None:
    text = said(tmp_path, **environ)
    assert f"Name models as provider/model: {provider}/…" in text
    assert f'"model": "{provider}/MODEL"' in text
    assert "sk-" not in text


def test_the_discovered_provider_has_its_hosts_flavour(tmp_path: Path) -> None:
    for url, flavour in (("https://api.groq.com/openai/v1", "groq"), ("http://127.0.0.1:1/v1", "generic")):
        environ = {"KAZE_DATA_DIR": str(tmp_path), "OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url}
        assert load(None, environ, {}).snapshot.providers["openai"].flavour == flavour

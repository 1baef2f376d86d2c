"""LangChain's standard tests (`langchain-tests`), with its clients of OpenAI and Anthropic before each dialect.

They may not be overridden, so what a model must say exactly for one of them is told to the provider beforehand, and
the pictures and papers that they fetch from the web are in the folder beside.
"""

import inspect
import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_anthropic import _client_utils as anthropic_clients
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_openai.chat_models import _client_utils as openai_clients
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.conformance.every_dialect import Served
from tests.conformance.left_open import close_left_open
from tests.running import TENANT_KEY

#: LangChain's clients keep their connections in caches that outlive the loops they belong to, and give advice.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning"
)
_CACHES = (anthropic_clients._get_default_httpx_client, openai_clients._cached_sync_httpx_client)
_ASYNC_CACHES = (
    anthropic_clients._get_default_async_httpx_client,
    openai_clients._cached_async_httpx_client,
)
_MAGIC: dict[str, Any] = {"tool_calls": [{"name": "magic_function", "arguments": {"input": 3}}]}
_JOKE: dict[str, Any] = {"text": json.dumps({"setup": "Why do cats purr?", "punchline": "They may."})}
#: What the model says in a test, where any sensible words will not do.
_SAID = {
    "test_tool_calling": _MAGIC,
    "test_tool_calling_async": _MAGIC,
    "test_json_mode": _JOKE,
}
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8ffff3f0005fe02fe"
    "a735819d0000000049454e44ae426082"
)
_PDF = b"%PDF-1.4\n%%EOF\n"


def _fetched(url: str, **_: Any) -> httpx.Response:
    """What the tests get from the web."""
    return httpx.Response(200, content=_PDF if url.endswith(".pdf") else _PNG)


@pytest.fixture(scope="module", autouse=True)
def left_behind() -> Iterator[None]:
    """What they leave open is taken away here, and not in the middle of somebody else's test."""
    yield
    _forget((*_ASYNC_CACHES, *_CACHES))
    close_left_open()


def _forget(caches: Iterable[Any]) -> None:
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def benchmark() -> None:
    """Of a plugin that is off: the one test that asks for it is for recorded answers, and skips itself."""


@pytest.fixture
def vcr() -> None:
    """Likewise."""


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest, gateway: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(httpx, "get", _fetched)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "kaze")
    said = _SAID.get(request.function.__name__)
    if said is not None:
        gateway.sim.script(**said, repeat=0)
    if inspect.iscoroutinefunction(request.function):
        _forget(_ASYNC_CACHES)
    yield
    gateway.sim.reset()


class _Chats(ChatModelIntegrationTests):
    """With all that there is to support; subclasses say what is not, and why."""

    behind: str
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    supports_audio_inputs = True

    @pytest.fixture(autouse=True)
    def at(self, gateway: Served) -> None:
        self.url = gateway.url


class _OpenAIChats(_Chats):
    chat_model_class = ChatOpenAI
    supports_json_mode = True

    @property
    def chat_model_params(self) -> dict[str, Any]:
        model, url = f"gpt-4.1.{self.behind}", f"{self.url}/v1"
        return {"model": model, "base_url": url, "api_key": TENANT_KEY, "stream_usage": True}

    @property
    def model_override_value(self) -> str:
        return f"gpt-5-mini.{self.behind}"


class _AnthropicChats(_Chats):
    chat_model_class = ChatAnthropic
    supports_anthropic_inputs = True
    supports_audio_inputs = False  # nor does LangChain's client send it

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": f"claude-opus-4-6.{self.behind}", "base_url": self.url, "api_key": TENANT_KEY}

    @property
    def model_override_value(self) -> str:
        return f"gpt-4.1.{self.behind}"


class TestChatOpenAI(_OpenAIChats):
    behind = "openai"


class TestChatOpenAIOnAnthropic(_OpenAIChats):
    behind = "anthropic"
    supports_audio_inputs = False  # Claude hears nothing: refused


class TestChatOpenAIOnGemini(_OpenAIChats):
    behind = "gemini"
    supports_image_urls = (
        False  # Gemini fetches none of the web, the gateway for tenants with `fetch_urls` alone
    )


class TestChatOpenAIOnOllama(_OpenAIChats):
    behind = "ollama"
    supports_image_urls = False  # the same
    supports_pdf_inputs = False  # Ollama's chat takes texts and images
    supports_pdf_tool_message = False
    supports_audio_inputs = False


class TestChatAnthropic(_AnthropicChats):
    behind = "anthropic"


class TestChatAnthropicOnOpenAI(_AnthropicChats):
    behind = "openai"


class TestChatAnthropicOnGemini(_AnthropicChats):
    behind = "gemini"
    supports_image_urls = False  # as above


class TestChatAnthropicOnOllama(_AnthropicChats):
    behind = "ollama"
    supports_image_urls = False  # as above
    supports_pdf_inputs = False
    supports_pdf_tool_message = False


class _Embeds(EmbeddingsIntegrationTests):
    embeddings_class = OpenAIEmbeddings
    behind: str

    @pytest.fixture(autouse=True)
    def at(self, gateway: Served) -> None:
        self.url = gateway.url

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        model, url = f"embed.{self.behind}", f"{self.url}/v1"
        # Texts go as texts: only OpenAI's own models read its tokens.
        return {"model": model, "base_url": url, "api_key": TENANT_KEY, "check_embedding_ctx_length": False}


class TestOpenAIEmbeddings(_Embeds):
    behind = "openai"


class TestOpenAIEmbeddingsOnGemini(_Embeds):
    behind = "gemini"


class TestOpenAIEmbeddingsOnOllama(_Embeds):
    behind = "ollama"

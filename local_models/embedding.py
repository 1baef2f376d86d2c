"""The model that makes vectors of texts, all-MiniLM-L6-v2: the mean of what it makes of each token, of length 1."""

from dataclasses import dataclass

import numpy
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from local_models.weights import embedding_vocabulary, embedding_weights

NAME = "all-minilm"
#: Positions that it knows, in tokens.
CONTEXT = 512

Vector = NDArray[numpy.float32]


class TooLongError(ValueError):
    """A text has more tokens than the model has positions."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of one request, and how many tokens were read for them."""

    vectors: list[Vector]
    tokens: int


class EmbeddingModel:
    """Loaded when made, in half a second; raises NotInstalledError."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what the longest text took
        self._session = onnxruntime.InferenceSession(
            str(embedding_weights()), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(embedding_vocabulary()))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def embed(self, texts: list[str]) -> Embedded:
        """Blocks for some 3 ms a sentence; raises TooLongError."""
        read = [self._tokenizer.encode(text).ids for text in texts]
        for index, tokens in enumerate(read):
            if len(tokens) > CONTEXT:
                raise TooLongError(f"text {index} has {len(tokens)} tokens; at most {CONTEXT} are read")
        return Embedded([self._vector(tokens) for tokens in read], sum(map(len, read)))

    def _vector(self, tokens: list[int]) -> Vector:
        ids = numpy.array([tokens], dtype=numpy.int64)
        given = {
            "input_ids": ids,
            "attention_mask": numpy.ones_like(ids),
            "token_type_ids": numpy.zeros_like(ids),
        }
        (states,) = self._session.run(["last_hidden_state"], given)
        mean: Vector = states[0].mean(axis=0)
        return mean / numpy.linalg.norm(mean)

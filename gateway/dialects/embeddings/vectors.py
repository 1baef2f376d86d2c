"""Vectors as they travel: JSON's numbers, or base64 of float32, little-endian; and their length."""

import sys
from array import array
from base64 import b64decode, b64encode
from math import fsum, isfinite, sqrt

from gateway.chat import Json
from gateway.embedding import EmbeddingRequest, Vector
from gateway.errors import UPSTREAM_INVALID, GatewayError

_FLOAT = 4  # bytes
_INTEGER_MAX = 1 << 64
_IS_LITTLE = sys.byteorder == "little"


def packed(vector: Vector) -> str:
    """As `encoding_format: base64` promises it."""
    floats = array("f", vector)
    if not _IS_LITTLE:
        floats.byteswap()
    return b64encode(floats.tobytes()).decode("ascii")


def read_vector(value: Json) -> Vector:
    """A provider's, as numbers or packed: some answer with the one when asked for the other.

    Raises GatewayError when it is neither, empty, or has what is no number.
    """
    if isinstance(value, list) and value and all(type(one) is float or _is_short(one) for one in value):
        return tuple(value)  # type: ignore[arg-type]
    if isinstance(value, str) and value:
        try:
            data = b64decode(value, validate=True)
        except ValueError:
            data = b""
        if data and len(data) % _FLOAT == 0:
            floats = array("f", data)
            if not _IS_LITTLE:
                floats.byteswap()
            if isfinite(sum(floats)):  # which is, in doubles, if each of them is
                return tuple(floats)
    raise GatewayError(UPSTREAM_INVALID, "The provider's answer has an embedding that is no vector.")


def _is_short(value: Json) -> bool:
    """Whether it is an integer that a float can be."""
    return type(value) is int and abs(value) < _INTEGER_MAX


def unit(vector: Vector) -> Vector:
    """The same direction with length 1; a vector of zeros has none, and stays."""
    length = sqrt(fsum(one * one for one in vector))
    return tuple(one / length for one in vector) if length else vector


def checked(vectors: tuple[Vector, ...], request: EmbeddingRequest) -> tuple[Vector, ...]:
    """Raises GatewayError unless there is one for each text: whose they are is told by their order alone."""
    if len(vectors) != len(request.inputs):
        said = f"The provider answered {len(request.inputs)} texts with {len(vectors)} embeddings."
        raise GatewayError(UPSTREAM_INVALID, said)
    return vectors

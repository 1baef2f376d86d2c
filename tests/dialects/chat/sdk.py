"""What the official SDK makes of a stream."""

from typing import Any

from openai._streaming import SSEDecoder
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """The JSON of its frames, as the SDK's decoder cuts them; the last must be the mark."""
    *frames, last = list(SSEDecoder().iter_bytes(iter([stream])))
    assert last.data == "[DONE]"
    assert not any(frame.event or frame.data == "[DONE]" for frame in frames)
    return [frame.json() for frame in frames]


def chunks(stream: bytes) -> list[ChatCompletionChunk]:
    """Each valid under the SDK's types."""
    return [ChatCompletionChunk.model_validate(frame) for frame in data_of(stream)]


def accumulated(stream: bytes) -> ChatCompletion:
    """What the helper `stream()` has in the end, before it says of some ends that they are errors."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks(stream):
        for _ in state.handle_chunk(chunk):
            pass
    return state.current_completion_snapshot


def completions(stream: bytes) -> list[Completion]:
    """Of a legacy stream; made as the SDK makes them, whose types know no choice that goes on."""
    return [Completion.construct(None, **frame) for frame in data_of(stream)]

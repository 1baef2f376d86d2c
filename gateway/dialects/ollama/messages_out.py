"""Turns as Ollama's messages: one a turn, its texts joined, its images beside them; answers of tools before it."""

import base64
import binascii

from gateway.capabilities import Capabilities
from gateway.chat import (
    DETAIL_OF_NOTHING,
    ChatRequest,
    Json,
    JsonObject,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.googles import check_anybodys
from gateway.dialects.json_fields import path, wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.named_by_url import not_got
from gateway.dialects.operator_note import operator_note
from gateway.dialects.text_document import document_words
from gateway.dialects.tool_arguments import arguments_object
from gateway.dialects.tool_failure import FAILED
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_PARTS, _PARAGRAPHS = "\n", "\n\n"


def write_messages(request: ChatRequest, can: Capabilities, losses: Losses) -> list[JsonObject]:
    """Raises GatewayError for what the model cannot be shown."""
    messages: list[JsonObject] = []
    if request.system:
        said = _PARAGRAPHS.join(one.text for one in request.system)
        messages.append({"role": "system", "content": said})
    called: dict[str, str] = {}  # names of tools by ids of their calls
    for turn in request.turns:
        if turn.role == "assistant":
            messages.append(_assistant(turn, can, called, losses))
        elif turn.role == "system":
            text = _PARTS.join(_texts(turn))
            messages.append(
                {"role": "system", "content": text}
                if can.mid_system
                else {"role": "user", "content": operator_note(text)}
            )
        else:
            _user(turn, can, called, messages, losses)
    return messages


def _texts(turn: Turn) -> list[str]:
    return [block.text for block in turn.blocks if isinstance(block, Text)]


def _user(
    turn: Turn, can: Capabilities, called: dict[str, str], messages: list[JsonObject], losses: Losses
) -> None:
    """What tools answered goes first, whatever it stands behind: it belongs to the calls of the turn before."""
    rest = [block for block in turn.blocks if not isinstance(block, ToolResult)]
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            name = called.get(block.id)
            if name is None:
                raise wrong_value(block.at, "answers no call of a turn before it")
            content, images = _content(block.blocks, can, losses)
            message: JsonObject = {
                "role": "tool",
                "content": FAILED + content if block.is_error else content,
                "tool_name": name,
                "tool_call_id": block.id,
            }
            messages.append(_with_images(message, images))
    if rest or not turn.blocks:
        shown = [block for block in rest if isinstance(block, Text | Media | Refusal)]
        content, images = _content(shown, can, losses)
        messages.append(_with_images({"role": "user", "content": content}, images))


def _assistant(turn: Turn, can: Capabilities, called: dict[str, str], losses: Losses) -> JsonObject:
    shown = [block for block in turn.blocks if isinstance(block, Text | Media | Refusal)]
    content, images = _content(shown, can, losses, joint="")
    message = _with_images({"role": "assistant", "content": content}, images)
    thoughts = [block for block in turn.blocks if isinstance(block, Thinking)]
    if can.thinking != "none" and any(block.text for block in thoughts):
        message["thinking"] = "".join(block.text for block in thoughts)
    for thought in thoughts:
        if thought.at and (can.thinking == "none" or not thought.text):
            losses.dropped(thought.at)
    calls: list[Json] = []
    for block in turn.blocks:
        if isinstance(block, ToolCall):
            called[block.id] = block.name
            function: JsonObject = {
                "index": len(calls),
                "name": block.name,
                "arguments": arguments_object(block),
            }
            calls.append({"id": block.id, "function": function})
    if calls:
        message["tool_calls"] = calls
    return message


def _with_images(message: JsonObject, images: list[str]) -> JsonObject:
    if images:
        message["images"] = list[Json](images)
    return message


def _content(
    blocks: "list[Text | Media | Refusal] | tuple[Text | Media, ...]",
    can: Capabilities,
    losses: Losses,
    joint: str = _PARTS,
) -> tuple[str, list[str]]:
    """(the text, what is shown beside it in base64)."""
    texts: list[str] = []
    images: list[str] = []
    for block in blocks:
        if not isinstance(block, Media):
            texts.append(block.text)
        elif block.kind == "document":
            texts.append(document_words(block, _document(block)))
        elif block.data and (block.kind == "image" or can.audio_in):
            images.append(block.data)
            if block.detail not in DETAIL_OF_NOTHING:
                losses.dropped(path(block.at, "detail"))
        else:
            raise _not_shown(block)
    return joint.join(texts), images


def _document(media: Media) -> str:
    """Only what is text can be read. Raises GatewayError for anything else."""
    if media.text:
        return media.text
    if not media.data or not media.media_type.startswith("text/"):
        raise _not_shown(media)
    try:
        return base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise wrong_value(media.at, "must be text in base64") from None


def _not_shown(media: Media) -> GatewayError:
    check_anybodys(media)
    if media.url:
        return not_got(media)
    return GatewayError(
        UNSUPPORTED_VALUE, f"`{media.at}`: this model cannot be shown this {media.kind}.", param=media.at
    )

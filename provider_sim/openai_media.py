"""OpenAI's typed side endpoints: moderations, images, speech, transcription, translation.

Pictures are valid one-colour PNGs and speech is valid WAV or MP3-looking bytes, drawn from the request. A text
is flagged when it contains the word `flagme`.
"""

import base64
import struct
import zlib
from typing import Any

import orjson

from provider_sim.call import Call
from provider_sim.message import EVENT_STREAM, JsonObject, Reply
from provider_sim.openai_read import bad_value, known_model, missing
from provider_sim.tokens import count, pieces

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
FLAG = "flagme"
SECONDS_PER_KB = 0.0625
"""How long a recording is said to be for each kilobyte of it (128 kbit/s)."""


def _model_of(call: Call, default: str) -> str:
    model = str(call.body.get("model") or default)
    known_model(model)
    return model


def moderations(call: Call) -> Reply:
    model = _model_of(call, "omni-moderation-latest")
    given = call.body.get("input")
    if given is None:
        raise missing("input")
    # A list of parts (objects) is one input, a list of strings is many.
    many = isinstance(given, list) and all(isinstance(item, str) for item in given)
    results = [
        _verdict(item if isinstance(item, str) else orjson.dumps(item).decode())
        for item in (given if many else [given])
    ]
    body = {"id": call.draw.identifier("modr-", 24), "model": model, "results": results}
    return Reply(body=orjson.dumps(body))


def _verdict(text: str) -> JsonObject:
    flagged = FLAG in text
    return {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in CATEGORIES},
        "category_scores": {name: 0.98 if flagged and name == "violence" else 0.0001 for name in CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


def _png(colour: bytes, side: int = 8) -> bytes:
    """A one-colour RGB picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + colour * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def images(call: Call) -> Reply:
    """Generations, edits and variations."""
    model = _model_of(call, "gpt-image-1")
    name = call.endpoint.name
    if name != "images.variations" and not call.body.get("prompt"):
        raise missing("prompt")
    if name != "images.generations" and not call.body.get("image"):
        raise missing("image")
    prompt = str(call.body.get("prompt") or "")
    wanted = int(call.body.get("n") or 1)
    if not 1 <= wanted <= 10:
        raise bad_value("n", f"Invalid 'n': expected 1 to 10, but got {wanted}.")
    pictures = [base64.b64encode(_png(call.draw.bits(f"colour{i}", 3))).decode() for i in range(wanted)]
    usage = {
        "input_tokens": count(prompt),
        "input_tokens_details": {"image_tokens": 0, "text_tokens": count(prompt)},
        "output_tokens": 272 * wanted,
        "total_tokens": count(prompt) + 272 * wanted,
    }
    look = {
        "background": "opaque",
        "output_format": "png",
        "quality": "low",
        "size": str(call.body.get("size") or "1024x1024"),
    }
    if str(call.body.get("stream")).lower() == "true":
        return _image_stream(call, pictures[0], {**look, "created_at": call.draw.created()}, usage)
    as_url = call.body.get("response_format") == "url" or model.startswith("dall-e")
    data = [
        {"url": f"https://sim.invalid/{call.draw.identifier('img-', 16)}-{i}.png"}
        if as_url
        else {"b64_json": picture}
        for i, picture in enumerate(pictures)
    ]
    return Reply(body=orjson.dumps({"created": call.draw.created(), "data": data, **look, "usage": usage}))


def _image_stream(call: Call, picture: str, look: JsonObject, usage: JsonObject) -> Reply:
    word = "image_edit" if call.endpoint.name == "images.edits" else "image_generation"
    events: list[JsonObject] = [
        {"type": f"{word}.partial_image", "b64_json": picture, "partial_image_index": i, **look}
        for i in range(int(call.body.get("partial_images") or 0))
    ]
    events.append({"type": f"{word}.completed", "b64_json": picture, **look, "usage": usage})
    frames = [
        b"event: " + event["type"].encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n" for event in events
    ]
    return Reply(content_type=EVENT_STREAM, frames=frames)


def speech(call: Call) -> Reply:
    """Bytes whose length grows with the text, or SSE with `stream_format: sse`."""
    _model_of(call, "tts-1")
    text = call.body.get("input")
    if not text:
        raise missing("input")
    if not call.body.get("voice"):
        raise missing("voice")
    samples = call.draw.bits("sound", 32) * (8 * count(str(text)))
    kind = str(call.body.get("response_format") or "mp3")
    if call.body.get("stream_format") == "sse":
        parts = [samples[i : i + 1024] for i in range(0, len(samples), 1024)]
        events: list[JsonObject] = [
            {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()} for part in parts
        ]
        tokens = count(str(text))
        usage = {"input_tokens": tokens, "output_tokens": 4 * tokens, "total_tokens": 5 * tokens}
        events.append({"type": "speech.audio.done", "usage": usage})
        return Reply(
            content_type=EVENT_STREAM, frames=[b"data: " + orjson.dumps(one) + b"\n\n" for one in events]
        )
    if kind == "wav":
        head = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt "
        head += (
            struct.pack("<IHHIIHH", 16, 1, 1, 24_000, 48_000, 2, 16)
            + b"data"
            + struct.pack("<I", len(samples))
        )
        return Reply(content_type=b"audio/wav", body=head + samples)
    audio = {
        "mp3": b"audio/mpeg",
        "opus": b"audio/ogg",
        "aac": b"audio/aac",
        "flac": b"audio/flac",
        "pcm": b"audio/pcm",
    }
    if kind not in audio:
        raise bad_value("response_format", f"Invalid value: '{kind}'.")
    # The real service streams audio as it is made, so it comes in chunks.
    frames = [samples[i : i + 4096] for i in range(0, len(samples), 4096)]
    return Reply(content_type=audio[kind], frames=[b"\xff\xf3\x64\xc4", *frames])


def transcription(call: Call) -> Reply:
    """Transcriptions and translations: text naming the file and its size, in the format asked for."""
    _model_of(call, "whisper-1")
    file: Any = call.body.get("file")
    if not isinstance(file, dict):
        raise missing("file")
    text = f"This is {file['filename']}, {len(file['data'])} bytes of sound."
    seconds = round(len(file["data"]) / 1024 * SECONDS_PER_KB, 2)
    kind = str(call.body.get("response_format") or "json")
    if kind == "text":
        return Reply(content_type=b"text/plain; charset=utf-8", body=text.encode() + b"\n")
    if kind == "srt":
        srt = f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n"
        return Reply(content_type=b"text/plain; charset=utf-8", body=srt.encode())
    if kind == "vtt":
        vtt = f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n"
        return Reply(content_type=b"text/plain; charset=utf-8", body=vtt.encode())
    usage = {
        "type": "tokens",
        "input_tokens": 10,
        "output_tokens": count(text),
        "total_tokens": 10 + count(text),
    }
    if str(call.body.get("stream")).lower() == "true":
        events: list[JsonObject] = [
            {"type": "transcript.text.delta", "delta": piece} for piece in pieces(text)
        ]
        events.append({"type": "transcript.text.done", "text": text, "usage": usage})
        return Reply(
            content_type=EVENT_STREAM, frames=[b"data: " + orjson.dumps(one) + b"\n\n" for one in events]
        )
    if kind == "verbose_json":
        body: JsonObject = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
        body |= {"segments": [], "usage": {"type": "duration", "seconds": seconds}}
        return Reply(body=orjson.dumps(body))
    return Reply(body=orjson.dumps({"text": text, "usage": usage}))

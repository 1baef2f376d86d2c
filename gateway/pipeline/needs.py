"""What a model must be able to do for a request: names of flags under `capabilities` in the configuration.

Read from the same parsed fields that were checked; of a body too large to parse whole the stand-ins say enough.
"""

from typing import Any

from gateway.admission.calibration import AUDIO, IMAGE, PAGES
from gateway.charge import Makeup
from gateway.dialects.document import Document

NOTHING: frozenset[str] = frozenset()
#: Fields that have the answer's format inside: OpenAI's responses, Anthropic's messages.
_FORMATTED = ("text", "output_config")
_ATTACHED = {IMAGE: "vision", PAGES: "pdf", AUDIO: "audio_in"}
_UNFORCED = (None, "auto", "none", "AUTO", "NONE")


def needs(document: Document, made_of: Makeup) -> frozenset[str]:
    """Of a JSON body for a model that talks."""
    fields = document.fields
    found = {_ATTACHED[kind] for kind, _ in made_of.parts if kind in _ATTACHED}
    if fields.get("tools") or fields.get("functions"):
        found.add("tools")
        if _mode(fields.get("tool_choice")) not in _UNFORCED:
            found.add("forced_tool_choice")
    if any(map(_has_schema, (fields.get("response_format"), *map(_format_of, map(fields.get, _FORMATTED))))):
        found.add("native_schema")
    if fields.get("logprobs"):
        found.add("logprobs")
    return frozenset(found) if found else NOTHING


def _mode(choice: Any) -> Any:
    """Of a choice of tools; what names a tool is one of its own."""
    return choice.get("type") if type(choice) is dict else choice


def _format_of(text: Any) -> Any:
    return text.get("format") if type(text) is dict else None


def _has_schema(wanted: Any) -> bool:
    return type(wanted) is dict and wanted.get("type") == "json_schema"

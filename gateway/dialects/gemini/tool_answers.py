"""What a tool answered: an object at Google, a text in the middle.

Google's own words for it are `output` and `error`; its SDKs wrap what is no object in `result`.
"""

from gateway.chat import JsonObject
from gateway.dialects.json_text import json_text, read_object

_TEXT = ("result", "output")
_ERROR = "error"


def answer_text(response: JsonObject) -> tuple[str, bool]:
    """(the text, whether it is an error): what is wrapped, else all of it as JSON."""
    if len(response) == 1:
        for name in (*_TEXT, _ERROR):
            value = response.get(name)
            if isinstance(value, str):
                return value, name == _ERROR
    return json_text(response) if response else "", False


def answer_object(text: str, is_error: bool) -> JsonObject:
    """The object that a text is, else one around it."""
    if is_error:
        return {_ERROR: text}
    found = read_object(text) if text[:1] == "{" else None
    return {_TEXT[0]: text} if found is None else found

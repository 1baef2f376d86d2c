"""Marks of code around an answer that has to be JSON: models put what they were asked for between them.

Of a whole text they come off where they are around all of it. Of a stream the opening ones come off with the first
letters, and what may be the closing ones is held until it is known: what is given depends on the whole text alone,
never on how it was cut.
"""

import re

MARK = "```"
_OPENS = re.compile(r"```[A-Za-z]{0,10}[ \t\r]{0,10}")
#: At the beginning of a stream: marks, and what may become some.
_OPENING = re.compile(r"\s{0,16}```[A-Za-z]{0,10}[ \t\r]{0,10}\n")
_MAYBE_OPENING = re.compile(r"\s{0,16}(?:`{0,2}|```[A-Za-z]{0,10}[ \t\r]{0,10})")
#: At its end; and how many letters there may be of it.
_CLOSING = re.compile(r"\s{0,16}(?:`{1,2}|```\s{0,16})?\Z")
_CLOSING_MAX = 40


def unfenced(text: str) -> str:
    """Itself where no marks of code are around all of it. In linear time, as callers may choose the text."""
    marked = text.strip()
    language, newline, rest = marked.partition("\n")
    if not (newline and rest.endswith(MARK) and _OPENS.fullmatch(language)):
        return text
    return rest.removesuffix(MARK).strip() or text


class Unfenced:
    """The same of a text that comes in pieces. A text that begins with marks and does not end with any loses them;
    that is no JSON either way.
    """

    __slots__ = ("_begun", "_fenced", "_held", "off")

    def __init__(self) -> None:
        self.off = 0  # letters that came off its beginning
        self._held = ""
        self._begun = False
        self._fenced = False

    def take(self, piece: str) -> str:
        """What may be given of the text so far, and was not."""
        if self._begun and not self._fenced:
            return piece
        text = self._held + piece
        if not self._begun:
            if _MAYBE_OPENING.fullmatch(text):
                self._held = text
                return ""
            self._begun = True
            opening = _OPENING.match(text)
            if opening is None:
                self._held = ""
                return text
            self._fenced, self.off, text = True, opening.end(), text[opening.end() :]
        closing = _CLOSING.search(text, max(0, len(text) - _CLOSING_MAX))
        assert closing is not None, "it matches nothing at least"
        self._held = closing[0]
        return text[: closing.start()]

    def end(self) -> str:
        """What is left to be given of the text, of which nothing more comes."""
        held, self._held = self._held, ""
        fenced, self._begun, self._fenced = self._fenced, True, False
        return "" if fenced and MARK in held else held

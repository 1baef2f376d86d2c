"""A caller's chat completions as the provider takes them, where both speak the same and yet not quite.

The caller's bytes stay what they are: single top-level values are replaced, left out, or put under another name.
What there is to do for a model is worked out once, from the flavour's `Quirks` and what the model can; a request
that has none of the fields concerned is known by one set and a few searches, and passes untouched.
"""

from functools import lru_cache
from typing import NamedTuple, get_args

from gateway.capabilities import Capabilities
from gateway.chat import Effort, JsonObject
from gateway.dialects.chat.form_patch import FormPatch
from gateway.dialects.chat.message_patch import MessagePatch
from gateway.dialects.chat.quirks import NEW_LIMIT, OLD_LIMIT, QUIRKS, Quirks, quirks_of
from gateway.dialects.chat.request_out import check_choices, choices_max
from gateway.dialects.chat.table import UNSAID, WRITTEN
from gateway.dialects.document import Document
from gateway.dialects.effort import nearest
from gateway.dialects.json_text import json_bytes
from gateway.dialects.losses import Losses

#: Dropped without a word: the caller's wish for usage is seen to here.
_SILENT = frozenset({"stream_options"})
_EFFORT, _NONE = "reasoning_effort", "none"
#: What all give that are like OpenAI, and it refuses more.
_CHOICES_USUAL = QUIRKS["openai"].choices_max
_KEPT = 1024


class Edits(NamedTuple):
    """What `Document.spliced` takes."""

    values: dict[str, bytes]
    left_out: set[str]


class RequestPatch:
    """Of one model at one kind of provider. `fields` are those that may have to be changed."""

    __slots__ = (
        "_can", "_choices_max", "_drops", "_drops_thinking", "_effort", "_form", "_messages", "_quirks",
        "_renames", "_thinks", "fields",
    )  # fmt: skip

    def __init__(self, quirks: Quirks, model: str, can: Capabilities, *, known: bool) -> None:
        """`known`: the quirks are this provider's own, not those of servers of which nothing is known."""
        self._quirks = quirks
        self._can = can
        lacking = {row.field for row in WRITTEN if row.needs and not getattr(can, row.needs)}
        self._thinks = can.thinking == "always"
        can_think = can.thinking != _NONE or bool(can.effort_levels)
        thinking = frozenset(quirks.lacks_thinking) if known and can_think else frozenset()
        self._drops = frozenset(lacking | (quirks.refuses if known else set()))
        if known and not quirks.asks_usage:
            self._drops |= {"stream_options"}
        self._drops_thinking = thinking - self._drops
        self._effort = bool(can.effort_levels) or (known and quirks.effort_off is not None)
        self._renames = dict(quirks.renamed) | _limit_renamed(quirks, model)
        self._messages = MessagePatch(quirks) if known else None
        self._form = FormPatch(quirks)
        self._choices_max = choices_max(quirks, can)
        choices = {"n"} if self._choices_max < _CHOICES_USUAL else set()
        efforts = {_EFFORT} if self._effort or self._drops_thinking else set()
        always = self._drops_thinking if self._thinks else set()
        self.fields = frozenset(self._drops | self._renames.keys() | efforts | choices | always)

    @property
    def is_empty(self) -> bool:
        """Whether no request is ever concerned."""
        return not self.fields and not self._form.fields and not (self._messages and self._messages.marks)

    @property
    def touched(self) -> frozenset[str] | None:
        """Fields without any of which a request goes as it came; None: there is more to be looked at."""
        if self._messages is not None and self._messages.marks:
            return None
        return self.fields | self._form.fields

    def concerns(self, document: Document) -> bool:
        """Whether the request may have to be changed."""
        if not self.fields.isdisjoint(document.fields) or self._form.concerns(document):
            return True
        return self._messages is not None and self._messages.concerns(document)

    def edits(self, document: Document, losses: Losses) -> Edits:
        """Raises GatewayError for what the provider cannot be asked, and where nothing may be lost."""
        made = Edits({}, set())
        fields = document.fields
        if "n" in self.fields and type(choices := fields.get("n")) is int:
            check_choices(choices, self._choices_max, "n")
        thinks = self._write_effort(fields, made, losses)
        drops = self._drops | self._drops_thinking if thinks else self._drops
        for name in sorted(drops & fields.keys()):
            value = fields[name]
            made.left_out.add(name)
            if value is not None and value is not False and UNSAID.get(name) != value and name not in _SILENT:
                losses.dropped(name)
        for name, own in self._renames.items():
            if name in fields and name not in made.left_out:
                made.left_out.add(name)
                if fields.get(own) is None and fields[name] is not None:
                    start, end = document.span(name)
                    made.values[own] = document.raw[start:end]
        if self._form.concerns(document):
            made.values.update(self._form.changed(document, losses))
        if self._messages is not None and self._messages.concerns(document):
            changed = self._messages.changed(document, losses)
            if changed is not None:
                made.values["messages"] = json_bytes(changed)
        return made

    def _write_effort(self, fields: JsonObject, made: Edits, losses: Losses) -> bool:
        """Whether the model thinks before it answers, as far as the request and what is known of it say."""
        wanted = fields.get(_EFFORT)
        if wanted is None:
            return self._thinks
        if not self._effort or wanted not in get_args(Effort):
            return wanted != _NONE
        if wanted == _NONE and self._quirks.effort_off is not None:
            field, kind = self._quirks.effort_off
            made.left_out.add(_EFFORT)
            made.values[field] = json_bytes({"type": kind})
            return False
        if not self._can.effort_levels:
            return wanted != _NONE
        sent: Effort = nearest(wanted, self._can.effort_levels)  # type: ignore[arg-type]
        if sent != wanted:
            losses.clamped(_EFFORT)
            made.values[_EFFORT] = json_bytes(sent)
        return sent != _NONE


@lru_cache(_KEPT)
def request_patch(dialect: str, flavour: str, model: str, can: Capabilities) -> RequestPatch | None:
    """None where no request to the model ever has to be changed."""
    known = dialect == "azure" or flavour in QUIRKS
    quirks = quirks_of(dialect, flavour)
    made = RequestPatch(quirks, model, can, known=known)
    return None if made.is_empty else made


def _limit_renamed(quirks: Quirks, model: str) -> dict[str, str]:
    """OpenAI's new name of the limit is known to few others; its old one to all but OpenAI's own new models."""
    if quirks.knows_new_limit_only(model):
        return {OLD_LIMIT: NEW_LIMIT}
    return {NEW_LIMIT: OLD_LIMIT} if quirks.max_tokens == OLD_LIMIT else {}

"""An answer held against the form that its caller wants, where the provider does not see to that.

A form that is asked for in words or as a call's arguments is a wish: so what comes is read before it is given. Only
answers that ended by themselves are held to it: one that was cut off, refused, or that calls tools is what it says.
A whole answer that does not fit is never given; of a stream the caller has the words by then, and is told by an
error in the place of its end.
"""

from collections.abc import Callable
from functools import partial

from gateway.capabilities import Capabilities
from gateway.chat import Answer, ChatReply, ChatRequest, Citation, Format, JsonObject, Stop, Text, ToolCall
from gateway.chat_events import CallBegun, Cited, Event, Over, Stopped, TextPiece
from gateway.dialects.fences import MARK, Unfenced, unfenced
from gateway.dialects.json_text import read_json
from gateway.dialects.losses import Losses
from gateway.dialects.schema_check import NotJudgedError, is_valid
from gateway.dialects.structure import is_light
from gateway.dialects.translation import Outbound, Sent, StreamReader
from gateway.errors import ANSWER_UNFIT, GatewayError
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace

#: Longer answers would hold up others, and are not read.
_LETTERS_MAX = 1024 * 1024


class UnfitAnswerError(GatewayError):
    """The provider's answer came whole and is owed, but is not what it had to be."""

    def __init__(self, usage: Usage = NO_USAGE, said: str = "") -> None:
        super().__init__(
            ANSWER_UNFIT, said or "The model's answer does not have the form that was asked for."
        )
        self.usage = usage


class Checked:
    """An `Outbound` whose answers must be `wanted`, which the caller calls `name`; `losses` hears of those that
    could not be judged."""

    __slots__ = ("_losses", "_name", "_spoken", "_wanted")

    def __init__(self, spoken: Outbound, wanted: Format, name: str, losses: Losses) -> None:
        self._spoken = spoken
        self._wanted = wanted
        self._name = name
        self._losses = losses

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return self._spoken.request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        """Raises UnfitAnswerError, too."""
        reply = self._spoken.reply(body, sent)
        try:
            answers = tuple(self._fit(answer) for answer in reply.answers)
        except NotJudgedError:
            self._losses.unchecked(self._name)
            return reply
        if None in answers:
            raise UnfitAnswerError(reply.usage)
        return replace(reply, answers=answers)

    def stream(self, sent: Sent, frame_max: int) -> StreamReader:
        unjudged = partial(self._losses.unchecked, self._name)
        return _CheckedReader(self._spoken.stream(sent, frame_max), self._wanted, unjudged)

    def _fit(self, answer: Answer) -> Answer | None:
        """Without the marks around it; None: it does not fit. Raises NotJudgedError."""
        if not _is_held(answer.stop) or any(isinstance(block, ToolCall) for block in answer.blocks):
            return answer
        said = "".join(block.text for block in answer.blocks if isinstance(block, Text))
        if not fits(said, self._wanted):
            return None
        bare = unfenced(said)
        if bare is said:
            return answer
        others = tuple(block for block in answer.blocks if not isinstance(block, Text))
        return replace(answer, blocks=(*others, _bared(answer, said, bare)))


class _CheckedReader:
    """A `StreamReader`. An unfit answer never stops: its pieces and what was used are told, then the error."""

    __slots__ = ("_bare", "_failure", "_length", "_over", "_reader", "_said", "_unjudged", "_wanted")

    def __init__(self, reader: StreamReader, wanted: Format, unjudged: Callable[[], None]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._unjudged = unjudged
        self._said: dict[int, list[str] | None] = {}  # by choice; None: it is not to be read
        self._bare: dict[int, Unfenced] = {}
        self._length = 0
        self._failure: UnfitAnswerError | None = None
        self._over = False

    def read(self, data: bytes) -> list[Event]:
        return self._checked([] if self._over else self._reader.read(data))

    def finish(self) -> list[Event]:
        return self._checked([] if self._over else self._reader.finish())

    def _checked(self, events: list[Event]) -> list[Event]:
        found: list[Event] = []
        for event in events:
            if isinstance(event, TextPiece):
                found += self._take(event)
                continue
            if isinstance(event, Cited) and (bare := self._bare.get(event.choice)) is not None and bare.off:
                found.append(replace(event, citation=_moved_back(event.citation, bare.off)))
                continue
            if isinstance(event, CallBegun | Stopped):
                found += self._rest(event.choice)
                if isinstance(event, CallBegun):
                    self._said[event.choice] = None
                elif not self._is_fit(event):
                    self._failure = UnfitAnswerError()
                    continue
            elif isinstance(event, Over) and self._failure is not None:
                self._over = True
                break
            found.append(event)
        if self._over and not found:  # what came before it is said first
            assert self._failure is not None
            raise self._failure
        return found

    def _rest(self, choice: int) -> list[Event]:
        """What was held back of the text of a choice that ends here."""
        bare = self._bare.get(choice)
        held = bare.end() if bare is not None else ""
        return [TextPiece(held, choice)] if held else []

    def _take(self, event: TextPiece) -> list[Event]:
        """What is given of it."""
        self._length += len(event.text)
        said = self._said.setdefault(event.choice, [])
        if self._length > _LETTERS_MAX:
            self._said[event.choice] = None
        elif said is not None:
            said.append(event.text)
        given = self._bare.setdefault(event.choice, Unfenced()).take(event.text)
        if given == event.text:
            return [event]
        return [replace(event, text=given)] if given or event.logprobs else []

    def _is_fit(self, event: Stopped) -> bool:
        said = self._said.pop(event.choice, [])
        if said is None or not _is_held(event.stop):
            return True
        try:
            return fits("".join(said), self._wanted)
        except NotJudgedError:
            self._unjudged()
            return True


def fits(text: str, wanted: Format) -> bool:
    """Whether it is the JSON that is wanted. Raises NotJudgedError for what cannot be judged in good time."""
    raw = unfenced(text).encode("utf-8", "surrogatepass")
    if len(raw) > _LETTERS_MAX or not is_light(raw):
        raise NotJudgedError("size")
    try:
        value = read_json(raw)
    except ValueError:
        return False
    return isinstance(value, dict) if wanted.schema is None else is_valid(value, wanted.schema)


def _bared(answer: Answer, said: str, bare: str) -> Text:
    """The texts of the answer as `bare`, with what they came with."""
    texts = [block for block in answer.blocks if isinstance(block, Text)]
    signature = next((one.signature for one in reversed(texts) if one.signature is not None), None)
    off = said.index(bare, said.index(MARK) + len(MARK))
    moved = tuple(_moved_back(source, off, len(bare)) for one in texts for source in one.citations)
    return Text(bare, signature=signature, citations=moved)


def _moved_back(source: Citation, off: int, length: int | None = None) -> Citation:
    """It where `off` letters came off the beginning of its text, of which `length` are left; None: unknown how
    many. What it cites of those that went is not told.
    """
    start, end = max(0, source.start - off), source.end - off
    if length is not None:
        end = min(end, length)
    return replace(source, start=start, end=end) if start < end else replace(source, start=0, end=0)


def _is_held(stop: Stop) -> bool:
    return stop == "stop"

"""The events of a stream as the whole reply that they come to: what a streamed reply is compared with."""

from gateway.chat import Answer, Block, ChatReply, Logprob, Refusal, Stop, Text, Thinking, ToolCall
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallPiece,
    Cited,
    Counted,
    Event,
    MediaPiece,
    Over,
    RefusalPiece,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace


class _Choice:
    """One choice while it is said. Texts and thoughts are kept in pieces, so that long ones are joined once."""

    __slots__ = ("blocks", "calls", "ended", "logprobs", "pieces", "speaking")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.pieces: list[str] = []
        self.speaking: type[Text] | type[Thinking] | type[Refusal] | None = None
        self.calls: dict[int, tuple[int, list[str]]] = {}  # number → where it stands, its arguments
        self.logprobs: list[Logprob] = []
        self.ended: Stopped | None = None

    def say(self, kind: "type[Text] | type[Thinking] | type[Refusal]", piece: str) -> None:
        if self.speaking is not kind:
            self.pause()
            self.speaking = kind
        self.pieces.append(piece)

    def pause(self) -> None:
        """What was being said is a block."""
        if self.speaking is not None:
            self.blocks.append(self.speaking("".join(self.pieces)))
            self.pieces, self.speaking = [], None

    def last_text(self) -> tuple[int, Text]:
        """(where it stands, the text) that was said last; one of nothing where none was."""
        self.pause()
        for place in reversed(range(len(self.blocks))):
            if isinstance(said := self.blocks[place], Text):
                return place, said
        self.blocks.append(Text(""))
        return len(self.blocks) - 1, Text("")

    def answer(self) -> Answer:
        self.pause()
        for place, arguments in self.calls.values():
            call = self.blocks[place]
            assert isinstance(call, ToolCall)
            self.blocks[place] = replace(call, arguments="".join(arguments))
        stop: Stop = "stop"
        ended = self.ended or Stopped(stop)
        return Answer(tuple(self.blocks), ended.stop, ended.matched, ended.explanation, tuple(self.logprobs))


class Gathered:
    """Takes the events of a stream, and gives the reply that they come to."""

    __slots__ = ("_begun", "_choices", "_tier", "_unread", "_usage", "over")

    def __init__(self) -> None:
        self._begun = Begun()
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage = NO_USAGE
        self._tier = ""
        self._unread: tuple[str, ...] = ()
        self.over = False

    def take(self, event: Event) -> None:
        match event:
            case Begun():
                self._begun = event
            case Counted():
                self._usage, self._tier = event.usage, event.tier or self._tier
            case Unread():
                self._unread += event.names
            case Over():
                self.over = True
            case _:
                choice = self._choices.get(event.choice)
                if choice is None:
                    choice = self._choices[event.choice] = _Choice()
                _take(choice, event)

    def reply(self) -> ChatReply:
        answers = tuple(self._choices[index].answer() for index in sorted(self._choices))
        begun = self._begun
        return ChatReply(answers, begun.id, begun.model, begun.created, self._usage, self._tier, self._unread)


def _take(choice: _Choice, event: Event) -> None:
    match event:
        case TextPiece():
            choice.say(Text, event.text)
            choice.logprobs += event.logprobs
        case RefusalPiece():
            choice.say(Refusal, event.text)
        case ThinkingPiece():
            choice.say(Thinking, event.text)
        case ThinkingSigned():
            choice.say(Thinking, "")
            choice.pause()
            thought = choice.blocks[-1]
            assert isinstance(thought, Thinking)
            choice.blocks[-1] = replace(thought, signature=event.signature)
        case Cited():
            place, said = choice.last_text()
            choice.blocks[place] = replace(said, citations=(*said.citations, event.citation))
        case TextSigned():
            place, said = choice.last_text()
            if said.signature is None:
                choice.blocks[place] = replace(said, signature=event.signature)
            else:
                choice.blocks.append(Text("", signature=event.signature))
        case MediaPiece():
            choice.pause()
            choice.blocks.append(event.media)
        case CallBegun():
            choice.pause()
            choice.calls[event.number] = len(choice.blocks), []
            choice.blocks.append(
                ToolCall(event.id, event.name, "", custom=event.custom, signature=event.signature)
            )
        case CallPiece():
            choice.calls[event.number][1].append(event.arguments)
        case Stopped():
            choice.ended = event
        case _:
            pass

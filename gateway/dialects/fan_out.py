"""More answers than a model gives at once: asked for in several requests, and joined into one reply.

Only of models whose capabilities say `fanout`, since what the requests have in common is read, and paid for, each
time. They are sent one after another, so that together they hold one place of a provider key; answers keep the
order in which they were asked for, and count as one.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.capabilities import Capabilities
from gateway.chat import ANSWERS_MAX, ChatReply, ChatRequest
from gateway.chat_events import Begun, Counted, Event, Over
from gateway.dialects.chat.quirks import quirks_of
from gateway.dialects.chat.request_out import choices_max
from gateway.dialects.checked import UnfitAnswerError
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Outbound, Sent, StreamReader
from gateway.dialects.usage import summed
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace

_OPENAI = frozenset({"openai", "azure"})


def answers_max(dialect: str, flavour: str, api: str, can: Capabilities) -> int:
    """How many answers one request may ask for by that API of a provider's."""
    if api == "chat" and dialect in _OPENAI:
        return choices_max(quirks_of(dialect, flavour), can)
    return max(1, can.n_max) if api == "generate_content" else 1


def parts(request: ChatRequest, most: int, can: Capabilities, losses: Losses) -> list[ChatRequest]:
    """The requests that it takes where one gives so many answers: one, unless the model may be asked for more.
    Those that are alike are one object.

    Raises GatewayError for several conversations where it may not, and where nothing may be changed.
    """
    stated, conversations = request.parameters, (request.turns, *request.further)
    if not can.fanout and request.further:
        said = f"`{request.turns[0].at}` must be one text: the model that serves this takes no more at once."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=request.turns[0].at)
    if not can.fanout or (stated.choices <= most and not request.further):
        return [request]
    name = request.named("choices") if stated.choices > 1 else request.turns[0].at
    if stated.choices * len(conversations) > ANSWERS_MAX:
        said = f"`{name}`: this asks for more than {ANSWERS_MAX} answers of the model that serves it."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=name)
    if stated.choices > most:
        losses.changed(name)
    made: list[ChatRequest] = []
    for turns in conversations:
        alike: dict[tuple[int, int | None], ChatRequest] = {}
        for asked in range(0, stated.choices, most):
            # The same seed would give the same answers again.
            wanted = min(most, stated.choices - asked), None if stated.seed is None else stated.seed + asked
            if wanted not in alike:
                parameters = replace(stated, choices=wanted[0], seed=wanted[1])
                alike[wanted] = replace(request, turns=turns, further=(), parameters=parameters)
            made.append(alike[wanted])
    return made


def read_replies(spoken: Outbound, values: Sequence[dict[str, Any]], sent: Sent) -> ChatReply:
    """The replies to all parts, of which `sent` is one, as one. Raises as reading one does, with what all used."""
    replies: list[ChatReply] = []
    used: list[Usage] = []
    unfit = False
    for value in values:
        try:
            replies.append(spoken.reply(value, sent))
            used.append(replies[-1].usage)
        except UnfitAnswerError as error:
            used.append(error.usage)
            unfit = True
    usage = used[0] if len(used) == 1 else summed(used) or NO_USAGE
    if unfit:
        raise UnfitAnswerError(usage)
    if len(replies) == 1:
        return replies[0]
    answers = tuple(answer for reply in replies for answer in reply.answers)
    unread = tuple(dict.fromkeys(name for reply in replies for name in reply.unread))
    return replace(replies[0], answers=answers, usage=usage, unread=unread)


class JoinedReader:
    """A `StreamReader` of the streams that answer the parts, one after another.

    Whatever is cut where: `Begun` once, choices numbered through, each `Counted` the sum so far, `Over` with the
    last. `awaits_next` says that what comes now must be of the next stream. Where one of them does not say what it
    used, nothing is known of all.
    """

    __slots__ = ("_before", "_counted", "_left", "_make", "_reader", "_seen", "_used", "awaits_next")

    def __init__(self, reader: Callable[[], StreamReader], streams: int) -> None:
        """`reader` makes one for each of so many."""
        self._make = reader
        self._reader = reader()
        self._left = streams - 1  # after this one
        self._before = 0  # choices of the streams that are over
        self._seen = 0  # of this one
        self._used: list[Usage] = []  # by those
        self._counted = Counted(NO_USAGE)  # of this one, as far as it says
        self.awaits_next = False

    def read(self, data: bytes) -> list[Event]:
        self.awaits_next = False
        return self._joined(self._reader.read(data))

    def finish(self) -> list[Event]:
        return self._joined(self._reader.finish())

    def _joined(self, events: list[Event]) -> list[Event]:
        found: list[Event] = []
        for event in events:
            if isinstance(event, Counted):
                self._counted = event
                found.append(self._sum())
            elif isinstance(event, Over):
                self._over(found)
            elif isinstance(event, Begun):
                if not self._before:
                    found.append(event)
            else:
                self._seen = max(self._seen, event.choice + 1)
                found.append(replace(event, choice=event.choice + self._before) if self._before else event)
        return found

    def _sum(self) -> Counted:
        used = summed([*self._used, self._counted.usage])
        return replace(self._counted, usage=used or NO_USAGE)

    def _over(self, found: list[Event]) -> None:
        if not self._left:
            found += (self._sum(), Over())
            return
        self._used.append(self._counted.usage)
        self._counted = Counted(NO_USAGE, self._counted.tier)
        self._before += max(1, self._seen)
        self._seen = 0
        self._left -= 1
        self._reader = self._make()
        self.awaits_next = True

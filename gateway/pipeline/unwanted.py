"""Fields that a model's provider was found to refuse: left out from then on, for a day.

Only those without which the request still asks the same (`gateway.dialects.droppable`). What is learned is the
worker's alone, and holds for all its callers; of a value that a field may not have, only for that value.
"""

from gateway.dialects.document import member, without_members
from gateway.dialects.droppable import DROPPABLE, meant, noun_of
from gateway.dialects.losses import Losses
from gateway.pipeline.learned import Learned
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target
from gateway.upstream.unsupported import unsupported

_VALUE_MAX = 256

#: (field, the JSON text of its value); None: any value.
_Lesson = tuple[str, bytes | None]


class Unwanted:
    """False while nothing was learned. Times are monotonic seconds."""

    __slots__ = ("_learned",)

    def __init__(self) -> None:
        self._learned: Learned[tuple[str, str], _Lesson] = Learned()

    def __bool__(self) -> bool:
        return bool(self._learned)

    def learn(self, work: Work, target: Target, status: int, body: bytes, now: float) -> bool:
        """Whether the refusal is of a field of the work that can be left out: then it will be."""
        said = unsupported(status, body)
        fields = () if said is None else meant(work.api, said.word)
        sent = work.body(target) if fields else None
        if said is None or not isinstance(sent, bytes):
            return False
        lessons: list[_Lesson] = [
            (field, None if said.any_value else value)
            for field in fields
            if (value := member(sent, field)) is not None and (said.any_value or len(value) <= _VALUE_MAX)
        ]
        if not lessons:
            return False
        self._learned.add((target.provider.id, target.model), lessons, now)
        return True

    def spared(self, work: Work, target: Target, now: float) -> Work:
        """The work without what its target refuses. Raises GatewayError where nothing may be lost."""
        lessons = self._learned.of((target.provider.id, target.model), now)
        droppable = DROPPABLE.get(work.api)
        if not lessons or droppable is None or work.rest:
            return work
        body = work.body(target)
        if not isinstance(body, bytes):
            return work
        unwanted = {name for name, value in lessons if _has(body, name, value)}
        unwanted &= droppable
        if not unwanted:
            return work
        losses = Losses() if work.losses is None else work.losses.copy()
        for name in sorted(unwanted):
            losses.dropped(name if work.named is None else work.named(noun_of(work.api, name)))
        short = without_members(body, unwanted)
        return replace(work, body=lambda _: short, losses=losses)


def _has(body: bytes, name: str, value: bytes | None) -> bool:
    if body.find(b'"%b"' % name.rpartition(".")[2].encode()) < 0:
        return False
    found = member(body, name)
    return found is not None and value in (None, found)

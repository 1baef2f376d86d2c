"""Fields that a model's provider was found to refuse: left out from then on, for a day.

Only those without which the request still asks the same (`gateway.dialects.droppable`). What is learned is the
worker's alone, and holds for all its callers; of a value that a field may not have, only for that value.
"""

from gateway.dialects.document import member, without_members
from gateway.dialects.droppable import DROPPABLE, noun_of
from gateway.dialects.losses import Losses
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target
from gateway.upstream.unsupported import unsupported

#: Seconds (wire reference §5).
_KEPT_S = 86_400.0
_MODELS_MAX = 1024
_FIELDS_MAX = 64
_VALUE_MAX = 256

#: (field, the JSON text of its value); None: any value.
_Lesson = tuple[str, bytes | None]


class Unwanted:
    """False while nothing was learned. Times are monotonic seconds."""

    __slots__ = ("_learned",)

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], dict[_Lesson, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._learned)

    def learn(self, work: Work, target: Target, status: int, body: bytes, now: float) -> bool:
        """Whether the refusal is of a field of the work that can be left out: then it will be."""
        said = unsupported(status, body)
        if said is None or said.field not in DROPPABLE.get(work.api, ()):
            return False
        sent = work.body(target)
        value = member(sent, said.field) if isinstance(sent, bytes) else None
        if value is None or (not said.any_value and len(value) > _VALUE_MAX):
            return False
        model = target.provider.id, target.model
        lessons = self._learned.pop(model, {})
        lessons[said.field, None if said.any_value else value] = now + _KEPT_S
        while len(lessons) > _FIELDS_MAX:
            del lessons[next(iter(lessons))]
        self._learned[model] = lessons  # last: the oldest go first
        while len(self._learned) > _MODELS_MAX:
            del self._learned[next(iter(self._learned))]
        return True

    def spared(self, work: Work, target: Target, now: float) -> Work:
        """The work without what its target refuses. Raises GatewayError where nothing may be lost."""
        lessons = self._learned.get((target.provider.id, target.model))
        droppable = DROPPABLE.get(work.api)
        if not lessons or droppable is None or work.rest:
            return work
        body = work.body(target)
        if not isinstance(body, bytes):
            return work
        unwanted = {name for name, value in self._in_force(lessons, now) if _has(body, name, value)}
        unwanted &= droppable
        if not unwanted:
            return work
        losses = Losses() if work.losses is None else work.losses.copy()
        for name in sorted(unwanted):
            losses.dropped(name if work.named is None else work.named(noun_of(work.api, name)))
        short = without_members(body, unwanted)
        return replace(work, body=lambda _: short, losses=losses)

    @staticmethod
    def _in_force(lessons: dict[_Lesson, float], now: float) -> list[_Lesson]:
        for lesson in [lesson for lesson, until in lessons.items() if until <= now]:
            del lessons[lesson]
        return list(lessons)


def _has(body: bytes, name: str, value: bytes | None) -> bool:
    if body.find(b'"%b"' % name.encode()) < 0:
        return False
    found = member(body, name)
    return found is not None and value in (None, found)

"""First answers, kept so that a request made again under its idempotency key gets the same one and no other run.

In the memory of one worker, for a day, within a number and a number of bytes: past either the oldest goes, which is
also the one that would expire first. Only whole successful answers are kept, so what failed is simply tried again.
All there is where there is no database, or while it is away; otherwise what saves asking it (`stored_answers`).
"""

from dataclasses import dataclass

from gateway.errors import IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, GatewayError
from storage.idempotent_answers import Name

KEPT_S = 24 * 3600.0
_BUSY_S = 0.25
_ENTRY_BYTES = 512  # what an entry costs beside its answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `head` is without what belongs to one request alone."""

    status: int
    head: bytes
    body: bytes

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body)


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: bytes
    answer: Answer
    until: float


class KeptAnswers:
    """By name, what was answered, and what is being answered. Times are monotonic seconds."""

    def __init__(self, count_max: int, bytes_max: int) -> None:
        self._count_max = count_max
        self._bytes_max = bytes_max
        #: One large answer must not push out all others.
        self.answer_bytes_max = bytes_max // 4
        self._kept: dict[Name, _Kept] = {}  # oldest first
        self._running: dict[Name, bytes] = {}  # fingerprints
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def look(self, name: Name, fingerprint: bytes, now: float) -> Answer | None:
        """The answer that this request got before.

        Raises GatewayError when `name` is another request's, or this one's that is still running.
        """
        self._expire(now)
        kept = self._kept.get(name)
        before = self._running.get(name) if kept is None else kept.fingerprint
        if before is not None and before != fingerprint:
            raise key_reused()
        if kept is not None:
            return kept.answer
        if before is not None:
            raise in_progress()
        return None

    def begin(self, name: Name, fingerprint: bytes, now: float) -> Answer | None:
        """The same; but None owes one `end`: the answer is to be made now."""
        kept = self.look(name, fingerprint, now)
        if kept is None:
            self._running[name] = fingerprint
        return kept

    def end(self, name: Name, answer: Answer | None, now: float) -> None:
        """The request that `begin` let through is over: with `answer`, or with None when there is none to keep."""
        fingerprint = self._running.pop(name)
        if answer is None or answer.size > self.answer_bytes_max:
            return
        self._kept[name] = _Kept(fingerprint, answer, now + KEPT_S)
        self.bytes += answer.size + _ENTRY_BYTES
        while len(self._kept) > self._count_max or self.bytes > self._bytes_max:
            self._drop_oldest()

    def _expire(self, now: float) -> None:
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        kept = self._kept.pop(next(iter(self._kept)))
        self.bytes -= kept.answer.size + _ENTRY_BYTES


def key_reused() -> GatewayError:
    return GatewayError(
        IDEMPOTENCY_KEY_REUSED,
        "This idempotency key was used for another request.",
        param="Idempotency-Key",
    )


def in_progress() -> GatewayError:
    return GatewayError(
        IDEMPOTENCY_IN_PROGRESS,
        "The first request with this idempotency key is still being answered.",
        retry_after_s=_BUSY_S,
    )

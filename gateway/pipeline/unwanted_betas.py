"""Previews of Anthropic's that a provider key was found not to know: left out from then on, for a day.

Which there are depends on the account, so what is learned is the key's (wire reference §3.1).
"""

import re

from gateway.dialects.losses import Losses
from gateway.dialects.messages.betas import beta_line, beta_values, refused_betas
from gateway.pipeline.learned import Learned
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import ProviderKey
from gateway.upstream.error_reply import read_error

_HEADER = "anthropic-beta"
_LINE = re.compile(rb"anthropic-beta: ([^\r\n]*)\r\n")


class UnwantedBetas:
    """False while nothing was learned. Times are monotonic seconds."""

    __slots__ = ("_learned",)

    def __init__(self) -> None:
        self._learned: Learned[str, str] = Learned()

    def __bool__(self) -> bool:
        return bool(self._learned)

    def learn(self, work: Work, key: ProviderKey, status: int, body: bytes, now: float) -> bool:
        """Whether the refusal is of previews that the work asks for: then they will be left out."""
        if status != 400 or _LINE.search(work.forwarded) is None:
            return False
        refused = set(refused_betas(read_error(body).message)).intersection(_asked(work.forwarded))
        if not refused:
            return False
        self._learned.add(key.id, sorted(refused), now)
        return True

    def spared(self, work: Work, key: ProviderKey, now: float) -> Work:
        """The work without those that the key refuses. Raises GatewayError where nothing may be lost."""
        refused = set(self._learned.of(key.id, now))
        if refused.isdisjoint(_asked(work.forwarded)):
            return work
        losses = Losses() if work.losses is None else work.losses.copy()
        losses.dropped(_HEADER)
        dialect = key.provider.dialect

        def kept(line: re.Match[bytes]) -> bytes:
            return beta_line(_values(line), dialect, refused)

        return replace(work, forwarded=_LINE.sub(kept, work.forwarded), losses=losses)


def _asked(lines: bytes) -> set[str]:
    return {value for line in _LINE.finditer(lines) for value in _values(line)}


def _values(line: re.Match[bytes]) -> tuple[str, ...]:
    return beta_values([line[1].decode("ascii", "replace")])

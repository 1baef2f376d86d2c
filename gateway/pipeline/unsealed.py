"""The same work without the signatures that its provider refused as not its own: asked again so, once.

Nothing is learned of it: the next conversation has others (wire reference §3.1, §3.7).
"""

from functools import partial

from gateway.dialects.losses import Losses
from gateway.dialects.without_seals import without_seals
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target
from gateway.upstream.bad_seal import is_bad_seal

#: What they are called in an API; to the callers of another they are what the first word says.
_USUAL = "signature"
_NAMES = {
    "responses": "encrypted_content", "generate_content": "thoughtSignature", "chat": "thought_signature",
}  # fmt: skip


def is_of_seals(work: Work, target: Target, status: int, body: bytes) -> bool:
    """Whether the refusal is of seals that the work, as the target gets it, has indeed."""
    if work.rest or not is_bad_seal(status, body):
        return False
    sent = work.body(target)
    return isinstance(sent, bytes) and without_seals(work.api, sent) is not None


def unsealed(work: Work) -> Work:
    """Without any, for whatever target."""
    return replace(work, at=partial(_at, work))


def _at(work: Work, _: Work, target: Target) -> Work:
    """Raises GatewayError where nothing may be lost."""
    if work.at is not None:
        work = work.at(work, target)
    sent = work.body(target)
    short = without_seals(work.api, sent) if isinstance(sent, bytes) else None
    if short is None:
        return work
    losses = Losses() if work.losses is None else work.losses.copy()
    losses.dropped(_USUAL if work.named is not None else _NAMES.get(work.api, _USUAL))
    return replace(work, body=lambda _: short, losses=losses, at=None)

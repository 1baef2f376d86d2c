"""The text of the ledger's script: `ledger.lua` with the figures of the model in place of their names, so that both
have the same.

`VERSION` is part of every key. It rises with every change of the script's state or arguments, so that
gateways of two versions in one Redis keep apart what they would misread (and are, for that time, two users of
the provider key).
"""

import pkgutil
import re

from gateway.admission import (
    booking,
    ceiling,
    classes,
    concurrency,
    day,
    dimension,
    membership,
    pace,
    rate,
    relearning,
    share,
    tenant_tags,
    waiting,
    window,
)

VERSION = 11
#: What nobody touched for so long is forgotten: longer than anything in it counts.
_STATE_MS = 600_000
_DAYS_MS = 3 * 86_400_000

_FIGURES: dict[str, int | tuple[int, ...]] = {
    "BUCKET_MS": pace.BUCKET_MS,
    "CLOCK_BACK_MS": membership.CLOCK_BACK_MS,
    "CLOCK_JUMP_MS": membership.CLOCK_JUMP_MS,
    "CREDIT_MS": pace.CREDIT_MS,
    "CREDIT_USABLE_BELOW_PERCENT": pace.CREDIT_USABLE_BELOW_PERCENT,
    "DAYS_KEPT": day.DAYS_KEPT,
    "DAYS_MS": _DAYS_MS,
    "FLOOR_PERMILLE": tuple(row.floor_permille for row in classes.CLASSES),
    "FORGOTTEN_MS": membership.FORGOTTEN_MS,
    "FULL": ceiling.FULL,
    "HELD_MS": dimension.WINDOW_MS + window.jitter_ms(dimension.WINDOW_MS),
    "HELD_WAIT_MS": booking.HELD_WAIT_MS,
    "LAST_TAG": waiting.LAST_TAG,
    "LEASE_MS_MAX": window.LEASE_MS_MAX,
    "LEAST": ceiling.LEAST,
    "LEAST_USED_PERMILLE": classes.LEAST_USED_PERMILLE,
    "LIVE_MS": relearning.LIVE_MS,
    "LOOK_AGAIN_MS": concurrency.LOOK_AGAIN_MS,
    "LOWERED_PERCENT": ceiling.LOWERED_PERCENT,
    "MISSING_MS": relearning.MISSING_MS,
    "OBSERVED_MS": ceiling.OBSERVED_MS,
    "ONE_EVENT_MS": ceiling.ONE_EVENT_MS,
    "OVERDRAFT_BUCKETS": pace.OVERDRAFT_BUCKETS,
    "OWNER_DEAD_MS": concurrency.OWNER_DEAD_MS,
    "RENEW_MS": _STATE_MS // 10,
    "RECOVERY_MS": ceiling.RECOVERY_MS,
    "REPAID_MS": pace.REPAID_MS,
    "REPAID_OF_MS": pace.REPAID_OF_MS,
    "ROUND_MS": relearning.ROUND_MS,
    "ROW_MS": waiting.ROW_MS,
    "SCALE": pace.SCALE,
    "SHARE_SCALE": share.SHARE_SCALE,
    "SLOT_MS": window.slot_ms(dimension.WINDOW_MS),
    "STATE_MS": _STATE_MS,
    "STEP_MS": share.STEP_MS,
    "STEPS_A_MINUTE": share.STEPS_A_MINUTE,
    "STEPS_TO_NOTHING": share.STEPS_TO_NOTHING,
    "STOCK_FREE_PERCENT": booking.STOCK_FREE_PERCENT,
    "STOCK_SHARE_DIVISOR": booking.STOCK_SHARE_DIVISOR,
    "STOCK_UNITS_MAX": booking.STOCK_UNITS_MAX,
    "TAG_MS": tenant_tags.TAG_MS,
    "TAGS_MAX": tenant_tags.TAGS_MAX,
    "TOP_CLASS_PERMILLE": rate.TOP_CLASS_PERMILLE,
    "PLACE_FROM": rate.PLACE_FROM,
    "TOP_SHARE_PERMILLE": classes.TOP_SHARE_PERMILLE,
    "WAITS_MS": tenant_tags.WAITS_MS,
    "WINDOW_MS": dimension.WINDOW_MS,
}


def ledger_script() -> str:
    """The whole script. Read once at the start: it looks into the installed package."""
    text = pkgutil.get_data(__name__, "ledger.lua")
    if text is None:
        raise FileNotFoundError("ledger.lua is missing from the installation")
    return re.sub(r"\bK\.([A-Z_]+)", lambda name: _lua(_FIGURES[name[1]]), text.decode())


def _lua(value: int | tuple[int, ...]) -> str:
    return str(value) if isinstance(value, int) else "{ " + ", ".join(map(str, value)) + " }"

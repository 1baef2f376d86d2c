"""What is known of a model, in words: for `kaze explain` and `kaze price`. Of what is not known nothing is said."""

from collections.abc import Mapping
from typing import Any

Known = Mapping[str, Any]


def sizes(known: Known) -> str:
    """As far as they are known."""
    named = (("context", known.get("num_ctx", known.get("ctx"))), ("output", known.get("max_out")))
    return ", ".join(f"{name} {size:,}" for name, size in named if size is not None) or "-"


def abilities(known: Known) -> str:
    """What it can do."""
    return ", ".join(name for name, value in known.items() if value is True) or "-"


def origin(known: Known) -> str:
    """What the configuration says, the package's edition and model, and what the gateway's own data say."""
    said = (("capabilities", known["configured"]), ("shipped", known["shipped"]))
    configured, shipped = (f"{where}: {', '.join(names)}" if names else None for where, names in said)
    return "; ".join(part for part in (configured, known["source"], shipped) if part) or "-"

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
    """The package's edition and model, and what the configuration says."""
    own = f"capabilities: {', '.join(known['configured'])}" if known["configured"] else None
    return "; ".join(part for part in (own, known["source"]) if part) or "-"

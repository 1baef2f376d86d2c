"""Magic in the prompt: `[[sim:reset]]`, `[[sim:frames=50 gap_ms=20]]`.

It lets a test that only holds an SDK client decide what the provider does. Only the last user message counts
(an agent's history would repeat old magic), and not at all under `--no-magic`. The words are those of
`fault.Fault`.
"""

import re

from provider_sim.fault import NONE, Fault, fault_from

MARK = "[[sim:"
BLOCK = re.compile(r"\[\[sim:([^\]]*)\]\]\s?")


def magic(text: str) -> Fault:
    """What `text` asks for. Raises ValueError for a word that does not exist: a typo must not pass silently."""
    if MARK not in text:
        return NONE
    values: dict[str, str | bool] = {}
    for block in BLOCK.finditer(text):
        for word in block[1].split():
            name, has_value, value = word.partition("=")
            values[name] = value if has_value else True
    return fault_from(values)


def without_magic(text: str) -> str:
    return BLOCK.sub("", text).strip() if MARK in text else text

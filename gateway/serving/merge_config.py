"""What the workers say of the configuration, as one answer: the newest, and what any of them misses.

Each worker has a login of its own at Vault, so that one of them may be shut out alone.
"""

from collections.abc import Mapping
from typing import Any

_WELL = (None, "answers")

Row = dict[str, Any]


def merge_config(said: Mapping[int, Row]) -> Row:
    """`said` by worker, of which there is one at least."""
    newest = max(said.values(), key=lambda document: int(document["generation"]))
    vault = [document["vault"] for document in said.values() if document["vault"] not in _WELL]
    workers = [
        {"worker": number, "generation": document["generation"], "vault": document["vault"]}
        for number, document in said.items()
    ]
    return {**newest, "vault": vault[0] if vault else newest["vault"], "workers": workers}

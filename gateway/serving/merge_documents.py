"""The live state of several workers as one document: things with the same id are one thing, numbers add up."""

from collections.abc import Sequence
from typing import Any


def merge_documents(documents: Sequence[Any]) -> Any:
    """One of what each worker says of itself; the first worker decides what cannot be added."""
    present = [document for document in documents if document is not None]
    if not present:
        return None
    if all(isinstance(one, dict) for one in present):
        keys = dict.fromkeys(key for one in present for key in one)
        return {key: merge_documents([one.get(key) for one in present]) for key in keys}
    if all(isinstance(one, list) for one in present):
        return _merge_lists(present)
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in present):
        return sum(present)
    return present[0]


def _merge_lists(lists: Sequence[list[Any]]) -> list[Any]:
    """By `id` where every element has one; otherwise the first list."""
    elements = [element for one in lists for element in one]
    if not all(isinstance(element, dict) and "id" in element for element in elements):
        return lists[0]
    by_id: dict[str, list[Any]] = {}
    for element in elements:
        by_id.setdefault(str(element["id"]), []).append(element)
    return [merge_documents(same) for same in by_id.values()]

"""The caller's query: what of it goes upstream, and the ids in it, opened."""

from urllib.parse import quote

from gateway.dialects.sealed_ids import MARK, SealedIds
from gateway.errors import INVALID_VALUE, OBJECT_NOT_FOUND, GatewayError

_FIELDS = frozenset(
    {"limit", "after", "before", "order", "purpose", "include", "include[]", "stream", "starting_after"}
)
_CURSORS = frozenset({"after", "before"})


def parsed_query(query: bytes) -> str:
    """The caller's query without anything that could be a credential (wire reference §3.6)."""
    text = query.decode("ascii", "replace")
    kept = [pair for pair in text.split("&") if pair and pair.partition("=")[0] in _FIELDS]
    joined = "&".join(kept)
    if any(char in joined for char in " \r\n\0\ufffd"):
        raise GatewayError(INVALID_VALUE, "The query string has characters that do not belong there.")
    return joined


def with_cursors_opened(
    query: str, ids: SealedIds, tenant: str, pool: str, *, sealed_only: bool
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The query with its cursors as the provider key `pool` knows them, and which they are, as in `Work`.

    A cursor that was not given to `tenant` is refused, as such an id is everywhere. With `sealed_only` false one
    without our mark passes: it is the id of a part of an object, which has no sealed one.
    """
    pairs: list[str] = []
    opened: list[tuple[str, str]] = []
    for pair in query.split("&"):
        name, _, given = pair.partition("=")
        if name in _CURSORS and given and (sealed_only or MARK.decode() in given):
            owned = ids.open(tenant, given)
            if owned is None or owned.pool != pool:
                raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{given[:64]}'.", param=name)
            opened.append((owned.real, given))
            pair = f"{name}={quote(owned.real, safe='')}"  # noqa: PLW2901
        pairs.append(pair)
    return "&".join(pairs), tuple(opened)

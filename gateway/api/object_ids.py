"""Objects at a provider key, as callers name them: by sealed ids, or by raw ones where nobody else's are.

An id that a tenant was not given is refused here: at the provider it might be another's.
"""

from collections.abc import Iterator

from gateway.api.routes import Endpoint
from gateway.dialects.document import Document
from gateway.dialects.named_files import named_files
from gateway.dialects.sealed_ids import MARK, SealedIds
from gateway.errors import INVALID_VALUE, OBJECT_NOT_FOUND, PREVIOUS_RESPONSE_NOT_FOUND, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.router import Candidates, Router, Way
from gateway.settings.snapshot import ProviderKey, Tenant

Opened = tuple[tuple[str, str], ...]  # as in `Work`
NONE_OPENED: Opened = ()
_REFERENCES = {"previous_response_id": PREVIOUS_RESPONSE_NOT_FOUND, "input_file_id": OBJECT_NOT_FOUND}


class ObjectIds:
    """Under one snapshot."""

    def __init__(self, router: Router, ids: SealedIds) -> None:
        self._router = router
        self._ids = ids

    def is_own(self, key: ProviderKey, tenant: Tenant) -> bool:
        """Whether no other tenant may use the provider key."""
        tenants = set(self._router.snapshot.tenants)
        return (tenants if key.tenants is None else tenants.intersection(key.tenants)) == {tenant.id}

    def on_own_keys(
        self, tenant: Tenant, candidates: Candidates, pinned: str | None, param: str, real: str
    ) -> Candidates:
        """Where an object may be named by an id that we did not give: it might be another tenant's elsewhere."""
        targets = tuple(own for ways in candidates.targets if (own := self._own(tenant, ways, pinned)))
        if not targets or MARK.decode() in real:
            shown = real[:64].encode("ascii", "replace").decode()
            raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{shown}'.", param=param)
        return Candidates(candidates.route, targets)

    def _own(self, tenant: Tenant, ways: tuple[Way, ...], pinned: str | None) -> tuple[Way, ...]:
        return tuple(
            way for way in ways if pinned in (None, way.key_id) and self.is_own(way.account.key, tenant)
        )

    def check_owner(self, candidates: Candidates, pinned: str, document: Document) -> None:
        """Raises GatewayError where what is referred to lives at a provider that does not serve the model."""
        served_by = {way.account.key.provider.id for ways in candidates.targets for way in ways}
        keys = self._router.snapshot.provider_keys
        if any(key.id == pinned and key.provider.id in served_by for key in keys):
            return
        for name, condition in _REFERENCES.items():
            if document.text(name) is not None:
                message = "It belongs to a provider that does not serve this model."
                raise GatewayError(condition, message, param=name)

    def owner_of(self, exchange: Exchange, sealed: str) -> tuple[str, str]:
        """(pool, real id) behind an id in a path. Raises GatewayError: the same for foreign and unknown ids."""
        owned = self._ids.open(tenant_of(exchange).id, sealed)
        if owned is None:
            raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{sealed[:64]}'.", param="id")
        return owned.pool, owned.real

    def opened(self, tenant: Tenant, document: Document) -> tuple[Document, str | None, Opened]:
        """`document` with sealed ids replaced by the provider's, the pool that owns them all, and which they are.

        A reference that this tenant was not given is refused here: at the provider it might be another's.
        """
        for name, condition in _REFERENCES.items():
            reference = document.text(name)
            if reference is not None and self._ids.open(tenant.id, reference) is None:
                raise GatewayError(condition, f"No such object: '{reference[:64]}'.", param=name)
        if document.raw.find(MARK) < 0:
            return document, None, NONE_OPENED
        raw, found = self._ids.open_all(tenant.id, document.raw)
        pools = {owned.pool for owned in found.values()}
        if len(pools) > 1:
            raise GatewayError(INVALID_VALUE, "The objects named belong to different provider keys.")
        opened = tuple((owned.real, sealed) for sealed, owned in found.items())
        return document.edited(raw), next(iter(pools), None), opened


def raw_references(endpoint: Endpoint, document: Document, opened: Opened) -> Iterator[tuple[str, str]]:
    """(param, id) of the objects named by an id that is not one of ours."""
    given = [real for real, _ in opened]
    for real in named_files(document.raw):
        if real not in given:
            yield "file_id", real
    conversation = document.fields.get("conversation") if endpoint.api == "responses" else None
    if conversation is not None:
        named = conversation.get("id") if isinstance(conversation, dict) else conversation
        if named not in given:
            yield "conversation", str(named)


def tenant_of(exchange: Exchange) -> Tenant:
    assert exchange.tenant_key is not None, "authenticated before anything is read"
    return exchange.tenant_key.tenant

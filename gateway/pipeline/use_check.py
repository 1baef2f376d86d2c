"""Whether a tenant key may be used like this: endpoint and caller's address first, the model when it is known."""

from gateway.errors import KEY_NOT_ALLOWED, MODEL_NOT_ALLOWED, GatewayError
from gateway.settings.snapshot import TenantKey
from keys.scope import OutOfScope, Use, parse_address


def check_use(key: TenantKey, endpoint: str, client: tuple[str, int] | None) -> None:
    """Raises GatewayError. `client` is whom the connection comes from."""
    address = parse_address(client[0]) if client else None
    refused = key.scope.refuses(Use(endpoint, None, address))
    if refused is OutOfScope.ENDPOINT:
        raise GatewayError(KEY_NOT_ALLOWED, f"This key may not be used for '{endpoint}'.")
    if refused is not None:
        raise GatewayError(KEY_NOT_ALLOWED, "This key may not be used from this address.")


def check_model(key: TenantKey, model: str | None) -> None:
    """Raises GatewayError. `model` is the caller's word for it; None where the request names none."""
    if not key.scope.names(model):
        raise GatewayError(MODEL_NOT_ALLOWED, "This key may not be used for this model.", param="model")

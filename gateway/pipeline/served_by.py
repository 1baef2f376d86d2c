"""The header lines that say what served an exchange, or failed to: provider, provider key and model."""

from gateway.exchange import Exchange
from gateway.settings.snapshot import ProviderKey, Target


def served_by(key: ProviderKey, target: Target | None) -> bytes:
    """The lines for an answer of `key`; the model is the provider's name of it."""
    lines = f"x-gateway-provider: {key.provider.id}\r\nx-gateway-key: {key.id}\r\n"
    if target is not None:
        lines += f"x-gateway-model: {target.model}\r\n"
    return lines.encode("ascii", "replace")


def attempted_by(exchange: Exchange) -> bytes:
    """The lines for an exchange that failed: how long it waited, its last attempt, and how many there were.

    None of it before it was ready to go upstream.
    """
    lines = b"x-gateway-queue-ms: %d\r\n" % (exchange.waited * 1000) if exchange.queued else b""
    if exchange.provider_key is None:
        return lines
    lines += served_by(exchange.provider_key, exchange.target)
    return b"%bx-gateway-attempts: %d\r\n" % (lines, exchange.attempts)

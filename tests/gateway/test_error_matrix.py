"""Wire reference §4, 99 and 100: what official SDKs make of each row of the error table, and whether they retry."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest

from gateway import errors
from gateway.dialects.errors import error_body, error_head, error_status
from gateway.errors import Condition, GatewayError

#: By the condition's name: the status and class of each SDK, and whether it asks again.
MATRIX = {
    "invalid_json": ("BadRequestError", "BadRequestError", False),
    "missing_required_parameter": ("BadRequestError", "BadRequestError", False),
    "invalid_type": ("BadRequestError", "BadRequestError", False),
    "invalid_value": ("BadRequestError", "BadRequestError", False),
    "unsupported_parameter": ("BadRequestError", "BadRequestError", False),
    "unsupported_value": ("BadRequestError", "BadRequestError", False),
    "context_length_exceeded": ("BadRequestError", "BadRequestError", False),
    "bad_framing": ("BadRequestError", "BadRequestError", False),
    "ambiguous_credentials": ("BadRequestError", "BadRequestError", False),
    "previous_response_not_found": ("BadRequestError", "BadRequestError", False),
    "no_credentials": ("AuthenticationError", "AuthenticationError", False),
    "invalid_api_key": ("AuthenticationError", "AuthenticationError", False),
    "model_not_allowed": ("PermissionDeniedError", "PermissionDeniedError", False),
    "priority_not_allowed": ("PermissionDeniedError", "PermissionDeniedError", False),
    "key_not_allowed": ("PermissionDeniedError", "PermissionDeniedError", False),
    "budget_cannot_cover": ("PermissionDeniedError", "PermissionDeniedError", False),
    "model_not_found": ("NotFoundError", "NotFoundError", False),
    "not_found": ("NotFoundError", "NotFoundError", False),
    "unknown_url": ("NotFoundError", "NotFoundError", False),
    "unsupported_endpoint": ("NotFoundError", "NotFoundError", False),
    "method_not_supported": ("APIStatusError", "NotFoundError", False),
    "request_timeout": ("APIStatusError", "RequestTimeoutError", True),
    "idempotency_key_reused": ("BadRequestError", "BadRequestError", False),
    "idempotency_in_progress": ("ConflictError", "ConflictError", True),
    "request_too_large": ("APIStatusError", "ContentTooLargeError", False),
    "uri_too_long": ("APIStatusError", "APIStatusError", False),
    "unsupported_media_type": ("APIStatusError", "BadRequestError", False),
    "unsupported_encoding": ("APIStatusError", "RequestBodyEncodingUnsupportedError", False),
    "headers_too_large": ("APIStatusError", "RequestHeaderFieldsTooLargeError", False),
    "rate_limit_exceeded": ("RateLimitError", "RateLimitError", True),
    "insufficient_quota": ("RateLimitError", "RateLimitError", False),
    "budget_exceeded": ("RateLimitError", "EnforcedSpendLimitReachedError", False),
    "budget_unavailable": ("InternalServerError", "OverloadedError", True),
    "not_recorded": ("InternalServerError", "OverloadedError", True),
    "client_closed": ("APIStatusError", "ClientClosedRequestError", False),
    "internal_error": ("InternalServerError", "InternalServerError", True),
    "upstream_auth_failed": ("InternalServerError", "InternalServerError", False),
    "upstream_error": ("InternalServerError", "InternalServerError", True),
    "upstream_unreachable": ("InternalServerError", "InternalServerError", True),
    "upstream_invalid_response": ("InternalServerError", "InternalServerError", True),
    "answer_unfit": ("InternalServerError", "InternalServerError", True),
    "upstream_too_large": ("InternalServerError", "InternalServerError", False),
    "upstream_incomplete": ("InternalServerError", "InternalServerError", True),
    "upstream_overloaded": ("InternalServerError", "OverloadedError", True),
    "upstream_unavailable": ("InternalServerError", "ServiceUnavailableError", True),
    "no_eligible_key": ("InternalServerError", "ServiceUnavailableError", False),
    "no_key_now": ("InternalServerError", "OverloadedError", True),
    "overloaded": ("InternalServerError", "OverloadedError", True),
    "keys_unavailable": ("InternalServerError", "OverloadedError", True),
    "queue_full": ("InternalServerError", "OverloadedError", True),
    "queue_timeout": ("InternalServerError", "OverloadedError", True),
    "deadline_unreachable": ("InternalServerError", "OverloadedError", True),
    "cancelled": ("InternalServerError", "OverloadedError", False),
    "limits_unavailable": ("InternalServerError", "OverloadedError", True),
    "shutting_down": ("InternalServerError", "OverloadedError", True),
    "upstream_timeout": ("InternalServerError", "GatewayTimeoutError", True),
    "deadline_exceeded": ("InternalServerError", "GatewayTimeoutError", False),
}
CONDITIONS = {one.name: one for one in vars(errors).values() if isinstance(one, Condition)}


@asynccontextmanager
async def saying(condition: Condition, dialect: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers everything with that refusal; its address, and the requests that it got."""
    got: list[bytes] = []
    error = GatewayError(condition, "So it is.", retry_after_s=0.001)
    body = error_body(error, dialect, "req_1")
    head = (
        f"HTTP/1.1 {error_status(error, dialect)} No\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
    )

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(head.encode() + error_head(error) + b"\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", got


async def by_openai(condition: Condition) -> tuple[str, bool]:
    async with saying(condition, "openai") as (url, got):
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=1) as client:
            with pytest.raises(openai.APIStatusError) as refused:
                await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert refused.value.code == condition.code and "So it is." in refused.value.message
        return type(refused.value).__name__, len(got) > 1


async def by_anthropic(condition: Condition) -> tuple[str, bool]:
    async with saying(condition, "anthropic") as (url, got):
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=1) as client:
            with pytest.raises(anthropic.APIStatusError) as refused:
                await client.messages.create(
                    model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]
                )
        assert refused.value.error_code == condition.anthropic_code
        return type(refused.value).__name__, len(got) > 1


@pytest.mark.parametrize(("asked", "place"), [(by_openai, 0), (by_anthropic, 1)])
async def test_99_100_err_matrix(asked: Any, place: int) -> None:
    """err_matrix_openai, err_matrix_anthropic."""
    said = await asyncio.gather(*(asked(condition) for condition in CONDITIONS.values()))
    expected = {name: (row[place], row[2]) for name, row in MATRIX.items()}
    assert dict(zip(CONDITIONS, said, strict=True)) == expected

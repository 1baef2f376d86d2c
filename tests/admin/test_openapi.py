"""The admin API is what its own document says: Schemathesis asks every operation what the document allows and what
it does not, and holds the answers to it.
"""

import asyncio
from typing import Any

import hypothesis
import hypothesis.errors
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.admin.conftest import Admin
from tests.admin.test_resources import MODEL, POOL, PROVIDER
from tests.running import ADMIN_KEY

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection,
]  # fmt: skip
#: Of each operation, of what is right and of what is wrong: a minute in all where nothing else runs.
EXAMPLES = 16
#: Refused for their size, whatever is in them; no check knows these for refusals.
UNREAD = (414, 431)


def ask_everything(url: str, document: dict[str, Any], mode: GenerationMode) -> int:
    """How many operations were asked."""
    schema = schemathesis.openapi.from_dict(document)
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
        )  # fmt: skip
        def holds(case: schemathesis.Case) -> None:
            response = case.call(base_url=url, headers=headers)
            unread = response.status_code in UNREAD
            checks = [check for check in CHECKS if not (unread and check is negative_data_rejection)]
            case.validate_response(response, checks=checks)

        try:
            holds()
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing is sent with it that could be wrong
            continue
        asked += 1
    return asked


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_it_is_what_its_document_says(admin: Admin, mode: GenerationMode) -> None:
    document = await admin.get("/openapi.json")
    del document["security"]  # what is right and wrong is the data here: the key is always sent
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", POOL)
    await admin.make("/models", MODEL)
    asked = await asyncio.to_thread(ask_everything, admin.gateway.admin_url, document, mode)
    assert asked > (50 if mode is GenerationMode.POSITIVE else 25)
    assert (await admin.get("/audit/verify"))["ok"] is True

"""The public suite `llm-comply`: each of its formats in front of each dialect, with nothing skipped."""

from pathlib import Path

import llm_comply
import pytest
from llm_comply.config import ComplianceConfig
from llm_comply.result import TestStatus as Status
from llm_comply.runner import TestRunner as Runner
from llm_comply.schema import SpecLoader
from llm_comply.tests import get_tests

from tests.conformance.advised import advised, refused, rows
from tests.conformance.every_dialect import BEHIND, Served
from tests.running import TENANT_KEY

_SPECS = Path(llm_comply.__file__).parent / "specs"
_PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
_PLAIN = {"use_bearer_prefix": False}
#: The model that the suite is told, the schemas of its replies, and what of its options the format wants.
_SUITES = {
    "openai-chat": ("gpt-5-mini", "openai_chat.json", "/v1", {}),
    "open-responses": ("gpt-5-mini", "openresponses.json", "/v1", {}),
    "anthropic": (
        "claude-opus-4-6", "anthropic.json", "/v1",
        _PLAIN | {"auth_header": "x-api-key", "extra_headers": {"anthropic-version": "2023-06-01"}},
    ),
    "google-genai": ("gemini-3-pro", None, "", _PLAIN | {"auth_header": "x-goog-api-key"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def schemas() -> dict[str, SpecLoader]:
    return {
        suite: SpecLoader(str(_SPECS / spec) if spec else None) for suite, (_, spec, _, _) in _SUITES.items()
    }


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("suite", _SUITES)
def test_all_checks_pass_but_those_that_are_declared(
    gateway: Served, schemas: dict[str, SpecLoader], suite: str, behind: str
) -> None:
    model, _, path, options = _SUITES[suite]
    config = ComplianceConfig(gateway.url + path, TENANT_KEY, f"{model}.{behind}", **options)
    checks = get_tests(suite)
    ran = Runner(config, checks, schemas[suite]).run_all().results
    failed = {one.id: one.to_dict() for one in ran if one.status is not Status.PASSED}
    assert failed.keys() == refused(suite, behind), failed
    assert len(ran) == len(checks) > 5
    assert {one.id for one in ran if one.warnings} == advised(suite, behind)


def test_the_page_lists_what_fails_and_what_is_advised_against() -> None:
    shown = [line for line in _PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
    assert shown == rows()

"""Names of tools in a provider's rule: they fit, no two become one, and each is found again."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.tool_names import ANTHROPIC_NAMES, GEMINI_NAMES, OPENAI_NAMES, NameRule, ToolNames

RULES = st.sampled_from((OPENAI_NAMES, ANTHROPIC_NAMES, GEMINI_NAMES))
NAMES = st.lists(st.text("ab.-_ é9:", min_size=0, max_size=140), max_size=6)


def fits(rule: NameRule, name: str) -> bool:
    return (
        0 < len(name) <= rule.longest
        and not rule.forbidden.search(name)
        and rule.first.match(name) is not None
    )


@given(RULES, NAMES)
def test_names_fit_and_are_found_again(rule: NameRule, named: list[str]) -> None:
    names = ToolNames(rule, named)
    sent = {name: names.sent(name) for name in named}
    assert all(fits(rule, name) for name in sent.values())
    assert len(set(sent.values())) == len(set(named))
    for name, one in sent.items():
        assert names.restored.get(one, one) == name
        assert (one == name) == fits(rule, name)


def test_a_name_that_looks_made_keeps_its_place() -> None:
    other = "a_b_" + sha256(b"a.b").hexdigest()[:8]
    for named in ([other, "a.b"], ["a.b", other]):
        names = ToolNames(OPENAI_NAMES, named)
        assert names.sent(other) == other
        assert names.sent("a.b") != other
        assert names.restored == {names.sent("a.b"): "a.b"}


@pytest.mark.parametrize("name", ["x" * 65, "a.b"])
def test_names_of_the_history_are_sent_alike_each_time(name: str) -> None:
    names = ToolNames(OPENAI_NAMES, [])
    assert names.sent(name) == names.sent(name)
    assert names.restored == {}, "what was not declared is not called"

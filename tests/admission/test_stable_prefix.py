"""One number for what of a prompt stays the same from turn to turn."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.stable_prefix import CACHED_FROM_BYTES, stable_prefix

LONG = 100_000
SYSTEM = {"role": "system", "content": "You are an agent. " * 300}
ASK = {"role": "user", "content": "What is the weather?"}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **fields}


def test_a_conversation_that_grows_keeps_its_number() -> None:
    first = chat(SYSTEM, ASK, tools=TOOLS, temperature=0.1)
    later = chat(SYSTEM, ASK, {"role": "assistant", "content": "Sunny."}, ASK, tools=TOOLS, temperature=0.9)
    assert stable_prefix("t", first, LONG) == stable_prefix("t", later, LONG) != 0


def test_marks_that_clients_move_along_do_not_matter() -> None:
    plain = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    marked = {
        "role": "user",
        "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
    }
    assert stable_prefix("t", chat(plain), LONG) == stable_prefix("t", chat(marked), LONG)


def test_tenants_conversations_instructions_and_tools_are_told_apart() -> None:
    numbers = {
        stable_prefix("t", chat(SYSTEM, ASK), LONG),
        stable_prefix("u", chat(SYSTEM, ASK), LONG),
        stable_prefix("t", chat(SYSTEM, {"role": "user", "content": "Hello?"}), LONG),
        stable_prefix("t", chat(ASK), LONG),
        stable_prefix("t", chat(SYSTEM, ASK, tools=TOOLS), LONG),
        stable_prefix("t", {"system": SYSTEM["content"], "messages": [ASK]}, LONG),
        stable_prefix("t", {"instructions": "x", "input": "What is the weather?"}, LONG),
    }
    assert len(numbers) == 7


def test_large_tools_do_not_hide_the_conversation() -> None:
    many = TOOLS * 1000
    one = stable_prefix("t", chat(SYSTEM, ASK, tools=many), LONG)
    other = stable_prefix("t", chat(SYSTEM, {"role": "user", "content": "Hello?"}, tools=many), LONG)
    assert one != other


def test_short_prompts_have_no_cache() -> None:
    assert stable_prefix("t", chat(ASK), CACHED_FROM_BYTES - 1) == 0


def test_it_is_the_same_in_every_worker() -> None:
    assert stable_prefix("t", chat(ASK), LONG) == 0xE7D028D658D5D08C


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "system", "input", "contents", "instructions"]), ANY
    )
)
def test_any_body_has_a_number(fields: dict[str, Any]) -> None:
    number = stable_prefix("t", fields, LONG)
    assert 0 < number < 1 << 64
    assert number == stable_prefix("t", fields, LONG)

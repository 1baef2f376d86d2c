"""The tables are whole: every field that the official SDK knows has its row, and every noun is in one."""

import typing

from openai.types import completion_create_params
from openai.types.chat import (
    ChatCompletion,
    chat_completion_message,
)
from openai.types.chat import (
    completion_create_params as chat_create_params,
)

from gateway.capabilities import Capabilities
from gateway.chat import Answer, ChatReply, ChatRequest, Parameters
from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.chat.table import COMPLETIONS_IN, REPLY_IN, REPLY_OUT, REQUEST_IN, REQUEST_OUT, WRITTEN
from gateway.dialects.field_row import Row, Verdict
from gateway.upstream.flavours import FLAVOURS

#: What the gateway answers before it translates, or nobody sends.
_ELSEWHERE = {"extra_headers", "extra_query", "extra_body", "timeout"}


def fields(rows: tuple[Row, ...]) -> set[str]:
    return {row.field for row in rows}


def nouns(rows: tuple[Row, ...]) -> set[str]:
    return {row.noun.partition(".")[0] for row in rows}


def test_every_field_that_the_sdk_sends_has_a_row() -> None:
    sent = typing.get_type_hints(chat_create_params.CompletionCreateParamsBase).keys() | {"stream"}
    assert sent - _ELSEWHERE <= fields(REQUEST_IN)
    legacy = typing.get_type_hints(completion_create_params.CompletionCreateParamsBase).keys() | {"stream"}
    assert legacy - _ELSEWHERE <= fields(COMPLETIONS_IN)


def test_every_field_that_the_sdk_reads_has_a_row() -> None:
    ours = {
        row.field.removeprefix("choices[].message.").removesuffix("[]") for row in (*REPLY_IN, *REPLY_OUT)
    }
    message = chat_completion_message.ChatCompletionMessage.model_fields.keys() - {"role"}
    assert message <= ours
    assert ChatCompletion.model_fields.keys() - {"choices", "metadata", "moderation"} <= ours


def test_every_noun_is_read_and_written() -> None:
    parameters = set(Parameters.__struct_fields__)
    #: Chat callers have no words for these.
    assert parameters - nouns(REQUEST_IN) == {"thinking_budget", "shows_thinking", "auto_cache"}
    assert parameters <= nouns(REQUEST_OUT)
    said = {"system", "turns", "tools", "stream"}
    assert said <= set(ChatRequest.__struct_fields__)
    assert said <= nouns(REQUEST_IN)
    #: What has no row of its own: why it was refused, and what has no noun.
    answered = set(Answer.__struct_fields__) - {"blocks"} | set(ChatReply.__struct_fields__) - {"answers"}
    assert answered - nouns(REPLY_IN) == {"explanation", "unread"}


def test_rows_name_what_there_is() -> None:
    for row in (*REQUEST_IN, *REQUEST_OUT, *REPLY_IN, *REPLY_OUT, *COMPLETIONS_IN):
        assert row.verdict in typing.get_args(Verdict)
        assert not row.needs or row.needs in Capabilities.__struct_fields__
        assert not row.behind or row.behind in {one.field.rpartition(".")[2] for one in REQUEST_IN}
    for row in REQUEST_IN:
        if row.read is not None:
            assert row.noun in Parameters.__struct_fields__
    assert nouns(WRITTEN) <= set(Parameters.__struct_fields__)


def test_quirks_are_of_flavours_that_there_are() -> None:
    assert QUIRKS.keys() - {"azure"} <= FLAVOURS.keys()
    for quirks in QUIRKS.values():
        assert quirks.lacks | quirks.lacks_thinking <= set(Parameters.__struct_fields__)

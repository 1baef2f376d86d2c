"""What a model can be asked, as the translators need it: one record, every field with the default of the unknown.

Made of the facts that settings know of a model (shipped data under the configuration's `capabilities`). Defaults
are those of wire reference §5 for a model that nobody knows: it is believed to take what most do.
"""

from collections.abc import Mapping
from typing import Literal

from gateway.chat import Effort
from gateway.record import Record

ThinkingKind = Literal["none", "budget", "adaptive", "always", "level"]


class Capabilities(Record, frozen=True):
    """Sizes are tokens. A flag says that the model takes the thing, not that it does it well."""

    ctx: int = 128_000
    max_out: int = 0  # 0: not known
    num_ctx: int = 0  # the context that a local model is to be loaded with; 0: its own
    sampling: bool = True  # temperature, top_p, top_k
    penalties: bool = True
    tools: bool = True
    forced_tool_choice: bool = True
    parallel_control: bool = True
    thinking: ThinkingKind = "none"
    effort_levels: tuple[Effort, ...] = ()
    prefill: bool = True  # the conversation may end with the assistant's own words
    mid_system: bool = False  # system turns behind the leading ones
    native_schema: bool = True  # an answer to a JSON Schema
    schema_with_tools: bool = True
    n_max: int = 0  # choices of one reply; 0: what its provider is known to give
    fanout: bool = False  # more of them are asked for in several requests
    logprobs: bool = True
    fast: bool = False  # it answers faster for a higher price, where that is asked for
    vision: bool = False
    pdf: bool = False
    audio_in: bool = False
    fetches_urls: bool = False  # the provider gets images and files by URL itself
    call_ids: bool = True  # tool calls and results have ids (not before Gemini 3)
    chat_tools_ok: bool = True  # at OpenAI's /chat/completions; else at /responses only
    chat_tools_effort: bool = True  # the same, together with an effort other than `none`
    chat_tools_unsaid: bool = True  # the same, where no effort is said
    chat_ok: bool = True  # at /chat/completions at all
    cache_min: int = 0
    embedding_batch_max: int = 2048
    embedding_native_size: int = 0  # of its vectors; 0: not known


#: Of a model that nothing is known of.
USUAL = Capabilities()


def capabilities(flags: Mapping[str, object]) -> Capabilities:
    """Of what is known: unknown names and values of another type are passed over."""
    fields = Capabilities.__struct_fields__
    known = {name: value for name, value in flags.items() if name in fields and _fits(name, value)}
    if "effort_levels" in known:
        known["effort_levels"] = tuple(known["effort_levels"])  # type: ignore[arg-type]
    return Capabilities(**known) if known else USUAL  # type: ignore[arg-type]


def _fits(name: str, value: object) -> bool:
    default = getattr(USUAL, name)
    if name == "effort_levels":
        return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    return type(value) is type(default)

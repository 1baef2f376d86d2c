"""What may be said of a model under `capabilities`, in the configuration file and in the data that are shipped."""

from typing import Literal

from gateway.settings.schema_types import Count, Described, Flag, ListOf


class CapabilitySection(Described):
    """Corrections to what is shipped of a model; what is left out stays as that says."""

    ctx: Count | None = None
    """Prompt and answer together, in tokens, at most."""
    max_out: Count | None = None
    """Largest output in tokens."""
    num_ctx: Count | None = None
    """Ollama: the context to load the model with, in tokens."""
    n_max: Count | None = None
    """Largest `n` of one request."""
    fanout: Flag | None = None
    """Ask for a larger `n`, and several prompts of a completion, one after another; each reads the prompt anew."""
    cache_min: Count | None = None
    """Shortest prefix that is cached, in tokens."""
    sampling: Flag | None = None
    """Takes temperature, top_p and top_k."""
    penalties: Flag | None = None
    """Takes presence and frequency penalties."""
    logprobs: Flag | None = None
    """Gives log probabilities."""
    forced_tool_choice: Flag | None = None
    """Can be made to call a tool."""
    parallel_control: Flag | None = None
    """Takes `parallel_tool_calls`."""
    chat_ok: Flag | None = None
    """OpenAI: is there at chat completions at all."""
    chat_tools_ok: Flag | None = None
    """OpenAI: takes tools in chat completions."""
    chat_tools_effort: Flag | None = None
    """OpenAI: the same together with a reasoning effort other than `none`."""
    chat_tools_unsaid: Flag | None = None
    """OpenAI: the same where the request says no reasoning effort."""
    tools: Flag | None = None
    """Takes tools."""
    call_ids: Flag | None = None
    """Gemini: calls of tools have ids."""
    native_schema: Flag | None = None
    """Enforces a JSON schema itself."""
    schema_with_tools: Flag | None = None
    """The same in a request with tools."""
    fast: Flag | None = None
    """Anthropic: can be asked to answer faster, for more."""
    fetches_urls: Flag | None = None
    """Its provider gets images and files by URL itself."""
    prefill: Flag | None = None
    """Continues a last assistant message."""
    mid_system: Flag | None = None
    """Takes system messages between others."""
    vision: Flag | None = None
    """Takes images."""
    pdf: Flag | None = None
    """Takes PDF documents."""
    audio_in: Flag | None = None
    """Takes audio."""
    video_in: Flag | None = None
    """Takes videos."""
    image_out: Flag | None = None
    """Gives images."""
    audio_out: Flag | None = None
    """Gives audio."""
    reasoning: Flag | None = None
    """Thinks before it answers."""
    thinking: Literal["none", "budget", "adaptive", "always", "level"] | None = None
    """How its reasoning is steered."""
    effort_levels: ListOf[Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]] | None = None
    """Which reasoning efforts it takes."""
    embedding_native_size: Count | None = None
    """Numbers in each of its vectors."""
    embedding_batch_max: Count | None = None
    """Texts of one request for vectors."""

"""The model that talks, SmolLM2-135M-Instruct, and the HTTP server that its library brings: all of llama.cpp's.

It answers chat completions, completions, responses and messages, streams them, and stops generating when whoever
asked has gone: at once in a stream, otherwise when for a second it has told nobody anything.
"""

import os

import xllamacpp

from local_models.weights import chat_weights

NAME = "smollm2"
#: Requests that are answered at the same time; more wait in its own line.
SLOTS = 2
#: Prompt and answer together, in tokens: what the model was trained for. Both slots share the room of one, 190 MB.
CONTEXT = 8192


def serve_chat() -> tuple[xllamacpp.Server, str]:
    """Load it, which takes seconds and holds the interpreter; the server, to be kept, and its root URL.

    Raises NotInstalledError.
    """
    said = xllamacpp.CommonParams()
    said.model.path = str(chat_weights())
    said.model_alias = {NAME}
    said.hostnames = ["127.0.0.1"]
    said.port = 0
    said.ui = False
    said.n_gpu_layers = 0
    said.n_parallel = SLOTS
    said.kv_unified = True
    said.n_ctx = CONTEXT
    said.cache_ram_mib = 0  # it would keep former conversations, up to 8 GB
    said.cpuparams.n_threads = said.cpuparams_batch.n_threads = processors()
    said.warmup = False
    said.verbosity = -1  # prompts are nobody's business
    server = xllamacpp.Server(said)
    return server, server.listening_address


def processors() -> int:
    """Half of those that there are: its threads wait for each other, and the gateway needs some as well."""
    return max(1, len(os.sched_getaffinity(0)) // 2)

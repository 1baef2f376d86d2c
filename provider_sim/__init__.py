"""The scripted provider: OpenAI, Anthropic, Gemini and Ollama on one port, hard ceilings, faults on demand.

It ships with the product (`kaze provider-sim`, `python -m provider_sim`), serves the tests as an object
(`async with ProviderSim() as sim`) and is the load tests' provider. Answers are deterministic from the seed and
the request. Any credential is accepted except `bad-…`; any model exists except `unknown…`. Control: `control.py`;
ceilings: `limits.py`; scripts: `script.py`. It imports nothing of the gateway.

Magic in the last user message (or an embedding's input, an image's prompt): `[[sim:word word=value …]]`. The same
words serve in `POST /sim/faults`, in scripts (`"fault": {…}`) and in `sim.fault(…)`. Times are milliseconds, sizes
bytes; `#` = a whole number; a value in brackets is what the bare word means.

| word | effect |
|---|---|
| **the answer** | |
| `frames=#` | text of exactly # tokens: that many content frames in a stream |
| `calls=#` | # parallel tool calls; 0 = text although tools are offered |
| `thinking=#` [8] | # tokens of thinking |
| `refusal`, `filtered` | the model declines; the content filter stops it half way |
| `input= output= cached= cache_write= reasoning=` | token counts as told |
| `no_usage`, `bad_usage=x` | usage missing; or mad: negative, zero, absurd, text |
| **refusals** | |
| `status=#` `code=x` `message=x` | an error of that status in the dialect's words |
| `retry_after=x` `retry_after_ms=x` | that header as it is (`_` = space); empty = none (429: `1`) |
| `quota`, `slow_down`, `context` | spent quota 429, slow-down 503 (Anthropic 429), prompt too long 400 |
| `redirect=URL` `html` | 307 to URL; an HTML page (both: other status with `status=`) |
| **time** | |
| `delay_ms=#` `think_ms=#` `gap_ms=#` | before the first byte; between head and first frame; between frames |
| **body, still HTTP** | |
| `empty`, `wrong_shape`, `content_type=x` | no body; JSON that is no answer; another content type |
| `truncate=#` [10] | the body ends there, properly framed |
| `stop_after=#` [1] | the stream ends properly after # frames: no finish, no usage, no terminal marker |
| `error_after=#` [1] | an error inside the 200 stream after # frames (kind by `status=`) |
| `json_for_stream`, `stream_for_json` | the other kind of answer |
| `big_line=#` [10 MB] | one line that long first (white space in JSON answers) |
| `comments=#` [20] | keep-alive comments (Anthropic pings, Ollama blank lines) first |
| `crlf`, `bom`, `odd_events` | CRLF line ends; a byte order mark; `retry:`, `id:`, empty and unknown events |
| `no_done`, `done_twice`, `after_done` | terminal marker missing, doubled, followed by content |
| `drip=#` [1], `one_packet` | the body in pieces of # bytes, `gap_ms` apart; the stream in one write |
| `endless` | content frames (or white space) for ever |
| `gzip_bomb=#` [100 MB], `gzip_lie` | compressed zeros; `content-encoding: gzip` over plain bytes |
| `header_bytes=#` [1 MB], `continues=#` [100], `trailers`, `close` | as named |
| `echo` | the credential in a response header, and in the message of a `status=` error |
| **below HTTP** | |
| `garbage` | bytes that are no HTTP |
| `content_length=#` `two_lengths` | added to the true length (-5, 5); two differing lengths |
| `cut=#` [0] `reset=#` [0] `hang=#` [-1] | at that byte of the body FIN, RST, silence (0, -1: no head) |
"""

from provider_sim.simulator import ProviderSim

__all__ = ["ProviderSim"]

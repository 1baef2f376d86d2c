"""OpenAI's chat completions, in both directions; and, from callers only, the legacy completions before them."""

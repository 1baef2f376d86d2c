"""OpenAI's Responses API, of callers and of providers (wire reference §2.5, §2.6)."""

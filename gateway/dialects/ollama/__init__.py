"""Ollama's own chat API, as providers speak it."""

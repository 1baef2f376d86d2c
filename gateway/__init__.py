"""Kaze Gateway: one door to every LLM."""

__version__ = "0.1.0"

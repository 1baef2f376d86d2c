"""Anthropic's messages: as callers speak them, and as providers do."""

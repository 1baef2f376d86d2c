"""Counting tokens the way the simulated models do.

Input: four UTF-8 bytes a token, rounded up, a rule anyone can check by hand and that never exceeds the byte
length, like real byte-level tokenizers. Output: exactly the pieces a stream sends, so frames and usage agree.
"""

import re

PIECE = re.compile(r"\s*\S{1,7}|\s+")

MESSAGE_OVERHEAD = 4
"""Tokens a chat message costs besides its text (role and separators), as OpenAI's cookbook counts them."""

IMAGE_TOKENS = 85
"""What one image part costs, whatever its size (OpenAI's low-detail price)."""


def count(text: str) -> int:
    """Tokens of input text."""
    return (len(text.encode("utf-8", "surrogatepass")) + 3) // 4


def pieces(text: str) -> list[str]:
    """Output text cut into tokens; joined they are the text again."""
    return PIECE.findall(text)

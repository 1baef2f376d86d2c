"""Instructions in the middle of a conversation, for models that know them only at its beginning.

They are said in place, in the user's turn: moved to the beginning they would change all that is cached behind them.
"""

_NOTE = "Operator note (not from the user): "


def operator_note(text: str) -> str:
    return _NOTE + text

"""How a failed tool's answer is told from another's where the API has no word for it (wire reference §2.1)."""

#: Before what the tool said.
FAILED = "Error: "

"""From what was seen to figures: each module one question, none of them asking the gateway for the answer."""

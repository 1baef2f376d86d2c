"""The scenarios: each says what stands, what is offered, what befalls, and the figures that must come of it."""

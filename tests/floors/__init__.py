"""Style as a test: the sources read as syntax trees, a rule a function, today's exceptions in a ratchet."""

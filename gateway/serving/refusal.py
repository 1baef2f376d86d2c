"""Why the gateway does not start, in one line that people can act on."""


class StartError(Exception):
    """Something outside the configuration stands in the way; the message says what, and what to change."""

"""Wire formats: reading a caller's body without re-serialising it, framing streams, and saying no in the
caller's own words. Pure: bytes in, bytes out; nothing here awaits."""

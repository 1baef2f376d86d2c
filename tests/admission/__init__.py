"""Deciders of admission, on numbers alone."""

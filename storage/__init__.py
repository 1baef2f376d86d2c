"""Stores that the product runs by itself, so that one machine needs nothing but this. Imports nothing of ours."""

"""Tests of their folder's namesake."""

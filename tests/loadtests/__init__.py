"""Tests of the load tests: what measures must itself be right."""

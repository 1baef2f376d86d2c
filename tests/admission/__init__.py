"""Deciders of gateway/admission: pure, so that time is a number in these tests."""

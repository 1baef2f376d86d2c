"""The load as it is offered: who asks what and when, the locust process that asks, and what it saw."""

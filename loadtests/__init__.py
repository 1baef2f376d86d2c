"""Load tests of Kaze Gateway: what it costs to stand between a caller and a provider.

The top floor: it starts the gateway as anyone would, by its command, and speaks to it over HTTP. It
imports nothing of the gateway's, but for `queue_cost`, which measures a data structure without a server too.
"""

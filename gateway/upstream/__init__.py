"""The way out to providers: our own HTTP/1.1 client, and one adapter file a provider.

`send.send` runs one exchange, on a connection of a `pool.Pool` (one per origin and egress proxy), and hands out
a `response.Response`. The client dials configured origins only, follows no redirect (a 307 is an answer with
status 307), reads no proxy variable of the environment, and asks for nothing on its own: the caller's head says
`accept-encoding: identity`. When a provider is away every way of failing is an `UpstreamFailure`.
"""

"""Tenant keys, the gateway's own secrets, and where provider secrets come from. Knows nothing of the gateway."""

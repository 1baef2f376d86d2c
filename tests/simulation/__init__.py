"""A world of callers, gateways and providers on virtual time, and what must hold in it whatever happens."""

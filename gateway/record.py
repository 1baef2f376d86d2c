"""Plain records of the request path: fields, defaults and slots, filled in C.

A dataclass runs a line of Python a field each time one is made; a request makes half a dozen of them.
"""

from msgspec import Struct as Record

__all__ = ["Record"]

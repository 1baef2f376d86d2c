"""Plain records of the request path: fields, defaults and slots, filled in C.

A dataclass runs a line of Python a field each time one is made; a request makes half a dozen of them.
`replace` makes another of one, with some fields changed. `to_json` writes one as a JSON object, its fields in
order; TypeError or ValueError for what JSON cannot hold.
"""

from msgspec import Struct as Record
from msgspec import field
from msgspec.json import Encoder
from msgspec.structs import replace

__all__ = ["Record", "field", "replace", "to_json"]

to_json = Encoder().encode

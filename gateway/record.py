"""Plain records of the request path: fields, defaults and slots, filled in C.

A dataclass runs a line of Python a field each time one is made; a request makes half a dozen of them.
`replace` makes another of one, with some fields changed. `to_json` writes one as a JSON object, its fields in
order; TypeError or ValueError for what JSON cannot hold. `Meta` bounds a field of what is decoded.
"""

from msgspec import Meta, field
from msgspec import Struct as Record
from msgspec.json import Encoder
from msgspec.structs import replace

__all__ = ["Meta", "Record", "field", "replace", "to_json"]

to_json = Encoder().encode

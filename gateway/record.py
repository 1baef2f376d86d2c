"""Plain records of the request path: fields, defaults and slots, filled in C.

A dataclass runs a line of Python a field each time one is made; a request makes half a dozen of them.
`replace` makes another of one, with some fields changed. `to_json` writes one as a JSON object, its fields in
order; TypeError or ValueError for what JSON cannot hold. `from_json` reads any JSON value, with integers of any
size; ValueError for what is none, RecursionError where it is nested a thousand levels deep. `Raw` is a field's JSON
as it stands. `JsonReader(type).decode` reads JSON of that type alone. `to_bytes` writes MessagePack, and
`Reader(type).decode` reads it: ValueError for what is none, or not of that type. `Meta` bounds a field of what is
decoded.
"""

from msgspec import Meta, Raw, field
from msgspec import Struct as Record
from msgspec.json import Decoder as JsonReader
from msgspec.json import Encoder
from msgspec.msgpack import Decoder as Reader
from msgspec.msgpack import Encoder as Writer
from msgspec.structs import replace

__all__ = [
    "JsonReader",
    "Meta",
    "Raw",
    "Reader",
    "Record",
    "field",
    "from_json",
    "replace",
    "to_bytes",
    "to_json",
]

to_json = Encoder().encode
from_json = JsonReader().decode
to_bytes = Writer().encode

"""Plain records and their JSON: fields, defaults and slots filled in C. What this package knows of msgspec."""

from msgspec import MsgspecError as RecordError
from msgspec import Struct as Record
from msgspec import field
from msgspec.json import Decoder, Encoder
from msgspec.structs import asdict

__all__ = ["Decoder", "Encoder", "Record", "RecordError", "asdict", "field"]

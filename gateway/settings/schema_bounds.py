"""`bounds:` in the file: a setting for each field of the snapshot's `Bounds`, with its default and meaning.

What values it may have follows from the unit that its name ends in.
"""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, Strict, create_model

from gateway.settings.schema_types import Count, Seconds, Section, Size
from gateway.settings.snapshot import Bounds

_Depth = Annotated[int, Strict(), Field(ge=1, le=1024)]
_Ratio = Annotated[float, Strict(), Field(ge=1, le=10, allow_inf_nan=False)]
_UNITS: dict[str, Any] = {"s": Seconds, "bytes": Size, "depth": _Depth, "ratio": _Ratio}


def _settings() -> dict[str, Any]:
    """By name, the kind of value and the rest of each setting; what has no unit is counted."""
    return {
        one.name: (
            _UNITS.get(one.name.rpartition("_")[2], Count),
            Field(default=one.default, description=one.metadata["meaning"]),
        )
        for one in fields(Bounds)
    }


if TYPE_CHECKING:

    class BoundsSection(Section):
        """To a type checker it is a section like any other: only whole ones are handed on."""

else:
    _FIRST_LINE = Bounds.__doc__.partition("\n")[0]
    BoundsSection = create_model("BoundsSection", __base__=Section, __doc__=_FIRST_LINE, **_settings())

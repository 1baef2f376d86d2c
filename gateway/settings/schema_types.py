"""The kinds of value that settings have: each with its rule, so that a field says only what it means."""

from decimal import Decimal
from math import inf
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from gateway.settings.apis import APIS

_Item = TypeVar("_Item")


class Section(BaseModel):
    """A mapping of the file: no field that is not declared, nothing changes once read, no value in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        # No values: a reference may be a literal secret given by mistake, a URL may hold a password.
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Described(Section):
    """A section whose fields are described by the text below each, as the admin API's are."""

    model_config = ConfigDict(use_attribute_docstrings=True)


ID_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"


def _one_as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _number(value: Any) -> Any:
    # Through text, so that 0.1 is a tenth and not the nearest double.
    return Decimal(str(value)) if type(value) in (int, float) else value


def _whole(value: Any) -> Any:
    # JSON readers make floats of numbers beyond 64 bits: those are too large, and not no whole numbers.
    return int(value) if type(value) is float and 2**63 <= abs(value) < inf else value


Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Id = Annotated[Text, Field(pattern=ID_PATTERN)]
#: Printable ASCII without spaces: what a caller may put in `model`.
ModelName = Annotated[Text, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
#: `provider/model`; the model is the provider's own name for it, which may hold further slashes.
TargetName = Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}/[\x20-\x7e]{1,256}$")]
ModelPattern = Annotated[Text, Field(pattern=r"^[\x20-\x7e]{1,256}$")]
#: Where a secret is: `env:NAME`, `file:/path` or `vault:…`.
Reference = Annotated[Text, Field(max_length=4096)]
#: The same, or all that begins so; of files, all in a directory.
PLACES_PATTERN = r"^(env:([A-Za-z0-9_]+\*?|\*)|vault:([!-)+-~]+\*?|\*)|file:/([^*]*/)?\*|file:/[^*]+)$"
SecretPlaces = Annotated[Text, Field(pattern=PLACES_PATTERN, max_length=4096)]
#: A role, a mount or a namespace.
VAULT_PATH_PATTERN = r"^[A-Za-z0-9_.~@-]{1,64}(/[A-Za-z0-9_.~@-]{1,64}){0,15}$"
VaultPath = Annotated[Text, Field(pattern=VAULT_PATH_PATTERN)]
Url = Annotated[Text, Field(min_length=1, max_length=2048)]
Count = Annotated[int, BeforeValidator(_whole), Strict(), Field(gt=0, le=10**12)]
Size = Annotated[int, Strict(), Field(gt=0, le=2**40)]
Seconds = Annotated[float, Strict(), Field(gt=0, le=86_400, allow_inf_nan=False)]
Port = Annotated[int, Strict(), Field(ge=0, le=65_535)]
#: Whole nano-dollars.
Usd = Annotated[
    Decimal,
    BeforeValidator(_number, json_schema_input_type=float),
    Strict(),
    Field(gt=0, le=10**9, decimal_places=9),
]
#: US dollars, for a million tokens or for one piece; a multiplier of such.
Price = Annotated[
    Decimal, BeforeValidator(_number, json_schema_input_type=float), Strict(), Field(ge=0, le=10**6)
]
Day = Annotated[Text, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
#: Nano-dollars.
Nusd = Annotated[int, BeforeValidator(_whole), Strict(), Field(ge=0, le=10**18)]
AnchorDay = Annotated[int, Strict(), Field(ge=1, le=31)]
#: Up to thirty days.
Overlap = Annotated[int, Strict(), Field(ge=0, le=30 * 86_400)]
#: No text in PostgreSQL holds a NUL.
ShortText = Annotated[Text, Field(max_length=200, pattern=r"^[^\x00]*$")]
#: With its time zone, as RFC 3339 has it.
Moment = Annotated[Text, Field(json_schema_extra={"format": "date-time"})]
#: What callers present; also given, as a value, where one is brought along.
GivenSecret = Annotated[Text, Field(min_length=20, max_length=512, pattern=r"^[\x21-\x7e]+$")]
Tokens = Annotated[int, BeforeValidator(_whole), Strict(), Field(ge=0, le=10**9)]
Weight = Annotated[float, Strict(), Field(ge=0.001, le=1000, allow_inf_nan=False)]
ListOf = Annotated[tuple[_Item, ...], Field(max_length=10_000)]
OneOrMore = Annotated[ListOf[_Item], BeforeValidator(_one_as_list), Field(min_length=1)]

Priority = Literal["supervised", "conversation", "scheduled", "consolidation", "evaluation"]
Dialect = Literal["openai", "azure", "anthropic", "gemini", "ollama"]
Flavour = Literal[
    "openai", "vllm", "groq", "mistral", "deepseek", "xai", "openrouter", "together", "generic", "sim"
]
Api = Annotated[Text, Field(json_schema_extra={"enum": sorted(APIS)})]
LogLevel = Literal["debug", "info", "warning", "error"]

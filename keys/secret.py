"""The one type that holds a secret. It prints as stars and cannot be pickled, copied or serialised."""

import hmac
from typing import Never


class Secret:
    """A credential in memory. `reveal()` is called where it goes out to its own provider, nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('*****')"

    def __str__(self) -> str:
        return "*****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a secret is not a dictionary key

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not serialised")

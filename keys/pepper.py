"""Where the pepper comes from: `KAZE_KEY_PEPPER`, or made once and kept, mode 0600, in the data directory.

`KAZE_KEY_PEPPER_PREVIOUS`, or the file `pepper-previous`, is the one before it, for as long as keys are known
by it; where one is given for the first time, that is the one that was made. Without the directory and without the
variable there is no start: keys made under a pepper that is gone the next time would be gone too.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keys import stored
from keys.digest import Pepper, Peppers
from keys.strength import PEPPER_BYTES_MIN, weakness

VARIABLE = "KAZE_KEY_PEPPER"
PREVIOUS_VARIABLE = "KAZE_KEY_PEPPER_PREVIOUS"
FILE = "pepper"
PREVIOUS_FILE = "pepper-previous"


class PepperError(Exception):
    """No pepper to start with. `variable` is to be put right, or the data directory when it is None."""

    def __init__(self, variable: str | None, message: str) -> None:
        super().__init__(message)
        self.variable = variable


@dataclass(frozen=True, slots=True, eq=False)
class FoundPeppers:
    """The peppers, and the names of their files that are open to others than their owner."""

    peppers: Peppers
    exposed: tuple[str, ...] = ()


def find_peppers(data_dir: Path, environ: Mapping[str, str], *, persist: bool = True) -> FoundPeppers:
    """The peppers to work with; without `persist` a missing one is made up for this once.

    Raises PepperError, whose message says what is wrong and never shows a value.
    """
    exposed: list[str] = []
    given = _given(VARIABLE, environ)
    current = _kept(data_dir, persist, exposed) if given is None else given
    previous = _given(PREVIOUS_VARIABLE, environ)
    if previous is None:
        previous = _read(data_dir / PREVIOUS_FILE, exposed)
    if previous is None and given is not None:
        previous = _read(data_dir / FILE, exposed)
    if previous == current:
        previous = None
    peppers = Peppers(_pepper(current), None if previous is None else _pepper(previous))
    return FoundPeppers(peppers, tuple(exposed))


def _given(variable: str, environ: Mapping[str, str]) -> str | None:
    value = environ.get(variable)
    if value is None:
        return None
    weak = weakness(value, PEPPER_BYTES_MIN)
    if weak is not None:
        raise PepperError(variable, weak)
    return value


def _kept(data_dir: Path, persist: bool, exposed: list[str]) -> str:
    path = data_dir / FILE
    try:
        value = stored.read_or_make(path, _make)[0] if persist else stored.read(path) or _make()
    except stored.StoredError as error:
        raise PepperError(None, str(error)) from None
    return _checked(path, value, exposed)


def _read(path: Path, exposed: list[str]) -> str | None:
    try:
        value = stored.read(path)
    except stored.StoredError as error:
        raise PepperError(None, str(error)) from None
    return None if value is None else _checked(path, value, exposed)


def _checked(path: Path, value: str, exposed: list[str]) -> str:
    weak = weakness(value, PEPPER_BYTES_MIN)
    if weak is not None:
        raise PepperError(None, f"{path.name} in it {weak}")
    if stored.is_exposed(path):
        exposed.append(path.name)
    return value


def _make() -> str:
    return secrets.token_hex(32)


def _pepper(text: str) -> Pepper:
    return Pepper(text.encode("utf-8", "surrogateescape"))

"""Money as it is added up: whole nano-dollars, and rates in whole nano-dollars per million.

Conversions are exact or refused; `charge` and `rate` alone round, and they round up, so that what is charged is
never less than what was spent. Floats are not taken: 0.1 is none of their values. Depends on nothing.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

NANO = 1_000_000_000
MILLION = 1_000_000
#: What a BIGINT column holds; nine billion dollars.
NANO_MAX = 2**63 - 1
#: What one request may come to, ten million dollars: the sums of many are to fit, too.
REQUEST_MAX = 10**16

Dollars = Decimal | int | str


def nano(usd: Dollars) -> int:
    """Dollars as nano-dollars. ValueError for fractions of a nano-dollar, and for what is no amount."""
    exact = _fraction(usd) * NANO
    if exact.denominator != 1:
        raise ValueError("an amount is finer than a nano-dollar")
    return _fits(exact.numerator)


def charge(usd: Dollars) -> int:
    """The same for what is to be paid: a fraction of a nano-dollar counts as one."""
    return _fits(_up(_fraction(usd) * NANO))


def rate(usd: Dollars, per: int = MILLION) -> int:
    """Dollars for `per` pieces as nano-dollars for a million of them, rounded up."""
    return _fits(_up(_fraction(usd) * NANO * MILLION / per))


def dollars(amount: int) -> Decimal:
    """Nano-dollars as dollars, exactly."""
    sign, whole = ("-", -amount) if amount < 0 else ("", amount)
    return Decimal(f"{sign}{whole // NANO}.{whole % NANO:09d}")


def text(amount: int) -> str:
    """For people: at least two digits after the point, and no more than the amount needs."""
    sign, whole = ("-", -amount) if amount < 0 else ("", amount)
    cents, rest = f"{whole % NANO:09d}"[:2], f"{whole % NANO:09d}"[2:].rstrip("0")
    return f"{sign}${whole // NANO:,}.{cents}{rest}"


def _fraction(usd: Dollars) -> Fraction:
    if isinstance(usd, float | bool):
        raise TypeError("amounts of money are decimal")
    try:
        exact = Decimal(usd) if isinstance(usd, str) else usd
    except InvalidOperation:
        raise ValueError("no amount of money") from None
    if isinstance(exact, Decimal) and not exact.is_finite():
        raise ValueError("no amount of money")
    return Fraction(exact)


def _up(exact: Fraction) -> int:
    return -(-exact.numerator // exact.denominator)


def _fits(amount: int) -> int:
    if abs(amount) > NANO_MAX:
        raise ValueError("an amount is larger than can be kept")
    return amount

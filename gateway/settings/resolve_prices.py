"""Prices of the file as the snapshot has them."""

from datetime import UTC, datetime

from budgets.price_override import Override, own_price
from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.resolve_providers import is_duplicate
from gateway.settings.schema import ConfigFile
from gateway.settings.schema_prices import PriceSection
from gateway.settings.validate import suggestion

_WHOSE = frozenset({"id", "model", "provider", "tenant", "since"})


def resolve_prices(file: ConfigFile, findings: Findings) -> tuple[Override, ...]:
    """Every price that stands."""
    prices: list[Override] = []
    first: dict[str, Path] = {}
    for index, section in enumerate(file.prices):
        path: Path = ("prices", index)
        if is_duplicate(section.id, path, first, findings):
            continue
        _check_names(section, file, path, findings)
        made = _price(section, path, findings)
        if made is not None:
            prices.append(made)
    return tuple(prices)


def _price(section: PriceSection, path: Path, findings: Findings) -> Override | None:
    since = 0.0
    if section.since is not None:
        try:
            since = datetime.fromisoformat(section.since).replace(tzinfo=UTC).timestamp()
        except ValueError:
            findings.add((*path, "since"), "is no day")
            return None
    spec = section.model_dump(exclude_none=True, exclude=set(_WHOSE))
    above = [(rates.pop("tokens"), rates) for rates in spec["above"]]
    spec["above"] = dict(above)
    if len(above) > len(spec["above"]):
        findings.add((*path, "above"), "names a number of tokens twice")
    try:
        price = own_price(section.id, spec)
    except ValueError as error:
        findings.add(path, str(error))
        return None
    return Override(
        section.id,
        price,
        section.model,
        section.provider or "*",
        section.tenant or "*",
        since,
        findings.where(path),
    )


def _check_names(section: PriceSection, file: ConfigFile, path: Path, findings: Findings) -> None:
    """What the file does not have may be in the database, if there is one."""
    for name, said, known in (
        ("provider", section.provider, [one.id for one in file.providers]),
        ("tenant", section.tenant, [one.id for one in file.tenants]),
    ):
        if said is None or said in known:
            continue
        if file.database == "none":
            findings.add((*path, name), f"no such {name}{suggestion(said, known)}")
        else:
            findings.warn((*path, name), f"not in this file{suggestion(said, known)}")

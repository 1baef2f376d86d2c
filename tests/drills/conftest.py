"""How often the drill of whole gateways kills: seldom in a run of the suite, as often as is asked for by hand."""

import pytest

#: By option: what is killed, and how often where nothing is asked for.
VICTIMS = {"--kills": ("worker", 5), "--postgres-kills": ("postgres", 1)}
_START_S, _KILL_S = 120, 30


def pytest_addoption(parser: pytest.Parser) -> None:
    for option, (victim, count) in VICTIMS.items():
        parser.addoption(
            option, type=int, default=count, help=f"how often the drill kills a {victim} ({count})"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A machine may be busy, and nothing may go on for ever."""
    limit_s = _START_S + _KILL_S * len(_victims(config))
    for item in items:
        if "victims" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(limit_s))


@pytest.fixture
def victims(request: pytest.FixtureRequest) -> list[str]:
    """What is killed, one after the other, in no order yet."""
    return _victims(request.config)


def _victims(config: pytest.Config) -> list[str]:
    """The options are not there where the suite is asked for as a whole."""
    counts = {victim: config.getoption(option, count) for option, (victim, count) in VICTIMS.items()}
    return [victim for victim, count in counts.items() for _ in range(count)]

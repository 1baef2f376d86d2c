"""The measurement of a start works: a first and a later one, with everything embedded. How long they take is for
`python -m loadtests.start_time` on a machine that has nothing else to do."""

import sys

import pytest

from loadtests.start_time import measured

#: More CPU than this on any machine, and something is done at a start that has no place there.
CPU_S = 30.0


@pytest.mark.timeout(180)
def test_a_first_and_a_later_start_are_measured() -> None:
    found = measured(1, None, sys.executable)
    assert set(found) == {"first", "later"}
    for [(seconds, worked)] in found.values():
        assert 0 < seconds and 0 < worked < CPU_S

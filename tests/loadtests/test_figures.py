"""Targets, tables, what the profile says and what the loop's lag says."""

from __future__ import annotations

import os

import pytest

from loadtests import snapshot_cost
from loadtests.__main__ import main
from loadtests.figures import REFERENCE_US, Figure, figure_table, number, table
from loadtests.loop_lag import worst_between
from loadtests.process_cost import cpu_time, is_server_beside, memory, read_process, tree
from loadtests.profiling import top_functions
from loadtests.wrk import lua_script


def test_verdicts_on_both_sides_of_a_target() -> None:
    assert Figure("cpu", 65, "us", 65).verdict == "ok"
    assert Figure("cpu", 70, "us", 65).verdict == "near"
    assert Figure("cpu", 90, "us", 65).verdict == "MISSED"
    assert Figure("rate", 15_000, "/s", 15_000, at_least=True).verdict == "ok"
    assert Figure("rate", 12_000, "/s", 15_000, at_least=True).verdict == "near"
    assert Figure("rate", 10_000, "/s", 15_000, at_least=True).verdict == "MISSED"
    assert Figure("told", 1, "MB").verdict == ""


def test_a_target_of_cpu_moves_with_the_machine() -> None:
    slow = 2 * REFERENCE_US
    assert Figure("cpu", 120, "us", 65, static_us=slow).verdict == "ok"
    assert Figure("cpu", 140, "us", 65, static_us=slow).verdict == "near"
    assert Figure("rate", 8_000, "/s", 15_000, at_least=True, static_us=slow).verdict == "ok"
    assert Figure("rate", 5_000, "/s", 15_000, at_least=True, static_us=slow).verdict == "MISSED"
    assert Figure("cpu", 120, "us", 65, static_us=slow).as_json()["here"] == 130


def test_a_table_lines_up() -> None:
    assert table(("a", "bb"), [("xyz", "1")]) == "a    bb\n---  --\nxyz   1"
    assert "≤ 65.0 us" in figure_table([Figure("cpu", 70, "us", 65)])
    assert [number(value) for value in (0.123, 12.34, 12345.6)] == ["0.12", "12.3", "12,346"]


def test_the_top_of_a_profile() -> None:
    assert top_functions(["a;b;c 3", "x;Condition.wait (threading.py:288) 9", "a;b 2", "a;a 1", ""]) == [
        ("c", 3, 3),
        ("b", 2, 5),
        ("a", 1, 6),
    ]


def test_loop_lag_from_a_histogram_or_a_gauge() -> None:
    def page(low: int, middle: int, high: int) -> str:
        lines = (("0.01", low), ("0.1", middle), ("+Inf", high))
        return "".join(f'gateway_loop_lag_seconds_bucket{{le="{le}"}} {count}\n' for le, count in lines)

    assert worst_between(page(5, 6, 6), page(9, 10, 10)) == 0.01
    assert worst_between(page(5, 6, 6), page(9, 11, 11)) == 0.1
    assert worst_between("", "gateway_loop_lag_seconds 0.25\n") == 0.25
    assert worst_between("", "") is None


def test_what_a_process_costs() -> None:
    mine = read_process(os.getpid())
    assert mine is not None
    assert mine.parent == os.getppid()
    assert os.getpid() in tree(os.getpid())
    assert cpu_time(os.getpid()).own >= mine.cpu
    assert memory(os.getpid()).rss >= memory(os.getpid()).pss > 1_000_000
    assert is_server_beside("postgres")
    assert not is_server_beside("python")


def test_the_wrk_script_is_filled_in(tmp_path: os.PathLike[str]) -> None:
    from pathlib import Path

    script = lua_script(Path(tmp_path, "body"), 50)
    assert "local frames = 50" in script
    assert not any(name in script for name in ("BODY_FILE", "FRAMES", "DONE_TEXT", "MARKER"))


def test_an_unknown_scenario_is_told_apart() -> None:
    assert main(["--help"]) == 0
    assert main([]) == main(["nonsense"]) == 2


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 0),
        ({"together_ms": 198.0}, 0),
        ({"together_ms": 199.0}, 1),
        ({"swap_ms": 101.0}, 1),
        ({"memory_mib": 57.3}, 1),  # 60.1 MB
        ({"memory_after_more_mib": 57.3}, 1),
        ({"memory_mib": float("nan")}, 1),
        ({"worst_lag_ms": 999.0, "read_ms": 999.0}, 0),
    ],
)
def test_what_another_configuration_costs_is_judged(changed: dict[str, float], expected: int) -> None:
    names = ("read_ms", "together_ms", "swap_ms", "worst_lag_ms", "memory_mib", "memory_after_more_mib")
    found = dict(zip(names, (300.0, 100.0, 2.0, 30.0, 12.0, 30.0), strict=True))
    assert snapshot_cost.status(snapshot_cost.judged(found | changed)) == expected

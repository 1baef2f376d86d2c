"""What is written afterwards: a page that needs nothing from anywhere, a summary, an exit status."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtests.__main__ import SCENARIOS, main
from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.peers import ROOT
from loadtests.report.measured import markdown, rows
from loadtests.report.page import page
from loadtests.report.plots import plots
from loadtests.report.svg import line_chart, nice
from loadtests.scenarios import (
    burst,
    ceilings,
    ledger_loss,
    mixed_stream,
    noisy_neighbour,
    overflow,
    provider_outage,
)
from loadtests.scenarios.command import MISSED, OK, SATURATED, status
from loadtests.scenarios.run import Result, Run
from loadtests.world.elsewhere import write_configuration
from tests.loadtests.evidence import call, evidence, layout, row
from tests.settings.loading import ENVIRON, load_text

ALL = (burst, ceilings, ledger_loss, mixed_stream, noisy_neighbour, overflow, provider_outage)
EVERY_RUN = [run for scenario in ALL for ci in (False, True) for run in scenario.runs(ci)]


def seen() -> Evidence:
    calls = [call(at / 2, at / 2 + 1, queue_ms=900.0) for at in range(200)]
    calls += [call(50.0, 50.1, status=429, code="rate_limit_exceeded"), call(60.0, 61.0, overflow="local")]
    return evidence(calls, [row(float(at)) for at in range(100)] + [row(100.0, "refused")])


def result(*figures: Figure, saturation: str = "") -> Result:
    run = Run("case", "a <title>", layout(), [], 120.0, 60.0, lambda _: [])
    return Result(run, seen(), list(figures), saturation, "<html><body>locust & co</body></html>")


def test_plots_are_well_formed_and_show_every_line() -> None:
    made = plots(seen())
    assert len(made) == 9
    for one in made:
        ElementTree.fromstring(one)
    assert "k rpm" in made[0] and made[0].count("<polyline") == 1
    assert 'class="bound"' in made[0]


def test_a_chart_keeps_points_inside_and_words_escaped() -> None:
    chart = line_chart("<b>", "%", {"a&b": [(-5.0, 1.0), (500.0, 9.0)]}, seconds=100, marks=[(5.0, "<x>")])
    ElementTree.fromstring(chart)
    xs = [float(x) for x in re.findall(r'points="([\d.]+),[\d.]+ ([\d.]+),', chart)[0]]
    assert min(xs) >= 56 and max(xs) <= 860
    assert [nice(value) for value in (0.7, 1.0, 1.1, 4.4, 98.0, 105.0)] == [1.0, 1.0, 2.0, 5.0, 100.0, 200.0]
    ElementTree.fromstring(line_chart("none", "", {}, seconds=10))


def test_the_page_holds_everything_and_fetches_nothing() -> None:
    text = page(
        "ceilings", "kaze loadtest ceilings", {"cores": 2}, [result(Figure("a", 1, "", 0, tolerance=0))]
    )
    own = text[: text.index("<iframe")]
    assert "a &lt;title&gt;" in own and "MISSED" in own and "429 rate_limit_exceeded" in own
    assert not re.findall(r'(?:src|href)="?(?:https?:)?//', text)
    assert "locust &amp; co" in text


def test_the_exit_status_is_the_worst_of_all_runs() -> None:
    met, missed = Figure("a", 0, "", 0, tolerance=0), Figure("a", 1, "", 0, tolerance=0)
    unknown = Figure("a", float("nan"), "", 0, tolerance=0)
    assert status([result(met)], strangers=False) == OK
    assert status([result(met), result(met, missed)], strangers=False) == MISSED
    assert status([result(unknown)], strangers=False) == MISSED
    assert status([result(unknown)], strangers=True) == OK
    assert status([result(missed), result(met, saturation="busy")], strangers=False) == SATURATED


def test_a_summary_is_json_without_the_calls() -> None:
    made = json.loads(json.dumps(result(Figure("a", float("inf"), "s", 5, tolerance=0)).as_json()))
    assert made["verdict"] == "MISSED"
    assert made["outcomes"]["served"] == 200
    assert made["figures"][0]["value"] is None


def test_summaries_become_rows_of_the_documents_table() -> None:
    figures = (
        Figure("rpm of k used", 98.4, "%", 98, at_least=True),
        Figure("fullest 60 s window asked for", 100, "% of its ceiling", 100),
        Figure("provider 429s", 0, "", 0),
        Figure("rpm used while the ledger was away", 0.2, "%"),
        Figure("callers' errors", 3, "", 0, tolerance=0),
    )
    summary = {"scenario": "ceilings", "runs": [json.loads(json.dumps(result(*figures).as_json()))]}
    besides = "rpm used while the ledger was away 0.20 %; callers' errors 3 (MISSED); **MISSED**"
    assert [*rows(summary)] == [("`ceilings` `case`", "98.4 %", "100 %", "0", besides)]
    lines = (ROOT / "docs/loadtests.md").read_text().splitlines()
    assert markdown([]).splitlines()[0] in lines, "the table has these columns"


@pytest.mark.parametrize("run", EVERY_RUN, ids=lambda run: f"{run.name}-{run.seconds:g}s")
def test_the_gateway_takes_every_configuration(run: Run, tmp_path: Path) -> None:
    lines = write_configuration(run.layout, tmp_path)
    exported = [line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export ")]
    secrets = {name: "a-secret-of-some-length-for-" + name for name, _ in exported}
    settings = load_text((tmp_path / "kaze.yaml").read_text(), tmp_path, {**ENVIRON, **secrets})
    assert len(settings.snapshot.provider_keys) == len(run.layout.keys)
    assert run.since < run.seconds
    assert len({stream.name for stream in run.streams}) == len(run.streams)
    asked = {stream.model for stream in run.streams}
    assert asked <= {route.id for route in run.layout.routes}
    assert {stream.tenant for stream in run.streams} == set(run.layout.tenants)


def test_ci_forms_are_short() -> None:
    assert max(run.seconds for scenario in ALL for run in scenario.runs(True)) <= 12


def test_every_scenario_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for name in sorted(SCENARIOS):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert "usage" in capsys.readouterr().out


def test_a_case_that_does_not_exist_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["burst", "--case", "nonsense"])
    assert ended.value.code == 2
    assert "known: idle" in capsys.readouterr().err


def test_a_configuration_can_be_written_for_a_gateway_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["overflow", "--case", "local", "--prepare", str(tmp_path)]) == 0
    assert "kaze serve --config" in capsys.readouterr().out
    assert {file.name for file in tmp_path.iterdir()} == {
        "kaze.yaml",
        "limits-paid.json",
        "limits-local.json",
    }

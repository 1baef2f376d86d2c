"""The HTML report: verdicts, plots and outcomes of every run, and locust's own report of it in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from loadtests.figures import Figure, said
from loadtests.judged.outcomes import by_class
from loadtests.report.plots import plots
from loadtests.scenarios.run import Result

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.6rem 0}td,th{border-bottom:1px solid #ddd;padding:.2rem .8rem .2rem 0;
text-align:left}td.n{text-align:right}.ok{color:#2d7d46}.no{color:#b3263c;font-weight:600}figure{margin:1rem 0}
figcaption{font-weight:600}svg{width:100%;height:auto}svg text{font:10px system-ui,sans-serif;fill:#444}
.grid{stroke:#e4e4e4}.bound{stroke:#b3263c;stroke-dasharray:5 3}.mark{stroke:#999;stroke-dasharray:2 3}
text.mark{stroke:none;fill:#777}iframe{width:100%;height:52rem;border:1px solid #ccc}
"""


def page(title: str, command: str, conditions: dict[str, object], results: Sequence[Result]) -> str:
    """All of it; whoever opens it needs no network."""
    words = " · ".join(f"{name} {value}" for name, value in conditions.items())
    body = "".join(_run(result) for result in results)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p><code>{escape(command)}</code></p>"
        f"<p>{escape(words)}</p>{body}</body></html>"
    )


def _run(result: Result) -> str:
    evidence, run = result.evidence, result.run
    parts = [f"<h2>{escape(run.name)}: {escape(run.title)}</h2>"]
    if result.saturation:
        parts.append(f'<p class="no">No figure holds: {escape(result.saturation)}.</p>')
    parts.append(figure_rows(result.figures))
    told = [*(f"{at:.1f} s: {words}" for at, words in evidence.events), *evidence.notes]
    parts += [f"<p>{escape(words)}</p>" for words in told]
    parts += plots(evidence)
    parts.append("<h3>What callers got</h3>")
    parts.append(
        _table(
            ("class", "outcome", "calls"),
            (
                (priority, outcome, f"{count:,}")
                for priority, outcomes in by_class(evidence).items()
                for outcome, count in outcomes.items()
            ),
        )
    )
    if result.locust:
        frame = escape(result.locust, quote=True)
        parts.append(f'<h3>Locust</h3><iframe title="locust" srcdoc="{frame}"></iframe>')
    return "".join(parts)


def figure_rows(figures: Iterable[Figure]) -> str:
    """Measured, promised, verdict."""
    rows = []
    for one in figures:
        sign = "≥" if one.at_least else "≤"
        target = "" if one.target is None else f"{sign} {said(one.target, one.unit)}"
        rows.append((one.name, said(one.value, one.unit), target, one.verdict))
    return _table(("figure", "measured", "declared", "verdict"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = []
    for row in rows:
        state = "ok" if row[-1] == "ok" else "no" if row[-1] in ("MISSED", "NOT MEASURED", "near") else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[:-1])
        lines.append(f'<tr>{cells}<td class="{state}">{escape(row[-1])}</td></tr>')
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"

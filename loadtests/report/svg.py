"""Line charts as inline SVG: a page that shows them needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 860, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 14, 28
COLOURS = ("#1b6ca8", "#d1495b", "#3c9d5d", "#edae49", "#6a4c93", "#00798c", "#8d6a4f", "#5c5c5c", "#c75fa0")

Points = Sequence[tuple[float, float]]


def line_chart(
    title: str,
    unit: str,
    lines: Mapping[str, Points],
    *,
    seconds: float,
    bound: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Lines over the seconds of a load; `bound` is a level not to be passed, `marks` are moments with words."""
    highest = max((value for points in lines.values() for _, value in points), default=0.0)
    top = nice(max(highest, bound or 0.0) * 1.05 or 1.0)
    drawn = [_grid(top, seconds)]
    if bound is not None:
        level = _y(bound, top)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level}" y2="{level}" class="bound"/>')
    for at, words in marks:
        drawn.append(_mark(_x(at, seconds), words))
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{_x(at, seconds)},{_y(value, top)}" for at, value in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        drawn.append(_legend(number, name, colour))
    label = escape(f"{title}, {unit}" if unit else title)
    height = max(HEIGHT, TOP + 15 * len(lines) + 10)
    return (
        f'<figure><figcaption>{label}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}">{"".join(drawn)}</svg></figure>'
    )


def nice(value: float) -> float:
    """The next number of the form 1, 2 or 5 × a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _x(at: float, seconds: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(at, 0.0), seconds) / seconds, 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value, 0.0), top) / top, 1)


def _grid(top: float, seconds: float) -> str:
    made = []
    for number in range(5):
        value = top * number / 4
        y = _y(value, top)
        made.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="grid"/>')
        made.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    step = max(1, ceil(seconds / 8 / 5) * 5 if seconds > 20 else ceil(seconds / 8))
    for at in range(0, int(seconds) + 1, step):
        x = _x(at, seconds)
        made.append(f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{at} s</text>')
    return "".join(made)


def _mark(x: float, words: str) -> str:
    line = f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="mark"/>'
    return f'{line}<text x="{x + 3}" y="{TOP + 8}" class="mark">{escape(words)}</text>'


def _legend(number: int, name: str, colour: str) -> str:
    x, y = WIDTH - RIGHT + 12, TOP + 6 + 15 * number
    swatch = f'<rect x="{x}" y="{y - 4}" width="10" height="4" fill="{colour}"/>'
    return f'{swatch}<text x="{x + 15}" y="{y + 2}">{escape(name)}</text>'

"""Line charts as SVG in the page's colours, with values on hover and labels at the lines."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup, escape

from vaescope.escaping import printable

WIDTH, HEIGHT = 640, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 185, 12, 34  # margins, pixels
_LINE_OF_TEXT = 15  # pixels that two labels are apart
_COLOURS = 8  # of the style sheet
_MOST_LETTERS = 26  # of a label


@dataclass(frozen=True)
class Line:
    """One number over the steps; over several seeds a mean, with the range behind it."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    colour: int = 0  # of the style sheet's, from 0
    style: Literal["solid", "faint", "dotted"] = "solid"
    is_labelled: bool = True


@dataclass(frozen=True)
class Axis:
    """The vertical axis; its ends are those of the data where they are not given."""

    unit: str
    low: float | None = None
    high: float | None = None
    is_log: bool = False
    levels: Sequence[tuple[float, str]] = field(default_factory=tuple)  # values worth a line
    steps: str = "updates"  # what the horizontal axis is


def line_chart(lines: Sequence[Line], axis: Axis) -> Markup:
    """The chart ``<figure class="chart">``; names of lines may be anybody's."""
    x, y = _horizontal(lines), _vertical(lines, axis)
    body = [*_grid(x, y, axis), *_levels(y, axis), *(_drawn(line, x, y) for line in lines)]
    body += _labels(lines, y)
    rule = f'<path class="rule" d="M0 {_TOP}V{HEIGHT - _BOTTOM}" visibility="hidden"/>'
    shown = {
        "ends": [x.low, x.high],
        "frame": [_LEFT, WIDTH - _RIGHT, WIDTH],
        "steps": axis.steps,
        "lines": [
            {
                "name": printable(line.name),
                "colour": line.colour % _COLOURS,
                "steps": list(line.steps),
                "values": [_short(value) for value in line.values],
            }
            for line in lines
        ],
    }
    return Markup(
        '<figure class="chart wide"><svg viewBox="0 0 {} {}" tabindex="0" role="img" '
        'aria-label="{}" data-chart="{}">{}{}</svg></figure>'
    ).format(WIDTH, HEIGHT, axis.unit, json.dumps(shown), Markup("").join(body), Markup(rule))


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float  # pixel of the low end
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round numbers between the ends."""
        if self.is_log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            every = max(1, math.ceil((last - first) / 5))
            return [10.0**power for power in range(first, last + 1, every)]
        if self.high <= self.low:
            return [self.low]
        raw = (self.high - self.low) / 5
        unit = 10 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
        count = math.floor(self.high / step + 1e-9)
        return [step * n for n in range(math.ceil(self.low / step - 1e-9), count + 1)]


def _horizontal(lines: Sequence[Line]) -> _Scale:
    steps = [step for line in lines for step in line.steps]
    return _Scale(min(steps), max(steps), _LEFT, WIDTH - _RIGHT)


def _vertical(lines: Sequence[Line], axis: Axis) -> _Scale:
    values = [v for line in lines for each in (line.values, line.lows, line.highs) for v in each]
    values += [level for level, _ in axis.levels]
    low, high = min(values), max(values)
    is_log = axis.is_log and low > 0 and high > 20 * low
    low = low if axis.low is None or is_log else min(axis.low, low)
    high = high if axis.high is None else max(axis.high, high)
    if not is_log:
        room = 0.04 * (high - low) or abs(high) or 1.0
        low = low if low == axis.low else low - room
        high = high if high == axis.high else high + room
    return _Scale(low, high, HEIGHT - _BOTTOM, _TOP, is_log)


def _grid(x: _Scale, y: _Scale, axis: Axis) -> list[Markup]:
    across = Markup(
        '<path class="grid" d="M{} {:.1f}H{}"/>'
        '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    below = Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    right, foot = WIDTH - _RIGHT, HEIGHT - _BOTTOM + 17
    return [
        *(across.format(_LEFT, y(v), right, _LEFT - 6, y(v) + 4, _tick(v)) for v in y.ticks),
        *(below.format(x(v), foot, "middle", _tick(v)) for v in x.ticks),
        below.format(right, HEIGHT - 2, "end", axis.steps),
        below.format(0, HEIGHT - 2, "start", axis.unit),
    ]


def _levels(y: _Scale, axis: Axis) -> list[Markup]:
    return [
        Markup(
            '<path class="level" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}">{}</text>'
        ).format(_LEFT, y(value), WIDTH - _RIGHT, _LEFT + 6, y(value) - 4, name)
        for value, name in axis.levels
    ]


def _drawn(line: Line, x: _Scale, y: _Scale) -> Markup:
    def path(values: Sequence[float], steps: Sequence[float]) -> str:
        points = zip(steps, values, strict=True)
        return "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in points)

    band = Markup("")
    if line.lows and list(line.lows) != list(line.highs):
        there, back = path(line.lows, line.steps), path(line.highs[::-1], line.steps[::-1])
        band = Markup('<path class="band c{}" d="M{}L{}Z"/>').format(
            line.colour % _COLOURS, there, back
        )
    colour = line.colour % _COLOURS
    if len(line.steps) == 1:
        at = x(line.steps[0]), y(line.values[0])
        return Markup('<circle class="dot c{}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(colour, *at)
    curve = Markup('<path class="line {} c{}" d="M{}"/>')
    return band + curve.format(line.style, colour, path(line.values, line.steps))


def _labels(lines: Sequence[Line], y: _Scale) -> list[Markup]:
    """Name and last value of each line at its end, pushed apart where they would overlap."""
    ends = sorted(((y(n.values[-1]), n) for n in lines if n.is_labelled), key=lambda end: end[0])
    places: list[float] = []
    for place, _ in ends:
        places.append(max(place, places[-1] + _LINE_OF_TEXT) if places else place)
    bottom = HEIGHT - _BOTTOM + 4.0
    for number in reversed(range(len(places))):  # and back up from the lower edge
        places[number] = min(places[number], bottom)
        bottom = places[number] - _LINE_OF_TEXT
    return [
        Markup('<text class="name c{}" x="{}" y="{:.1f}">{}</text>').format(
            line.colour % _COLOURS, WIDTH - _RIGHT + 8, place + 4, _label(line)
        )
        for place, (_, line) in zip(places, ends, strict=True)
    ]


def _label(line: Line) -> Markup:
    name = printable(line.name)
    shown = name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
    return escape(f"{shown} {_short(line.values[-1]):g}")


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

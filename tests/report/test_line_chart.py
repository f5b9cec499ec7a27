"""Line charts: values at the right places, labels apart, names of anybody as text."""

import html
import json
import re
from itertools import pairwise

import pytest

from vaescope.report.html.charts import Axis, Line, line_chart


def points(chart, which=0):
    path = re.findall('class="line [^"]*" d="M(.*?)"', chart)[which]
    return [tuple(map(float, point.split())) for point in path.split("L")]


def labels(chart):
    found = re.findall('class="name c." x="[^"]*" y="([^"]*)">(.*?)<', chart)
    return [(float(place), name) for place, name in found]


def test_values_stand_at_their_places():
    chart = line_chart([Line("a", [0, 50, 100], [0.0, 0.25, 1.0])], Axis("unit", low=0, high=1))
    (x0, y0), (x1, y1), (x2, y2) = points(chart)
    assert (x1 - x0) == pytest.approx((x2 - x0) / 2, abs=0.1)
    bottom = y0  # the axis leaves no room at ends that were given
    assert (bottom - y1) == pytest.approx((bottom - y2) / 4, abs=0.2)


def test_a_decade_is_as_high_as_another_where_the_axis_is_logarithmic():
    chart = line_chart([Line("a", [0, 1, 2], [0.1, 1.0, 10.0])], Axis("unit", is_log=True))
    (_, y0), (_, y1), (_, y2) = points(chart)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    chart = line_chart([Line("a", [0, 1, 2], [-1.0, 1.0, 10.0])], Axis("unit", is_log=True))
    (_, y0), (_, y1), (_, y2) = points(chart)
    assert y1 - y2 == pytest.approx(4.5 * (y0 - y1), rel=0.02)  # a negative value: linear


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_labels_of_equal_lines_do_not_overlap_nor_leave_the_chart(value):
    lines = [Line(f"line {i}", [0, 1], [0.5, value], colour=i) for i in range(8)]
    places = sorted(place for place, _ in labels(line_chart(lines, Axis("unit", low=0, high=1))))
    assert min(b - a for a, b in pairwise(places)) >= 14.9
    assert 0 < places[0] < places[-1] < 250


def test_a_single_value_a_constant_and_a_range():
    chart = line_chart([Line("a", [5], [2.0])], Axis("unit"))
    assert '<circle class="dot c0"' in chart
    assert "nan" not in line_chart([Line("a", [0, 5], [2.0, 2.0])], Axis("unit")).lower()
    band = line_chart([Line("a", [0, 5], [2.0, 3.0], [1.0, 2.0], [3.0, 4.0])], Axis("unit"))
    assert '<path class="band c0"' in band


def test_names_are_text():
    evil = "</svg><script>alert('1')</script>\"\x1b"
    chart = line_chart([Line(evil, [0, 1], [1.0, 2.0])], Axis("unit"))
    assert "<script" not in chart
    assert "\x1b" not in chart
    (data,) = re.findall('data-chart="(.*?)"', chart)
    assert json.loads(html.unescape(data))["lines"][0]["name"].startswith("</svg><script>")

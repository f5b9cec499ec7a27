"""Drawings inside pages: the page's ink and ground, few elements, the same from equal figures."""

import numpy as np
from matplotlib.figure import Figure

from vaescope.report.html.render import inline_svg


def drawn(points):
    figure = Figure(figsize=(3, 2), layout="constrained")
    axis = figure.subplots()
    axis.scatter(*np.random.default_rng(0).random((2, points)), label="seeds")
    axis.axhline(0.5, color="black")
    axis.legend()
    return inline_svg(figure, 'a "title" <b>')


def test_black_is_the_pages_ink_and_white_its_ground():
    svg = drawn(5)
    assert "currentColor" in svg
    assert "#000000" not in svg
    assert 'aria-label="a &#34;title&#34; &lt;b&gt;"' in svg
    assert 'style="fill: #ffffff"' not in svg


def test_many_points_are_one_bitmap():
    few, many = drawn(5), drawn(2000)
    assert "<image" not in few
    assert many.count("<image") == 1
    assert len(many) < 3 * len(few)


def test_equal_figures_give_equal_drawings():
    assert drawn(5) == drawn(5)

"""Render templates with everything escaped; save figures."""

import base64
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from vaescope.escaping import for_markdown, markdown_code, printable

_MOST_POINTS = 300  # of a scatter that is drawn one by one; more are a bitmap inside the drawing
# matplotlib's, and what the style sheet has in their place, for light and dark
_COLOURS_OF_PAGES = {
    "#000000": "currentColor",
    "#1f77b4": "var(--c0)",
    "#ff7f0e": "var(--c1)",
    "#2ca02c": "var(--c2)",
    "#d62728": "var(--c3)",
    "#9467bd": "var(--c4)",
    "#8c564b": "var(--c5)",
    "#7f7f7f": "var(--c6)",
}


def rendered(
    template: str, content: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] = {}
) -> str:
    """A page, or a text in Markdown; all that is put into it is escaped, but for our own drawings.

    ``template`` is the name of a file in ``templates``, ``filters`` are further filters of it.
    """
    is_page = template.endswith(".html")

    def shown(value: Any) -> Any:
        """Control characters of a text are shown; our own drawings are left as they are."""
        if isinstance(value, Markup) or (is_page and not isinstance(value, str)):
            return value
        return printable(value, keep="\n\t") if is_page else for_markdown(value)

    pages = Environment(
        loader=PackageLoader("vaescope.report.html"),
        autoescape=is_page,
        trim_blocks=True,
        finalize=shown,
    )
    pages.filters |= {"code": lambda text: Markup(markdown_code(text)), **filters}
    pages.globals["raw"] = lambda name: Markup(_raw(pages, name))
    return pages.get_template(template).render(content)


def _raw(pages: Environment, name: str) -> str:
    """A file of `templates` as it is, such as the style sheet, for the page to carry itself."""
    assert pages.loader is not None
    return pages.loader.get_source(pages, name)[0]


def save_figure(figure: Figure, file: IO[Any] | Path, form: str, dpi: int = 130) -> None:
    """Draw a figure; signs that the font lacks, as in names of factors, become boxes in silence.

    Equal figures give equal files, SVG among them.
    """
    undated: dict[str, Any] | None = {"Date": None} if form == "svg" else None
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "vaescope"}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format=form, dpi=dpi, metadata=undated)


def png_uri(content: bytes) -> str:
    """A png file as an address that a page carries itself."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def inline_svg(figure: Figure, about: str = "") -> Markup:
    """A figure as SVG for a page; its ground, ink and colours are the page's.

    Args:
        figure: is changed by it: to keep it as a file, too, save that first.
        about: what it shows, for those who cannot see it.
    """
    axes = figure.axes
    for patch in (figure.patch, *(p.patch for p in figure.subfigs), *(a.patch for a in axes)):
        patch.set_alpha(0)
    for points in (points for axis in axes for points in axis.collections):
        points.set_rasterized(np.asarray(points.get_offsets()).shape[0] > _MOST_POINTS)
    for legend in filter(None, (axis.get_legend() for axis in axes)):
        legend.get_frame().set_alpha(0)
    text = io.StringIO()
    save_figure(figure, text, "svg")
    svg = text.getvalue()
    head = Markup('<svg class="plot" role="img" aria-label="{}" ').format(about)
    svg = svg[svg.index("<svg") :].replace("<svg ", head, 1)
    for drawn, shown in _COLOURS_OF_PAGES.items():
        svg = svg.replace(drawn, shown)
    return Markup(svg)

"""Render templates with everything escaped; save figures."""

import base64
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from matplotlib.figure import Figure

from vaescope.escaping import for_markdown, markdown_code, printable


def rendered(
    template: str, content: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] = {}
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
    """Draw a figure; signs that the font lacks, as in names of factors, become boxes in silence."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format=form, dpi=dpi)


def png_uri(content: bytes) -> str:
    """A png file as an address that a page carries itself."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def inline_svg(figure: Figure) -> Markup:
    """A figure as SVG for a page; its ground is the page's, and what is black the page's ink."""
    for patch in (figure.patch, *(axis.patch for axis in figure.axes)):
        patch.set_alpha(0)
    text = io.StringIO()
    save_figure(figure, text, "svg")
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg ", '<svg class="plot" ', 1)
    return Markup(svg.replace("#000000", "currentColor"))

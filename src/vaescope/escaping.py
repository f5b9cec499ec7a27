"""Text of users, files and folders as it is, in each language that would read signs into it.

For Hydra's words see ``config.overrides``; pages are escaped by ``report.html.render.rendered``.
"""

import re
import unicodedata

from rich.text import Text

# what a terminal or a page would obey: control characters, halves of characters, changes of the
# reading direction
_OBEYED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LATEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "±": r"$\pm$",
    "−": "$-$",
    "·": r"$\cdot$",
    "²": "$^2$",
    "…": r"\ldots{}",
}
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
# what begins a list, a heading or a rule
_BLOCK = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-+](?!\d)|[=#]))")


def printable(text: object, keep: str = "") -> str:
    r"""The text with every control character shown by its code, ``\x1b``, and not obeyed.

    UTF-8 can hold it. ``keep``: control characters that stay, ``"\\n"`` where lines are wanted.
    """

    def coded(found: re.Match[str]) -> str:
        sign = found[0]
        return sign if sign in keep else sign.encode("unicode_escape").decode()

    return _OBEYED.sub(coded, str(text))


def for_terminal(text: object) -> Text:
    """For rich: nothing in brackets is taken for a style."""
    return Text(printable(text, keep="\n"))


def for_figure(text: object) -> str:
    """For matplotlib: no ``$`` begins a formula, and no legend leaves the text out."""
    shown = printable(text, keep="\n").replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # a legend skips labels with _


def for_markdown(text: object) -> str:
    """For Markdown, in a table's cell or outside: no HTML, no emphasis, no link, on one line."""
    shown = "".join(_HTML.get(sign, sign) for sign in printable(text))
    return _BLOCK.sub(r"\1\\", _MARKDOWN.sub(r"\\\g<0>", shown))


def markdown_code(text: object) -> str:
    """``for_markdown`` as code, if nothing in the text could end that; else as other text."""
    shown = printable(text)
    plain = shown.strip() == shown and not set(shown) & set("`<>&|")
    return f"`{shown}`" if shown and plain else for_markdown(shown)


def for_latex(text: object) -> str:
    r"""For LaTeX, in a table's cell or outside: no sign is a command; Greek letters are formulas.

    Example:
        >>> print(for_latex("Δ_KL of 5 %"))
        $\Delta$\_KL of 5 \%
    """
    return "".join(_LATEX.get(sign) or _greek(sign) for sign in printable(text))


def _greek(sign: str) -> str:
    r"""``$\sigma$`` for σ, other signs as they are."""
    name = unicodedata.name(sign, "")
    if not re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER [A-Z]+", name):
        return sign
    letter = name.rpartition(" ")[2].lower().replace("lamda", "lambda")
    return f"$\\{letter if sign.islower() else letter.capitalize()}$"

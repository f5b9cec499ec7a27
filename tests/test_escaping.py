"""Text is shown as it is, whatever language it is put into."""

import io
import sys
import unicodedata
from html.parser import HTMLParser

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from vaescope.config.overrides import quoted, unlinked, word
from vaescope.escaping import for_figure, for_markdown, for_terminal, markdown_code, printable
from vaescope.report.html.render import rendered, save_figure
from vaescope.report.html.tables import markdown_table
from vaescope.report.run.cards import Bar, Card
from vaescope.report.run.score_tables import ScoreGroup, ScoreLine

SIGNS = "\\'\"${}=,[]()%#: ~`*_|!<>&-+.@?/0aé日"
TEXTS = st.text(
    st.sampled_from(SIGNS) | st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
ANY = st.text(st.sampled_from(SIGNS + "\x1b\n\t\u202e") | st.characters(), max_size=12)
LETTERS = st.text(st.sampled_from(SIGNS), min_size=1, max_size=12)  # as wide as they are many
HORRIBLE = 'it\'s <b>a=1,b</b> ${x} $y$ [/red] {z} 100% #1 "q" \\ `日本` é'


@settings(deadline=None)
@given(TEXTS)
def test_hydra_reads_a_quoted_text_as_it_was(text):
    override = OverridesParser.create().parse_override(word("a.b", text))
    config = OmegaConf.create({"a": {"b": ""}})
    OmegaConf.update(config, "a.b", override.value())
    assert override.key_or_group == "a.b"
    assert config.a.b == text
    assert OmegaConf.create(OmegaConf.to_yaml(config)).a.b == text


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_and_so_in_lists_and_in_sweeps(texts):
    parser = OverridesParser.create()
    listed = parser.parse_override(f"a=[{','.join(map(quoted, texts))}]")
    assert list(OmegaConf.create({"a": listed.value()}).a) == texts
    swept = parser.parse_override(f"a={','.join(map(quoted, texts))}")
    if len(texts) > 1:
        again = [parser.parse_override(f"a={t}").value() for t in swept.sweep_string_iterator()]
        assert [OmegaConf.create({"a": value}).a for value in again] == texts


@given(TEXTS)
def test_a_value_is_no_link(text):
    assert OmegaConf.create({"a": unlinked(text)}).a == text


def test_what_unicode_calls_control_characters_is_obeyed_by_nobody():
    signs = map(chr, range(sys.maxunicode + 1))
    coded = {sign for sign in signs if unicodedata.category(sign) in ("Cc", "Cs")}
    assert all(printable(sign) != sign for sign in coded)
    rest = "".join(chr(i) for i in range(sys.maxunicode + 1) if chr(i) not in coded)
    assert set(rest) - set(printable(rest)) == set(
        "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


@given(ANY)
def test_nothing_is_left_that_a_terminal_obeys(text):
    shown = printable(text)
    assert shown.isascii() or shown.encode("utf-8")
    assert not set(shown) & set(map(chr, (*range(32), *range(127, 160), 0x202E)))
    assert printable(shown) == shown


def test_text_is_left_alone_and_lines_are_kept_where_wanted():
    assert printable("é日 [/red] $x$") == "é日 [/red] $x$"
    assert printable("a\nb\x1b[2J") == r"a\nb\x1b[2J"
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"
    assert printable("caf\udce9") == r"caf\udce9"


@settings(deadline=None)
@given(LETTERS)
def test_rich_shows_the_text(text):
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    console.print(for_terminal(text), soft_wrap=True)
    table = Table(box=None)
    table.add_column(for_terminal(text))
    table.add_row(for_terminal(text))
    console.print(table)
    assert [line.strip() for line in console.file.getvalue().splitlines()] == [text.strip()] * 3


@settings(deadline=None, max_examples=30)
@given(TEXTS)
def test_matplotlib_draws_the_text_and_no_formula(text):
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0, 1], label=for_figure(text))
    shown, mathematics = axis.set_title(for_figure(text))._preprocess_math(for_figure(text))
    assert not mathematics
    assert shown.strip() == text.strip()
    assert len(axis.legend().get_texts()) == 1
    save_figure(figure, io.BytesIO(), "svg")  # a missing sign of the font is no warning


class Page(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@given(TEXTS.map(str.strip).filter(bool))
def test_markdown_shows_the_text_and_nothing_else(text):
    page = Page(MarkdownIt().render(for_markdown(text)))
    assert page.tags == ["p"]
    assert page.text.strip() == text
    code = markdown_code(text)
    page = Page(MarkdownIt().render(f"- {code} end"))
    assert set(page.tags) <= {"ul", "li", "code"}
    assert page.text.split() == f"{text} end".split()
    assert "<" not in code
    assert code == f"`{text}`" or set(text) & set("`<>&| ")


@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3))
def test_a_cell_of_a_markdown_table_holds_one_text(texts):
    lines = markdown_table(texts, [texts])
    page = Page(MarkdownIt().enable("table").render("\n".join(lines)))
    count = len(texts)
    assert page.tags == ["table", "thead", "tr", *["th"] * count, "tbody", "tr", *["td"] * count]
    cells = [cell.strip() for cell in page.text.split("\n") if cell.strip()]
    assert cells == [text.strip() for text in texts] * 2


@pytest.mark.parametrize("template", ["comparison.html", "report.html", "reproduction.html"])
def test_every_template_escapes(template):
    evil = "<script>alert(1)</script>"
    row = dict.fromkeys(("model", "data", "step", "posterior", "network", "likelihood"), evil)
    line = dict.fromkeys(("score", "published", "ours", "interval", "compared"), evil)
    content = {
        "title": evil,
        "note": evil,
        "row": row,
        "rows": [],
        "groups": [],
        "columns": [],
        "summary": evil,
        "about": {"data_source": evil},
        "config": evil,
        "source": evil,
        "made": [(evil, evil, evil, evil)],
        "by_run": {evil: [{"name": evil, "address": evil, "setting": evil, "rows": [line]}]},
        "own_tables": {evil: ([evil], [[evil]])},
        "figures": {},
        "judged": [{"claim": evil, "numbers": evil, "verdict": evil}],
        "left_out": {evil: [evil]},
        "remarks": [{"run": evil, "method": evil, "data": evil, "seed": 1, "reason": evil}],
        "environment": {"command": [evil], "packages": {evil: evil}, "git": {"commit": evil}},
    }
    if template == "report.html":
        card = Card(evil, evil, evil, evil, Bar(1.0, evil, evil), evil, evil)
        line = ScoreLine(evil, evil, evil, evil, evil, None, evil, evil, evil, evil)
        content |= {"sentence": evil, "cards": [card], "scores": [ScoreGroup(evil, [line])]}
        content |= {"published": True, "commands": [(evil, evil)], "figures": []}
        strips = {"shown": [(evil, evil)], "columns": [evil], "given": evil, "rebuilt": evil}
        content |= {"pictures": strips}
    if template == "comparison.html":
        effect = {"option": evil, "value": evil, "models": 2, "cells": [evil]}
        content |= {"effects": [{"panel": evil, "rows": [effect]}], "keys": [evil]}
        content |= {"dots": {"scores": [evil], "panels": [evil], "groups": [{"name": evil}]}}
    page = rendered(template, content, {"titled": str, "parts": str.split})
    assert page.count("&lt;script&gt;") >= 5
    assert evil not in page


def test_one_horrible_name_everywhere():
    assert quoted(HORRIBLE).startswith("'it\\'s")
    assert "<" not in for_markdown(HORRIBLE)
    assert for_terminal(HORRIBLE).plain == HORRIBLE

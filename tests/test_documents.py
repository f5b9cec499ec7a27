"""Links of the documents lead somewhere, and their commands are ones that vaescope takes."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from builders.composition import composed
from vaescope.cli import COMMANDS, FIRST_WORDS
from vaescope.commands.originals import with_originals
from vaescope.config.loading import config_dir

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SWEEP_ACTIONS = ("status", "resume", "retry", "table")
OWN_PACKAGE = "own_code.md"  # names options of mylab: tests/plugins/test_own_code.py runs these


def title(path):
    return str(path.relative_to(ROOT))


def without_code(text):
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)


def anchors(path):
    """Of a page's headings, as hubs and the site name them."""
    heads = re.findall(r"^#+ (.*)$", without_code(path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_relative_link_leads_somewhere(page):
    text = without_code(page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text)
    for link in links:
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_site_shows_every_page_once():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    shown = re.findall(r": ([\w/-]+\.md)$", text, re.M)
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(shown) == sorted(pages)
    assert yaml.safe_load(text)["theme"]["font"] is False  # nothing from other servers


def commands():
    """(page, line) of every command of vaescope in a block of bash."""
    for page in PAGES:
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("vaescope ") and page.name != OWN_PACKAGE:
                    yield pytest.param(line, id=f"{title(page)}: {' '.join(line.split())[:60]}")


def first_of_sweep(word):
    """A word of a sweep with the first of its values; the others compose as well or badly."""
    override = OverridesParser.create().parse_override(word)
    if not override.is_sweep_override():
        return word
    value = override.value()
    if override.is_interval_sweep() and hasattr(value, "start"):
        return f"{override.key_or_group}={value.start}"
    if hasattr(value, "includes"):  # glob(*)
        names = sorted(p.stem for p in Path(config_dir(), override.key_or_group).glob("*.yaml"))
        return f"{override.key_or_group}={names[0]}"
    return f"{override.key_or_group}={next(iter(override.sweep_string_iterator()))}"


@pytest.mark.parametrize("line", list(commands()))
def test_commands_of_the_documents_compose(line):
    _, command, *words = shlex.split(line.replace("$HOME", "/home/me"), comments=True)
    assert command in COMMANDS
    if command == "sweep":
        assert words[0] in SWEEP_ACTIONS
        return
    if command in FIRST_WORDS and words[:1] and "=" not in words[0]:
        key, allowed, _ = FIRST_WORDS[command]
        assert words[0] in allowed
        words[0] = f"{key}={words[0]}"
    words = [word for word in words if "=" in word and not word.startswith("-")]
    swept = re.search(r" -m |--multirun", line)
    words = [first_of_sweep(word) if swept else word for word in words]
    assert composed(command, with_originals(words)) is not None

"""The documents' tables of methods, statistics and scores are made of records.

``pytest tests/test_tables.py --update-tables`` writes them anew, between ``<!-- table: NAME -->``
and ``<!-- end of table -->`` in the README or in ``docs/``. A method's record is its class: the
first line and the ``Source:`` of its docstring, ``needs`` and ``posteriors``; a statistic's the
first line of its class and, as a score's, what ``vaescope.scores`` has. Groups and settings are
those of ``conf/train.yaml``; Python names have the first lines of their docstrings.
"""

import inspect
import re
from pathlib import Path

import pytest
import yaml

import vaescope
import vaescope.models
import vaescope.statistics
from vaescope.commands.data_table import markdown_table
from vaescope.config.command_file import read_command
from vaescope.config.loading import config_dir
from vaescope.scores import FAMILIES, INFORMATION, PANEL_SCORES, STATISTICS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def options(group):
    """Options of a group by the name of their class."""
    found = {}
    for path in sorted(Path(config_dir(), group).glob("*.yaml")):
        node = yaml.safe_load(path.read_text())
        node = node.get(path.stem, node)  # groups of many have a key for each entry
        while "_target_" not in node:
            node = yaml.safe_load((path.parent / f"{node['defaults'][0]}.yaml").read_text())
        found.setdefault(node["_target_"].rpartition(".")[2], []).append(path.stem)
    return found


def first_line(thing):
    return cell(thing.__doc__.partition("\n")[0].rstrip("."))


def cell(text):
    return text.replace("|", "\\|").replace("``", "`")


def source(thing):
    """``Source:`` of a docstring, addresses as links."""
    text = re.search(r"Source: (.*?)\.? Differs:", " ".join(thing.__doc__.split())).group(1)
    name = r"((?:[A-Z][\w-]+(?:, | & | et al\. | ))+\d{4}), (https://[^\s,;)]*[^\s,;).])"
    return cell(re.sub(name, r"[\1](\2)", text))


def codes(names):
    return ", ".join(f"`{name}`" for name in names)


def methods():
    base = vaescope.models.LatentModel
    yield "| `model=` | class | what it minimises | needs of the data | posteriors | source |"
    for name, offered in options("model").items():
        method = getattr(vaescope.models, name)
        families = "any" if method.posteriors == base.posteriors else ""
        families = families or codes(family.__name__ for family in method.posteriors)
        needs = ", ".join(method.needs)
        about = (first_line(method), needs, families, source(method))
        yield f"| {codes(offered)} | `{name}` | {' | '.join(about)} |"


def statistics():
    yield "| `statistics=` | numbers | what |"
    for name, offered in options("statistics").items():
        scores = STATISTICS.get(offered[0], ())
        logged = codes(f"{s.group}/{s.name}" for s in scores) or "[scores](scores.md), as `val/mig`"
        what = first_line(getattr(vaescope.statistics, name))
        yield f"| {codes(offered)} | {logged} | {what} |"


def scores():
    yield "| name | numbers: what they ask, range and good end | convention |"
    for score in PANEL_SCORES.values():
        if score.family is INFORMATION:
            yield f"| `{score.name}` | {asked(score)} | {cell(INFORMATION.convention)} |"
    for family in FAMILIES.values():
        numbers = [score for score in PANEL_SCORES.values() if score.family is family]
        single = [score.name for score in numbers] == [family.name]
        texts = [asked(s) if single else f"`{s.name}`: {asked(s)}" for s in numbers]
        yield f"| `{family.name}` | {'; '.join(texts)} | {cell(family.convention)} |"


def asked(score):
    return cell(f"{score.meaning.rstrip('.')} ({score.range_and_good_end})")


def groups():
    yield "| group | what | chosen by default | options |"
    for group in read_command("train").groups:
        names = sorted(path.stem for path in Path(config_dir(), group.name).glob("*.yaml"))
        chosen = [name for name in re.findall(r"\w+", group.value) if name != "null"]
        what = f"`{group.name}` | {cell(group.meaning)}"
        yield f"| {what} | {codes(chosen) or 'none'} | {codes(names)} |"


def settings():
    yield "| setting | default | what |"
    for each in read_command("train").settings:
        yield f"| `{each.name}` | `{each.value}` | {cell(each.meaning)} |"


def python():
    yield "| name | what |"
    for name in vaescope.__all__:
        thing = getattr(vaescope, name)
        yield f"| `vaescope.{name}` | {first_line(thing)} |"
        for inner, value in sorted(vars(thing).items() if inspect.ismodule(thing) else ()):
            public = inspect.isclass(value) or inspect.isfunction(value)
            if public and inner[0] != "_" and value.__module__.startswith(f"vaescope.{name}."):
                yield f"| `vaescope.{name}.{inner}` | {first_line(value)} |"


def data():
    head, _, *lines = markdown_table().splitlines()
    yield head
    yield from lines


TABLES = [data, methods, statistics, scores, groups, settings, python]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_tables_are_those_of_the_records(table, request):
    head, *lines = table()
    made = "\n".join((head, "|" + "---|" * (head.count(" |")), *lines))
    place = re.compile(
        rf"(<!-- table: {table.__name__} -->\n)(.*?)(\n?<!-- end of table -->)", re.DOTALL
    )
    found = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    found = {path: text for path, text in found.items() if place.search(text)}
    assert len(found) == 1, f"<!-- table: {table.__name__} --> stands in {list(found)}"
    ((path, text),) = found.items()
    if request.config.getoption("--update-tables"):
        path.write_text(
            place.sub(lambda m: m[1] + made + "\n" + m[3].lstrip(), text), encoding="utf-8"
        )
    else:
        assert place.search(text)[2] == made, "pytest tests/test_tables.py --update-tables"


def test_every_statistic_and_every_option_of_it_has_a_record():
    offered = {name for names in options("statistics").values() for name in names}
    assert offered == STATISTICS.keys() | {"panel"}

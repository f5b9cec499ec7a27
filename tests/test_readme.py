"""The README's tables list what there is, and nothing else."""

import re
from pathlib import Path

import pytest

from vaescope.commands.originals import with_originals
from vaescope.config.loading import config_dir

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUPS = (
    *(
        "model",
        "posterior",
        "prior",
        "network",
        "data",
        "view",
        "sampling",
        "hold_out",
        "statistics",
    ),
)


@pytest.mark.parametrize("group", GROUPS)
def test_table_of_a_group(group):
    table = re.search(rf"^\| `{group}=` \|.*?\n((?:\|.*\n)+)", README, re.M).group(1)
    cells = re.findall(r"^\| (.*?) \|", table, re.M)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(p.stem for p in Path(config_dir(), group).glob("*.yaml"))


def test_there_are_two_commands_that_do_all():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert [command.split("&& ")[-1] for command in commands] == [
        ".venv/bin/vaescope train",
        ".venv/bin/python -m pytest -q -n auto --dist worksteal",
    ]


def test_lock_has_every_dependency():
    import tomllib

    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower().replace("_", "-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[><=\[]", need)[0].lower() for need in needed} - {"vaescope"}
    assert {name for name in names if f"\n{name}==" not in f"\n{locked}"} == set()
    assert "torch==2.13.0\n" in locked


def test_commands_of_the_readme_compose(config):
    lines = re.findall(r"^vaescope train ((?!-m|--|resume).*?)\s*(?:#.*)?$", README, re.M)
    assert lines
    for line in lines:
        assert config(*with_originals(line.split())).seed >= 0


def test_the_table_of_data_sets_is_made_from_their_records():
    """On failure put what ``markdown_table()`` gives in its place."""
    from vaescope.commands.data_table import markdown_table, rows

    assert markdown_table() in README
    assert all(row.source.option == row.name for row in rows())

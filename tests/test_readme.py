"""The README is short and has the two commands; tables list what there is, and nothing else."""

import re
from pathlib import Path

import pytest

from vaescope.config.loading import config_dir

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.md"))
)
GROUPS = (
    *(
        "model",
        "posterior",
        "prior",
        "network",
        "scheduler",
        "data",
        "view",
        "sampling",
        "hold_out",
        "statistics",
    ),
)


@pytest.mark.parametrize("group", GROUPS)
def test_table_of_a_group(group):
    table = re.search(rf"^\| `{group}=` \|.*?\n((?:\|.*\n?)+)", REFERENCE, re.M).group(1)
    cells = re.findall(r"^\| (.*?) \|", table, re.M)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(p.stem for p in Path(config_dir(), group).glob("*.yaml"))


def test_it_is_short():
    assert len(README.encode()) <= 8000


def test_there_are_two_commands_that_do_all():
    """Each behind the marker by which ``.ci/run`` finds it."""
    marked = [r"<!-- ci: train -->\n```bash\n(.*)\n```", r"<!-- ci: tests -->\n```bash\n(.*)\n```"]
    commands = [command for marker in marked for command in re.findall(marker, README)]
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


def test_every_data_set_has_the_record_of_its_option():
    from vaescope.commands.data_table import rows

    assert all(row.source.option == row.name for row in rows())

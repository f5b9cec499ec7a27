"""``--help``: made from the YAML files, complete, and short enough to be read."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from vaescope.commands.names import COMMANDS
from vaescope.config.command_file import groups_of, read_command
from vaescope.config.loading import config_dir
from vaescope.config.option_docs import about_option
from vaescope.config.schemas import SCHEMAS

SCHEMA = {schema.__name__.removesuffix("Schema").lower(): schema for schema in SCHEMAS}
CONFIGURED = [name for name in COMMANDS if name != "sweep"]
WRITTEN = {"changes"}  # by vaescope, not by a user
MOST, MOST_OF_TRAIN = 60, 75  # lines, on 80 columns


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_setting_says_what_it_is(name):
    file = read_command(name)
    silent = [each.name for each in (*file.groups, *file.settings) if not each.meaning]
    assert silent == []
    told = {each.name.partition(".")[0] for each in (*file.groups, *file.settings)}
    text = Path(config_dir(), f"{name}.yaml").read_text()
    unused = set(re.findall(r"(\w+): \S+ +# unused", text))
    assert {each.name for each in fields(SCHEMA[name])} <= told | unused | WRITTEN


@pytest.mark.parametrize("name", CONFIGURED)
def test_it_is_short_and_has_all_options(name, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = command(name, "--help").out
    lines = text.splitlines()
    assert len(lines) <= (MOST_OF_TRAIN if name == "train" else MOST)
    assert max(map(len, lines)) <= 80
    assert "hydra_help" not in text
    for group in groups_of(name):
        for path in Path(config_dir(), group.name).glob("*.yaml"):
            assert re.search(rf"\b{path.stem}\b|\b{path.stem.partition('_')[0]}_\* \(", text)
    for each in read_command(name).settings:
        assert re.search(rf"\b{each.name.rpartition('.')[2]}\b", text)


def test_a_group_is_told_option_by_option(command):
    text = command("train", "--help", "data").out
    assert re.search(r"^  tiny +192 drawn squares", text, re.MULTILINE)
    assert "dsprites*" in text


@pytest.mark.parametrize(
    "group",
    [
        *("data", "model", "network", "posterior", "prior", "likelihood", "statistics"),
        *("callbacks", "logger", "view", "sampling", "hold_out", "experiment", "grid"),
    ],
)
def test_every_option_says_what_it_is(group):
    names = [path.stem for path in Path(config_dir(), group).glob("*.yaml")]
    assert [name for name in names if " " not in about_option(group, name)] == []


def test_a_section_is_told_setting_by_setting(command):
    text = command("modify", "schedule", "--help").out
    assert re.search(r"^  schedule.minutes=null +of training", text, re.MULTILINE)
    assert "epsilon" not in text
    assert "cuda_graph=null " in command("train", "speed", "--help").out


def test_sections_are_dotted_and_unused_entries_hidden():
    names = [each.name for each in read_command("modify").settings]
    assert "schedule.batch_size" in names
    assert "rotation._target_" not in names
    assert {each.name for each in read_command("modify").groups} == {
        *("network", "likelihood", "optimizer", "data"),
    }

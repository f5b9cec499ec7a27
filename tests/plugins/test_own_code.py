"""A package of the user's, installed beside vaescope: the example of docs/how-to/own_code.md."""

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from hydra.core.plugins import Plugins

from builders.loading import loaded_by
from vaescope.config.loading import config_dir
from vaescope.config.plugins import plugin_folders
from vaescope.errors import ConfigError
from vaescope.scores import FAMILIES, PANEL_SCORES
from vaescope.scores.lookup import RECORDS

MYLAB = Path(__file__).parent / "mylab"
DOC = Path(__file__).parents[2] / "docs" / "how-to" / "own_code.md"
MODULES = ("mylab", "mylab.methods", "mylab.data", "mylab.scores")


def installed(site, name="mylab", value=None, distribution="mylab"):
    """Install the example as pip would, or another package with its files."""
    project = tomllib.loads((MYLAB / "pyproject.toml").read_text())
    value = value or project["project"]["entry-points"]["vaescope.plugins"]["mylab"]
    if not (site / "mylab").is_dir():
        shutil.copytree(MYLAB / "mylab", site / "mylab")
    record = site / f"{distribution}-0.1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1\n")
    (record / "entry_points.txt").write_text(f"[vaescope.plugins]\n{name} = {value}\n")
    return site


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages, and nothing left of them afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in MODULES:
        sys.modules.pop(name, None)
    for records in (FAMILIES, PANEL_SCORES, RECORDS):
        records.pop("best_correlation", None)


@pytest.fixture
def command(command, monkeypatch):
    """The command of all tests, on a wide terminal; returns all that it printed."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words, code=0):
        printed = command(*words, code=code)
        return printed.out + printed.err

    return run


def test_the_document_shows_the_files_of_the_example():
    blocks = re.findall(r"`(\S+)`:\n\n```\w+\n(.*?)```", DOC.read_text(), re.DOTALL)
    files = {
        str(path.relative_to(MYLAB)): path.read_text()
        for path in MYLAB.rglob("*")
        if path.suffix in (".py", ".yaml", ".toml") and path.name != "__init__.py"
    }
    assert dict(blocks) == files


FEW = ("statistics.panel.scores=[mig]", "statistics.panel.repeats=2")
SHORT = ("trainer.max_steps=4", "logger=[csv]", "trainer.accelerator=cpu", "threads=1")


def test_a_package_is_trained_evaluated_and_its_score_in_the_panel(site, command):
    installed(site)
    chosen = ("model=free_bits", "data=stripes", "statistics=[panel,best_correlation]")
    quiet = ("~callbacks.pictures", "callbacks.progress.bar=false", "hydra.run.dir=run")
    told = command(
        "train", *chosen, *FEW, *SHORT, *quiet, "objective=val/best_correlation", "model.floor=0.5"
    )
    assert "is each factor linear in some latent?" in told
    assert "(direction: maximize)" in told
    (row,) = json.loads(Path("run/scores.json").read_text())["rows"]
    assert 0 < row["test/best_correlation_chance"] < 1
    assert row["test/best_correlation_ceiling"] == pytest.approx(1)
    assert "test/mig" in row
    assert "one latent may serve several factors" in Path("run/report.html").read_text()

    stored = ("checkpoint=run/checkpoints/last.ckpt", chosen[-1], *FEW, "hydra.run.dir=again")
    refused = command("evaluate", *stored, code=1)
    assert "mylab.methods.FreeBitsVAE in model" in refused
    assert "trust=[mylab]" in refused
    command("evaluate", *stored, "trust=[mylab]")
    (again,) = json.loads(Path("again/scores.json").read_text())["rows"]
    assert again["test/best_correlation"] == pytest.approx(row["test/best_correlation"], abs=1e-6)
    assert "mylab.methods.FreeBitsVAE in model" in command("train", "resume=run", code=2)


def test_it_is_listed_beside_ours(site, command, tmp_path, monkeypatch):
    installed(site)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{Path(config_dir()).parent / 'src'}")
    assert loaded_by("train", "--help", folder=tmp_path) <= {"hydra"}
    words = ("model=free_bits", "data=stripes", "--cfg", "job")
    assert loaded_by("train", *words, folder=tmp_path) <= {"hydra"}
    text = command("train", "--help")
    for group, option in (("model", "free_bits"), ("data", "stripes"), ("statistics", "panel")):
        assert re.search(rf"^  {group} [^:]+: [^:]*\b{option}\b", text, re.MULTILINE), group
    listed = command("data", "list")
    assert re.search(r"stripes +│ 1,024 images 32 × 32 +│ x 32, y 32", listed)
    assert "dsprites" in listed


def test_a_folder_of_files_needs_no_package_but_what_it_names(site, command, tmp_path):
    """The same files by ``--config-dir`` and ``hydra.searchpath``, the package on the path."""
    shutil.copytree(MYLAB / "mylab", site / "mylab")
    conf = site / "mylab" / "conf"
    assert "free_bits" in command("train", "--help", "--config-dir", str(conf))
    place = f"hydra.searchpath=[file://{conf}]"
    assert "mylab.methods.FreeBitsVAE" in command("train", "--cfg", "job", place, "model=free_bits")
    assert re.search(r"stripes +│ 1,024", command("data", "list", place))


def test_a_folders_file_of_our_name_is_refused(command, tmp_path):
    conf = tmp_path / "conf"
    (conf / "optimizer").mkdir(parents=True)
    (conf / "optimizer" / "adam.yaml").write_text("_target_: mylab.Adam")
    place = f"hydra.searchpath=[pkg://hydra.conf,file://{conf}]"
    for words in (["--config-dir", str(conf)], [f"--config-dir={conf}"], [place]):
        told = command("train", "--cfg", "job", *words, code=1)
        assert f"{conf}/optimizer/adam.yaml would not be read: vaescope has a file" in told


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        ("_target_: nolab.Thing", "there is no nolab.Thing; no package nolab can be imported"),
        ("_target_: mylab.methods.FreeBits", "FreeBits; did you mean 'FreeBitsVAE'?"),
        ("_target_: mylab.data.Stripes", "mylab.data.Stripes is no method: it has no configure"),
        (
            "_target_: mylab.methods.FreeBitsVAE\nfloor: -1",
            "model.floor: -1 is not a number from 0",
        ),
        ("_target_: mylab.broken.Thing", "importing mylab.broken.Thing fails: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_reason(site, command, yaml, told):
    installed(site)
    (site / "mylab" / "conf" / "model" / "mine.yaml").write_text(yaml)
    (site / "mylab" / "broken.py").write_text("import not_there_at_all")
    assert told in command("train", "model=mine", "data=stripes", "hydra.run.dir=run", code=1)


def test_a_data_set_that_fails_is_told_in_its_line_of_the_list(site, command):
    installed(site)
    (site / "mylab" / "conf" / "data" / "odd.yaml").write_text("_target_: nolab.Data")
    text = command("data", "list")
    assert re.search(r"odd +│ ", text)
    assert "cannot be built" in text
    assert "stripes" in text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("nolab.conf", "there is no package nolab"),
        ("mylab.config", "there is no folder .*mylab/config; does the wheel include"),
        ("csv", "there is no package csv"),  # a module, which has no folder
    ],
)
def test_an_entry_point_that_leads_nowhere(site, value, told):
    installed(site, value=value)
    with pytest.raises(ConfigError, match=rf"plugin entry point mylab = {value} of mylab: {told}"):
        plugin_folders(config_dir())


def test_names_that_are_taken(site, command):
    installed(site)
    taken = site / "mylab" / "conf" / "model" / "vae.yaml"
    taken.write_text("_target_: mylab.methods.FreeBitsVAE")
    text = command("train", "--help", code=1)
    assert "plugin entry point mylab = mylab.conf of mylab: model=vae is vaescope's already" in text
    assert "pip uninstall mylab" in text
    taken.unlink()
    (site / "mylab" / "conf" / "local").mkdir()
    (site / "mylab" / "conf" / "local" / "default.yaml").write_text("threads: 1")
    assert plugin_folders(config_dir()) == {"mylab": (site / "mylab" / "conf").resolve()}
    installed(site, name="other", distribution="other")
    with pytest.raises(ConfigError, match="data=stripes is mylab's already"):
        plugin_folders(config_dir())


def test_other_programs_that_use_hydra_do_not_see_it(site, tmp_path):
    from hydra._internal.utils import create_config_search_path

    installed(site)
    Plugins.instance()
    ours = [entry.provider for entry in create_config_search_path(config_dir()).get_path()]
    theirs = [entry.provider for entry in create_config_search_path(str(tmp_path)).get_path()]
    assert "mylab" in ours
    assert "mylab" not in theirs

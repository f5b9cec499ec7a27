"""``vaescope diagnose`` as a user gives it: files, tables, refusals."""

import errno
import json

import numpy as np
import pytest

from vaescope.cli import main

QUICK = ("num_points=12", "scales=[0,0.5]", "threads=1")


@pytest.fixture
def diagnosed(tmp_path, monkeypatch, capsys):
    """Factory ``diagnosed(*words)``: numbers, page and printed text of a diagnosis in ``out``."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        main(["diagnose", *QUICK, *words, "hydra.run.dir=out"])
        numbers = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
        page = (tmp_path / "out" / "diagnosis.html").read_text()
        return numbers, page, capsys.readouterr().out

    return run


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").glob("diagnosis*"))


def test_panels(diagnosed):
    numbers, page, printed = diagnosed("data=panels", "beta=5")
    found = numbers["diagnosis"]
    assert found["order"] == ["first", "second"]
    assert found["pruned"] == ["second"]  # of 48 pixels: pruned from 2 * 48 * 0.2^2 = 3.84 on
    assert found["predicted_at"] == 0.5
    assert [at["scale"] for at in found["scales"]] == [0, 0.5]
    assert numbers["spectra"] is None
    assert numbers["settings"]["likelihood"]["_target_"].endswith("Gaussian")
    assert "Pruned at beta = 5: second." in printed
    assert "out/diagnosis.html" in printed
    assert page.count('<img class="pixels"') == 5  # two sheets at two widths, components
    assert "images move alike" in page


def test_the_likelihood_is_an_option(diagnosed):
    square, coin = (
        diagnosed("data=panels", "beta=1", f"likelihood={name}")[0]["diagnosis"]
        for name in ("gaussian", "bernoulli")
    )
    ratio = np.array(coin["scales"][1]["pruning_betas"]) / square["scales"][1]["pruning_betas"]
    assert (ratio > 2).all()
    assert (ratio < 3).all()  # 1 / (p (1 - p)) is 4 at grey, more elsewhere; a square's is 2
    assert coin["pixels"][1]["norms"] == pytest.approx(square["scales"][1]["norms"])


def test_vectors_of_labelled_rows(diagnosed, tmp_path):
    labels = np.random.default_rng(0).random((3000, 2))
    mixed = labels @ np.array([[2.0, 2.0, 0.0], [-1.0, 1.0, 0.0]])
    np.savez(tmp_path / "mine.npz", x=mixed.astype(np.float32), labels=labels)
    numbers, page, printed = diagnosed(
        *("data=arrays", "data.path=mine.npz", "data.factor_values=labels", "data.layout=NX"),
        *("data.images=x", "data.factor_names=[size,'<b>place</b>']", "likelihood=gaussian"),
    )
    assert numbers["diagnosis"]["order"] == ["size", "<b>place</b>"]
    assert "nearest in factor space" in printed
    assert "<b>place" not in page
    assert '<img class="pixels"' not in page


def test_without_factors_spectra_and_nothing_invented(diagnosed):
    numbers, page, printed = diagnosed("data=digits", "beta=1")
    assert numbers["diagnosis"] is None
    used = sum(beta > 1 for beta in numbers["spectra"]["components"]["pruning_betas"])
    assert f"A linear VAE uses {used} components at beta = 1." in printed
    assert "No factors are known" in page
    assert "Alignment" not in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data=panels", "beta=nan"), "config.beta: nan is not a number above 0"),
        (("data=panels", "beta=0"), "config.beta: 0.0 is not a number above 0"),
        (("data=panels", "scales=[0,inf]"), "config.scales: [0.0, inf] is not"),
        (("data=panels", "scales=[]"), "config.scales: [] is not"),
        (("data=panels", "predicted_at=2"), "config.predicted_at: 2.0 is not"),
        (("data=panels", "factors=[first]"), "only one factor varies (first)"),
        (("data=panels", "factors=[third]"), "factor 'third' was given"),
        (("data=panels", "draws=18"), "draws=18 was given"),
        (("data=synthetic_linear", "likelihood=bernoulli"), "choose likelihood=gaussian"),
        (("data=arrays", "data.path=note.npy", "likelihood=gaussian"), "note.npy"),
        (("data=panels", "view=pairs_strict"), "view"),
    ],
)
def test_what_cannot_be_diagnosed_is_told_in_one_sentence(
    words, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.npy").write_text("no array")
    with pytest.raises(SystemExit) as stop:
        main(["diagnose", *QUICK, *words, "hydra.run.dir=out"])
    assert stop.value.code == 1
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
    assert not left(tmp_path)


def test_a_folder_of_a_run_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(SystemExit):
        main(["diagnose", *QUICK, "data=panels", "hydra.run.dir=run"])
    assert "run holds a run of vaescope train" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SystemExit):
        main(["diagnose", *QUICK, "data=panels", "hydra.run.dir=out"])
    assert "no space is left" in capsys.readouterr().err
    assert not left(tmp_path)
    assert not list((tmp_path / "out").glob(".diagnosis*"))

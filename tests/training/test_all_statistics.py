"""Every statistic on runs of one model and of several."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

from vaescope.config.loading import config_dir
from vaescope.experiment.assembly import read_checkpoint
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train
from vaescope.scores import CONTEXT, LOGGED, LOSS_TERMS, PANEL_SCORES, name_of, record_of

NAMES = sorted(path.stem for path in (Path(config_dir()) / "statistics").glob("*.yaml"))
ALL = (
    f"statistics=[{','.join(NAMES)}]",
    "statistics.intrinsic_dimension.neighbours=4",  # of 19 images
    "statistics.local.reach=0.3",  # factors of 8 values
    "statistics.local.least=8",
    "statistics.pipe.updates=10",
    *(f"statistics.{n}.mean_threshold=0" for n in ("spectrum", "gaps", "off_axis", "local_pca")),
    *(
        f"statistics.{n}.mean_threshold=0"
        for n in ("drift", "agreement", "alignment", "factor_axes")
    ),
)
# keys that only some runs have
GROUP = {"agreement_mcc", "agreement_rank_mcc", "agreement_procrustes", "agreement_linear"}
GROUP |= {"agreement_cka", "udr"}
CLASSES = {"neighbour_score_excess"}  # of categorical factors, which the tiny set has not
# of sequences, see tests/statistics/test_static_dynamic.py
SEQUENCES = {f"{a}_from_{b}" for a in ("static", "dynamic") for b in ("static", "dynamic")}
SEQUENCES = {f"{n}{end}" for n in (*SEQUENCES, "static_dynamic_gap") for end in ("", "_chance")}
LOOKS = {"drift_mcc", "drift_procrustes", "drift_cka"}


def scores(folder):
    return json.loads((folder / "scores.json").read_text())["rows"]


def history(folder):
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")["callbacks"]["Evaluation"]


def quantities(row):
    """Names of a row's numbers; those by latent or rank are one."""
    return {re.sub(r"_\d\d$", "_*", name_of(key)) for key in row if "/" in key}


def is_context_of_the_panel(name):
    score, _, end = name.rpartition("_")
    return name not in LOGGED and score in PANEL_SCORES and end in CONTEXT


@pytest.mark.slow
def test_every_statistic_of_an_ensemble(tiny, tmp_path, config):
    words = ("ensemble.size=3", "trainer.max_steps=12", *ALL)
    train(tiny(tmp_path / "run", *words))
    rows = scores(tmp_path / "run")
    assert [row["seed"] for row in rows] == [0, 1, 2]
    for row in rows:
        assert all(math.isfinite(value) for key, value in row.items() if "/" in key)
        assert not [key for key in row if "/" in key and record_of(key) is None]
        found = {record_of(key).name for key in row if "/" in key and record_of(key)}
        found = {name for name in found if name in LOGGED or name not in PANEL_SCORES}
        found = {name for name in found if not is_context_of_the_panel(name)} - {"weight_*"}
        found |= LOOKS | CLASSES | SEQUENCES | {term.name for term in LOSS_TERMS}
        assert found == LOGGED.keys()  # so that every record is in use
    with (tmp_path / "run" / "metrics.csv").open() as file:
        columns = file.readline().strip().split(",")
    assert {name.partition("/")[0] for name in columns} >= {"train", "val", "align"}
    assert not [name for name in columns if "/" in name and record_of(name) is None]
    evaluations = history(tmp_path / "run")["history"]
    for row in evaluations:
        assert (row["step"] > 0) == (quantities(row) >= LOOKS)
        assert quantities(row) >= GROUP
    page = (tmp_path / "run" / "report.html").read_text()
    for title in ("Singular values and column norms", "Price of a diagonal posterior"):
        assert f"<h2>{title}</h2>" in page
    assert "<h2>Agreement of seeds</h2>" in page
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    again = evaluate(config(f"checkpoint='{checkpoint}'", *ALL, name="evaluate"))
    for row, same in zip(rows, again, strict=True):
        assert same.keys() == row.keys()
        for key in (key for key in row if "/" in key):
            assert same[key] == pytest.approx(row[key], rel=1e-5, abs=1e-6), key


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        ((), set()),
        (
            ("model=autoencoder",),
            {"kl", "hadamard_gap", "surrogate_full", "isometry_deviation", "order_agreement"}
            | {"latents_active", "total_correlation_sampled", "dimension_sampled"},
        ),
        (
            ("model=vae", "posterior=full"),
            {"isometry_deviation", "order_agreement", "total_correlation_sampled"},
        ),
    ],
)
def test_every_statistic_of_one_model(tiny, tmp_path, words, absent):
    (row,) = train(tiny(tmp_path, "trainer.max_steps=6", *ALL, *words))
    found = quantities(row)
    numbers = {key: value for key, value in row.items() if "/" in key and value is not None}
    assert all(map(math.isfinite, numbers.values()))
    assert not found & (GROUP | LOOKS | absent)
    assert found >= {"c_ima", "off_axis_share", "local_pca_cosine", "mcc", "dimension_mean"}
    assert found >= {"total_correlation_mean", "entropy_latent_*", "singular_value_*"}


@pytest.mark.usefixtures("no_figures")
def test_resumed_drift_equals_unbroken_drift(tiny, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = ("ensemble.size=2", "statistics=[drift,agreement]", "statistics.drift.num_samples=12")
    words = (*words, "statistics.drift.mean_threshold=0")
    train(tiny(whole, *words, "trainer.max_steps=17"))
    train(tiny(broken, *words, "trainer.max_steps=7"))  # ends between two evaluations
    assert [row["step"] for row in history(broken)["history"]] == [0, 0, 5, 5, 7, 7]
    train(tiny(broken, *words, "trainer.max_steps=17", f"resume='{broken}'"))
    a, b = history(whole), history(broken)
    assert a["history"] == b["history"]
    assert any(0 < row.get("align/drift_mcc", 0) < 0.9999 for row in a["history"])
    assert a["kept"].keys() == b["kept"].keys() == {0, 1}
    for seed, codes in a["kept"].items():
        assert codes.shape == (12, 3)
        assert codes.untyped_storage().nbytes() == codes.nbytes  # no more is saved
        assert torch.equal(codes, b["kept"][seed])


@pytest.mark.usefixtures("no_figures")
def test_codes_are_kept_for_drift_alone(tiny, tmp_path):
    train(tiny(tmp_path, "trainer.max_steps=5"))
    assert history(tmp_path)["kept"] == {}

"""The panel in runs and in ``vaescope evaluate``."""

import json

import numpy as np
import pytest

from vaescope.config.loading import resolved
from vaescope.errors import ConfigError
from vaescope.experiment.assembly import build_data, load_model
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train
from vaescope.panel import DEFAULT_SCORES, FAMILIES, INFORMATION_SCORES, score_panel
from vaescope.scores import PANEL_SCORES

FEW = ("statistics.panel.repeats=2", "statistics.panel.costly_repeats=2")
WORDS = ("statistics=[panel]", "data.split=[0.4,0.3,0.3]", "trainer.max_steps=6", *FEW)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run with the panel, 58 images in each held-out part."""
    from hydra import compose, initialize_config_dir

    from vaescope.config.loading import config_dir, register_schemas

    register_schemas()
    folder = tmp_path_factory.mktemp("run")
    words = ("experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]", *WORDS)
    words = (*words, "trainer.accelerator=cpu", "threads=1", f"output_dir='{folder}'")
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="test"):
        config = compose("train", list(words))
    train(config)
    return folder, resolved(config)


def rows(folder):
    return json.loads((folder / "scores.json").read_text())["rows"]


def test_scores_of_a_run_are_the_panels_of_its_codes(run):
    folder, plain = run
    (row,) = rows(folder)
    model, _ = load_model(folder / "checkpoints" / "last.ckpt")
    data = build_data(plain)
    batch = data.dataset.batch(data.evaluation_rows("test", len(data.rows["test"])))
    codes = model.encode(batch.image).mean.detach()
    kinds = data.dataset.factors.kinds
    found = score_panel(
        codes, batch.factors, kinds=kinds, scores=DEFAULT_SCORES, repeats=2, costly_repeats=2
    )
    for name, measured in found.items():
        assert row[f"test/{name}"] == pytest.approx(measured.score, abs=1e-4), name
    assert row["test/mig_chance"] == pytest.approx(found["mig"].chance, abs=1e-4)
    page = (folder / "report.html").read_text()
    assert PANEL_SCORES["info_compactness"].moved_by in page


def test_every_number_of_the_panel_has_a_record():
    rng = np.random.default_rng(0)
    import torch

    factors = torch.from_numpy(rng.integers(0, 3, (120, 2)))
    codes = factors.double() + 0.1 * torch.from_numpy(rng.standard_normal((120, 2)))
    names = sorted((set(FAMILIES) - {"dci_gbt", "dci_forest"}) | set(INFORMATION_SCORES))
    found = score_panel(
        codes,
        factors,
        variance=torch.full_like(codes, 0.1),
        scores=names,
        repeats=0,
        costly_repeats=0,
    )
    unmade = {name for name in PANEL_SCORES if name.startswith(("dci_gbt_", "dci_forest_"))}
    assert found.keys() == PANEL_SCORES.keys() - unmade  # each number has a record, and reversely


def test_evaluate_takes_names_of_scores_and_an_untrained_baseline(run, config, tmp_path):
    folder, _ = run
    checkpoint = folder / "checkpoints" / "last.ckpt"
    words = (f"checkpoint='{checkpoint}'", "metrics=[mcc,sap]", "untrained=true")
    (row,) = evaluate(config(*words, name="evaluate"))
    assert row["test/sap"] == pytest.approx(rows(folder)[0]["test/sap"], abs=1e-4)
    assert row["test/mcc"] != row["test/mcc_untrained"]
    assert 0 <= row["test/mcc_untrained"] <= 1


def test_evaluate_takes_codes_of_anyone(config, tmp_path):
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (400, 2))
    codes = factors + 0.1 * rng.standard_normal((400, 2))
    np.savez(tmp_path / "codes.npz", codes=codes, factors=factors)
    words = (f"codes='{tmp_path / 'codes.npz'}'", "metrics=[mig,mcc]")
    (row,) = evaluate(config(*words, name="evaluate"))
    assert row["test/mcc"] > 0.99
    assert row["test/mig"] > 0.9
    about = json.loads((tmp_path / "scores.json").read_text())["about"]
    assert about["conventions"]["mig"].startswith("dlib")
    page = (tmp_path / "report.html").read_text()
    assert "Codes of codes.npz" in page
    assert f"{row['test/mcc']:.4g}" in page


def test_codes_that_were_measured_are_written(config, tmp_path):
    codes, factors = np.random.default_rng(0).random((60, 2)), np.arange(60)[:, None] % 3
    np.savez(tmp_path / "codes.npz", codes=codes, factors=factors)
    words = f"codes='{tmp_path / 'codes.npz'}'", f"codes_file='{tmp_path / 'again.npz'}'"
    evaluate(config(*words, "metrics=[mcc]", name="evaluate"))
    again = np.load(tmp_path / "again.npz", allow_pickle=False)
    assert np.array_equal(again["codes"], codes)
    assert again["kinds"].tolist() == ["ordinal"]
    with pytest.raises(ConfigError, match=r"ends in \.npz or \.parquet"):
        evaluate(config(words[0], "codes_file=a.csv", name="evaluate"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give checkpoint=.* or codes=.*, not both"),
        (("checkpoint=a", "codes=b"), "not both"),
        (
            ("codes=b", "metrics=[mgi]"),
            "b: no such file|score 'mgi' is unknown; did you mean 'mig'",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_told(config, words, message):
    from vaescope.errors import DataError

    with pytest.raises((ConfigError, DataError), match=message):
        evaluate(config(*words, name="evaluate"))

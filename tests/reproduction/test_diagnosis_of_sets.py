"""The claim's own reproduction: which sets, which beta, which correlation, which verdict."""

import json

import pytest

from vaescope.data import Panels
from vaescope.diagnosis import diagnose
from vaescope.reproduction.claims import judged
from vaescope.reproduction.diagnosis import PAPER
from vaescope.reproduction.diagnosis.beforehand import diagnosis_path, with_diagnosed_beta
from vaescope.reproduction.diagnosis.sets import ASIDE, found_beforehand
from vaescope.reproduction.paper import Workplace
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result


@pytest.mark.slow
def test_beta_follows_from_the_diagnosis_which_is_kept(tmp_path):
    run = Run("beta_vae_panels", "diagnosis_beta_vae", ("data=panels", "data.second=32"))
    workplace = Workplace({}, "full", tmp_path)
    (decided,) = with_diagnosed_beta([run], workplace)
    # 32 pixels of amplitude 0.2: a squared error's 2 * 32 * 0.04, of which a tenth
    assert decided.words == (*run.words, "model.beta=0.256", "latent_dim=2")
    path = diagnosis_path(tmp_path, run.name)
    expected = diagnose(Panels(second=32), predicted_at=1.0)
    assert json.loads(path.read_text())["diagnosis"]["mig"] == pytest.approx(expected.mig)
    written = path.stat().st_mtime_ns
    assert with_diagnosed_beta([run], workplace) == [decided]
    assert path.stat().st_mtime_ns == written


def at(scale, alignment):
    return {
        "scale": scale,
        "alignment": alignment,
        "margin": alignment,
        "dto": 1 - alignment,
        "ima_contrast": None,
        "order_agreement": 0.5,
    }


@pytest.fixture
def results(tmp_path):
    """Results of sets whose measured MIG is a function of the predicted one."""

    def make(names, measured):
        made = {}
        for number, name in enumerate(names):
            mig = number / len(names)
            run = Run(f"beta_vae_{name}", "diagnosis_beta_vae")
            diagnosis = {
                "mig": mig,
                "mig_interval": [mig - 0.01, mig + 0.02],
                "alignment": mig,
                "factors": ["a", "b"],
                "dto_chance": 0.5,
                "overlap": {"rank_correlation": 0.1},
                "scales": [at(scale, mig) for scale in (0.0, 0.25, 0.5, 1.0)],
            }
            path = diagnosis_path(tmp_path, run.name)
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"diagnosis": diagnosis}))
            rows = [
                {
                    "test/mig": measured(mig) + e,
                    "test/dto_ratio": 1 - mig,
                    "test/dci_disentanglement": mig,
                }
                for e in (-0.01, 0.01)
            ]
            config = {"model": {"beta": 0.1}}
            beside = found_beforehand(tmp_path, run.name)
            folder = tmp_path / run.name
            made[run.name] = Result(run, folder, rows, config=config, beside=beside)
        return made

    return make


NAMES = ["a", "b", "c", "d", "e", *ASIDE]


def test_sets_in_the_predicted_order_hold_and_reversed_ones_fail(results):
    verdicts = judged(PAPER.claims, results(NAMES, lambda mig: mig**3), {})
    assert [verdict.verdict for verdict in verdicts] == ["holds", "holds", "holds", "not tested"]
    assert "1.00 (1.00 to 1.00), 11 sets" in verdicts[0].numbers


def test_reversed_sets_fail(results):
    verdicts = judged(PAPER.claims, results(NAMES, lambda mig: -mig), {})
    assert [verdict.verdict for verdict in verdicts[:2]] == ["fails", "fails"]


def test_modifications_have_to_be_in_the_order_of_epsilon(results):
    names = ["entangled_0_2", "entangled_0_1", "panels"]
    (verdict,) = [v for v in judged(PAPER.claims, results(names, lambda m: m), {}) if v.number == 4]
    assert verdict.verdict == "holds"
    assert verdict.numbers.endswith("(predicted, measured): 0.67 0.67, 0.33 0.33, 0.00 0.00")


def test_tables_have_a_line_a_set_best_prediction_first_and_compare_all_predictors(results):
    tables = PAPER.own_tables(results(NAMES, lambda mig: mig), {})
    columns, rows = tables["sets"]
    assert [row[0] for row in rows] == NAMES[::-1]
    first = dict(zip(columns, rows[0], strict=True))
    assert first["predicted MIG"] == "0.91 (0.90 to 0.93)"
    assert first["MIG"] == "0.91 ± 0.01"
    heads, compared = tables["predictors"]
    assert {len(row) for row in compared} == {len(heads)}
    found = {row[0]: row[1] for row in compared}
    assert found["predicted MIG"] == "1.00 (1.00 to 1.00), 11 sets"
    assert len(found) == 22


def test_the_scatter_says_the_correlation(results):
    figure = PAPER.drawings["scatter"].draw(results(NAMES, lambda mig: mig), {})
    assert "1.00 (1.00 to 1.00), 11 sets" in figure.axes[0].get_title()
    assert PAPER.drawings["scatter"].draw({}, {}) is None

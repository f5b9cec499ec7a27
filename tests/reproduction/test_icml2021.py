"""Claims, figures and measurements of the ICML 2021 paper on numbers that are known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vaescope.data import PanelsDataModule, UniformNoiseDataModule
from vaescope.reproduction.claims import judged
from vaescope.reproduction.icml2021 import PAPER
from vaescope.reproduction.icml2021.figures import (
    codes_figure,
    images_figure,
    mechanism_figure,
    mig_figure,
    robustness_figure,
)
from vaescope.reproduction.icml2021.measured import largest_change, margins
from vaescope.reproduction.icml2021.probe import probe_r2
from vaescope.reproduction.icml2021.tables import table_lines
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result

RNG = np.random.default_rng(0)
ORDER = (
    *("breaks", "noise", "shuffled", "pcl", "probe", "amplitude", "closed_form", "mechanism"),
    *("shapes3d", "others", "shapes3d_pcl", "dsprites", "floor", "robust", "secondary"),
)
CLAIMS = {name: number for number, name in enumerate(ORDER, 1)}


def result(name, mean, spread=0.02, count=10, config=None, **scores):
    values = mean + spread * RNG.standard_normal(count)
    scores = {"mig": values, "active_by_variance": np.full(count, 6), **scores}
    rows = [{f"test/{k}": float(v[i]) for k, v in scores.items()} for i in range(count)]
    return Result(Run(name, ""), Path("nowhere"), rows, config=config or {})


def verdict(claim, *results, measured=None):
    found = judged(PAPER.claims, {r.run.name: r for r in results}, measured or {})
    return found[CLAIMS[claim] - 1].verdict


def panels(method="beta_vae", **means):
    return [result(f"panels_{method}_{on}", mean) for on, mean in means.items()]


def test_without_runs_nothing_is_claimed():
    assert [v.verdict for v in judged(PAPER.claims, {}, {})] == ["not tested"] * len(CLAIMS)


@pytest.mark.parametrize(
    ("modified", "expected"), [(0.2, "holds"), (0.4, "fails"), (0.3, "open"), (0.9, "fails")]
)
def test_two_thirds_have_to_go(modified, expected):
    assert verdict("breaks", *panels(original=0.9, modified=modified)) == expected


def test_fewer_than_ten_seeds_do_not_break_anything():
    few = [
        result(f"panels_beta_vae_{on}", m, count=9) for on, m in (("original", 1), ("modified", 0))
    ]
    assert verdict("breaks", *few) == "open"


@pytest.mark.parametrize("on", ["noise", "shuffled"])
@pytest.mark.parametrize(("left", "expected"), [(0.8, "holds"), (0.5, "fails"), (1.2, "holds")])
def test_a_control_leaves_three_quarters(on, left, expected):
    assert verdict(on, *panels(**{"original": 0.9, on: left})) == expected


@pytest.mark.parametrize(
    ("modified", "expected"), [(0.72, "holds"), (0.5, "fails"), (0.9, "fails")]
)
def test_one_standard_deviation_either_way(modified, expected):
    runs = [result("panels_pcl_original", 0.7, 0.05), result("panels_pcl_modified", modified, 0.0)]
    assert verdict("pcl", *runs) == expected
    of_paper = [result(r.run.name.replace("panels", "table1_shapes3d"), 0, **_mig(r)) for r in runs]
    assert verdict("shapes3d_pcl", *of_paper) == expected


def _mig(result):
    return {"mig": result.values("test/mig")}


@pytest.mark.parametrize(
    ("claim", "good", "bad"),
    [
        ("probe", {"original": [0.99], "modified": [0.985]}, {"modified": [0.97]}),
        ("probe", {"original": [0.9], "modified": [0.905]}, {"modified": [0.92]}),
    ],
)
def test_the_probe_reads_as_much(claim, good, bad):
    def numbers(found):
        return {f"panels_beta_vae_{on}": {"probe_r2": r2} for on, r2 in found.items()}

    assert verdict(claim, measured=numbers(good)) == "holds"
    assert verdict(claim, measured=numbers(good | bad)) == "fails"


@pytest.mark.parametrize(
    ("change", "expected"), [(0.1, "holds"), (0.1000002, "fails"), (0.0, "fails")]
)
def test_no_pixel_changes_by_more(change, expected):
    measured = {"panels_beta_vae_noise": {"largest_change": [change], "epsilon": [0.1]}}
    assert verdict("amplitude", measured=measured) == expected


@pytest.mark.parametrize(("learnt", "expected"), [(0.2, "holds"), (0.3, "holds"), (0.5, "fails")])
def test_learnt_is_as_good_as_the_closed_form(learnt, expected):
    assert verdict("closed_form", *panels(modified=learnt, closed_form=0.3)) == expected


@pytest.mark.parametrize(
    ("original", "modified", "expected"),
    [(-0.1, 0.2, "holds"), (-0.1, -0.2, "fails"), (0.1, 0.2, "fails")],
)
def test_the_references_change_places(original, modified, expected):
    losses = {
        "original": {"disentangled": 1.0, "entangled": 1.0 - original, "margin": original},
        "modified": {"disentangled": 1.0, "entangled": 1.0 - modified, "margin": modified},
    }
    measured = {"table1_dsprites_beta_vae_modified": margins(losses)}
    assert verdict("mechanism", measured=measured) == expected
    assert mechanism_figure({}, {"table1_dsprites_beta_vae_modified": losses})


def table1(data, method, original, modified, noise, **scores):
    means = {"original": original, "modified": modified, "noise": noise}
    return [
        result(f"table1_{data}_{method}_{on}", mean, config={"model": {"beta": 32.0}}, **scores)
        for on, mean in means.items()
    ]


def test_the_table_of_the_paper():
    good = table1("shapes3d", "beta_vae", 0.6, 0.1, 0.66)
    assert verdict("shapes3d", *good) == "holds"
    assert verdict("shapes3d", *table1("shapes3d", "beta_vae", 0.6, 0.1, 0.2)) == "fails"
    assert verdict("others", *table1("shapes3d", "slow_vae", 0.5, 0.1, 0.5)) == "holds"
    assert verdict("others", *table1("shapes3d", "factor_vae", 0.2, 0.3, 0.3)) == "fails"
    assert verdict("floor", *good, *table1("shapes3d", "autoencoder", 0.06, 0.05, 0.07)) == "holds"
    assert verdict("floor", *good, *table1("shapes3d", "autoencoder", 0.9, 0.05, 0.07)) == "fails"
    pcl = table1("dsprites", "pcl", 0.2, 0.2, 0.2)
    assert verdict("dsprites", *table1("dsprites", "beta_vae", 0.3, 0.1, 0.2)) == "holds"
    assert verdict("dsprites", *table1("dsprites", "beta_vae", 0.1, 0.3, 0.2), *pcl) == "fails"
    scored = [{"sap": np.full(10, v)} for v in (0.1, 0.3)]
    falls = [
        table1("shapes3d", "beta_vae", *(0.5,) * 3, **s)[place]
        for s, place in zip(scored, (1, 0), strict=True)
    ]
    assert verdict("secondary", *falls) == "holds"


def robustness(modified, active):
    runs = table1("shapes3d", "beta_vae", 0.6, 0.1, 0.6)[:2]
    for on, mean in (("original", 0.6), ("modified", modified)):
        name = f"robustness_shapes3d_beta_vae_beta_48_{on}"
        pruned = {"active_by_variance": np.array([active] * 5 + [6] * 5)}
        migs = {"mig": np.array([5.0 if active < 6 else mean] * 5 + [mean] * 5)}
        runs.append(result(name, 0, config={"model": {"beta": 48.0}}, **pruned, **migs))
    return runs


@pytest.mark.parametrize(("modified", "expected"), [(0.2, "holds"), (0.9, "fails")])
@pytest.mark.parametrize("active", [6, 5])
def test_robustness_leaves_pruned_seeds_out(modified, active, expected):
    runs = robustness(modified, active)
    assert verdict("robust", *runs) == expected
    assert robustness_figure({r.run.name: r for r in runs}, {})


def test_lines_say_what_is_printed_and_what_is_not():
    plan = {
        "tables": {"table1": ["test/mig"], "secondary": ["test/sap"]},
        "printed": {"table1_shapes3d_beta_vae": {"original": [0.6, 0.31]}},
    }
    run = result("table1_shapes3d_beta_vae_original", 0.5, 0, sap=np.full(10, 0.2))
    (line,) = table_lines("table1", run, plan)
    assert (line.published, line.compared, line.n) == ("0.60 ± 0.31", "within 1 std", 10)
    assert line.interval == "0.50 to 0.50"
    (other,) = table_lines("secondary", run, plan)
    assert (other.published, other.compared, other.ours) == ("", "", "0.20 ± 0.00")


def opened(module):
    module.setup()

    def rows(count):
        return torch.arange(min(count, 1024))

    return SimpleNamespace(
        data=module, rows=rows, batch=lambda count: module.dataset.batch(rows(count))
    )


def test_the_probe_reads_factors_and_not_what_is_not_there():
    assert min(probe_r2(opened(PanelsDataModule(split=None)))["probe_r2"]) > 0.99
    dim = opened(PanelsDataModule(split=None))
    hidden = torch.rand((1024, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    batch = dim.batch(1024)._replace(image=hidden)
    dim.batch = lambda count: batch
    assert max(probe_r2(dim)["probe_r2"]) < 0.2


def test_the_largest_change_is_that_of_the_images():
    noisy = opened(UniformNoiseDataModule(original=PanelsDataModule(), epsilon=0.15, split=None))
    found = largest_change(noisy)
    assert found["epsilon"] == [0.15]
    assert 0.149 < found["largest_change"][0] <= 0.15
    assert largest_change(opened(PanelsDataModule(split=None))) == {}


def test_figures_of_few_and_of_no_runs():
    assert mig_figure({}, {}) is None
    assert images_figure({}, {}) is codes_figure({}, {}) is mechanism_figure({}, {}) is None
    assert robustness_figure({}, {}) is None
    one = result("panels_beta_vae_original", 0.5, count=1)
    assert mig_figure({one.run.name: one}, {})
    images = torch.rand(2, 3, 8, 8)
    sheet = {"original": images, "change": images - 0.5, "modified": images, "epsilon": 0.5}
    assert images_figure({}, {"table1_shapes3d_beta_vae_modified": sheet})
    cloud = {"codes": np.zeros((5, 2)), "factors": np.zeros((5, 2)), "names": ("a", "b")}
    assert codes_figure({}, {"panels_pcl_original": cloud})

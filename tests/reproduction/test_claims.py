"""Verdicts follow from numbers."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.reproduction.claims import judged
from vaescope.reproduction.cvpr2019.claims import CLAIMS
from vaescope.reproduction.cvpr2019.weights import change_by_precision
from vaescope.reproduction.intervals import agreement, difference, interval
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result, read_result

RNG = np.random.default_rng(0)


def result(name, **config):
    return Result(Run(name, f"cvpr2019_{name}"), Path("nowhere"), config=config)


def with_scores(name, config=None, **scores):
    """A result with the given scores: arrays of one length, by the part of the key after test/."""
    count = len(next(iter(scores.values())))
    rows = [{f"test/{k}": float(v[i]) for k, v in scores.items()} for i in range(count)]
    return Result(Run(name, f"cvpr2019_{name}"), Path("nowhere"), rows, config=config or {})


def around(mean, spread=0.02, count=20):
    return mean + spread * RNG.standard_normal(count)


def verdict(number, *results, measured=None):
    return judged(CLAIMS, {r.run.name: r for r in results}, measured or {})[number - 1]


def linear(method, dto, score, spread=0.02):
    scores = {"dto": around(dto, spread), "neighbour_score": around(score, spread)}
    return with_scores(f"table1_synthetic_linear_{method}", **scores)


def test_without_runs_nothing_is_claimed():
    assert [v.verdict for v in judged(CLAIMS, {}, {})] == ["not tested"] * len(CLAIMS)
    assert [v.number for v in judged(CLAIMS, {}, {})] == list(range(1, len(CLAIMS) + 1))


@pytest.mark.parametrize(
    ("dto", "score", "expected"), [(0.0, 0.99, "holds"), (0.3, 0.99, "fails"), (0, 0.8, "fails")]
)
def test_the_linear_row(dto, score, expected):
    assert verdict(1, linear("beta_vae", dto, score, 1e-4)).verdict == expected


@pytest.mark.parametrize(
    ("dto", "spread", "expected"), [(0.5, 0.02, "holds"), (0.1, 0.5, "open"), (-0.5, 0.02, "fails")]
)
def test_orderings_go_by_the_interval_of_the_difference(dto, spread, expected):
    rows = linear("beta_vae", 0, 0.9), linear("autoencoder", dto, 0.9 - dto, spread)
    assert verdict(2, *rows).verdict == expected


def test_one_seed_decides_no_ordering():
    one = [with_scores(f"table1_dsprites_{m}", dto=[d]) for m, d in (("beta_vae", 0), ("full", 1))]
    assert verdict(6, *one).verdict == "open"


@pytest.mark.parametrize(("mean", "expected"), [(0.55, "holds"), (0.1, "fails")])
def test_chance_is_that_of_a_random_rotation(mean, expected):
    found = verdict(7, linear("autoencoder", mean, 0.5, 0.1))
    assert found.verdict == expected
    assert "chance 0.55" in found.numbers


def test_polarized_shares_have_two_bounds():
    native = with_scores("table1_dsprites_beta_vae", polarized_share=around(0.95, 0.001))
    wide = with_scores("table2_dsprites", polarized_share=around(0.95, 0.001))
    assert verdict(8, wide).verdict == "holds"
    assert verdict(8, native).verdict == "fails"


def test_ratios_in_order():
    runs = [
        with_scores(f"table4_ratio_{r}", dto=around(d))
        for r, d in (("1_0", 0.5), ("1_2", 0.2), ("1_5", 0.0))
    ]
    assert verdict(9, *runs).verdict == "holds"
    assert verdict(9, *[with_scores(r.run.name, dto=around(0.3)) for r in runs]).verdict == "open"


@pytest.mark.parametrize(("sign", "expected"), [(-1, "holds"), (1, "fails")])
def test_correlation_over_evaluations(tmp_path, sign, expected):
    with (tmp_path / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seed", "align/dto", "val/neighbour_score"])
        for step in range(5):
            for seed in (0, 1):
                writer.writerow(
                    [step * 10, seed, 1 + sign * 0.1 * step + seed, 0.1 * step + seed * sign]
                )
    (tmp_path / "scores.json").write_text(json.dumps({"about": {}, "rows": [{"seed": 0}]}))
    (tmp_path / "config.yaml").write_text("published: {}\n")
    run = read_result(Run("table1_dsprites_beta_vae", ""), tmp_path)
    assert run.evaluations("align/dto")[10].tolist() == pytest.approx(
        [1 + sign * 0.1, 2 + sign * 0.1]
    )
    assert verdict(10, run).verdict == expected


def sweep(dto, active):
    return [
        with_scores(
            f"figure5_synthetic_linear_beta_{beta:g}",
            {"model": {"beta": beta}},
            dto=[d],
            active_by_variance=[a],
        )
        for (beta, d), a in zip(dto.items(), active, strict=True)
    ]


def test_the_sweep_prunes_where_predicted():
    dto = {1e-6: 0.5, 1e-4: 0.0, 0.1: 0.0, 0.5: 0.1, 1.0: 0.4}
    assert verdict(11, *sweep(dto, [2, 2, 2, 1, 0])).verdict == "holds"
    assert verdict(11, *sweep(dto, [2, 2, 2, 2, 0])).verdict == "fails"
    assert verdict(11, *sweep(dict.fromkeys(dto, 0.0), [2, 2, 2, 1, 0])).verdict == "fails"


def test_latents_of_sprites_die_where_the_run_at_beta_1_says():
    """Of its five latents one dies below beta = 3, another below 5."""

    def swept(active):
        died_at = {f"collapse_beta_{j:02d}": [b] for j, b in enumerate((2.0, 4.0, 20, 30, 40))}
        return [
            with_scores(
                f"figure5_dsprites_beta_{beta:g}",
                {"model": {"beta": beta}, "latent_dim": 5},
                dto=[dto],
                active_by_variance=[a],
                **died_at,
            )
            for (beta, dto), a in zip(
                {0.1: 1.6, 1.0: 1.1, 3.0: 0.8, 5.0: 0.9}.items(), active, strict=True
            )
        ]

    found = verdict(11, *swept([5, 5, 4, 3]))
    assert found.verdict == "holds"
    assert "dSprites: DtO is lowest at beta = 3 (0.80; 1.60 at 0.1)" in found.numbers
    assert "dSprites, beta = 5: 3 active, predicted 3" in found.numbers
    assert verdict(11, *swept([5, 5, 5, 5])).verdict == "fails"


def test_closed_forms_of_checkpoints():
    good = {"axis_cosine": [0.999, 0.998], "variance_ratio": [1.01, 0.99]}
    name = "table1_synthetic_linear_beta_vae"
    assert verdict(14, result(name), measured={name: good}).verdict == "holds"
    bad = good | {"axis_cosine": [0.999, 0.9]}
    assert verdict(14, result(name), measured={name: bad}).verdict == "fails"


def test_agreement_in_words():
    assert agreement(np.array([0.30, 0.34]), [0.33, 0.15]) == "within 1 std"
    assert agreement(np.array([0.0, 1.0] * 3), [0.5]) == "in our 95 % interval"
    assert agreement(np.array([0.6, 0.61]), [0.3, 0.1]) == "missed by 3.0 std"
    assert agreement(np.array([0.6]), [0.9]) == "missed by 0.3"


def test_intervals_cover_and_are_the_same_each_time():
    values = around(1.0, 0.5, 50)
    low, high = interval(values)
    half = 1.96 * values.std() / np.sqrt(50)
    assert (low, high) == interval(values)
    assert [low, high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.03)
    gap, low, high = difference(values + 1, values)
    assert gap == pytest.approx(1)
    assert low < 1 < high


@pytest.mark.parametrize(
    ("rise", "error", "expected"),
    [(0.21, 0.01, "holds"), (0.27, 0.01, "fails"), (0.23, 0.02, "open"), (-0.01, 0.01, "fails")],
)
def test_a_rotation_costs_what_is_predicted_within_the_errors(rise, error, expected):
    seeds = 4
    numbers = {
        "rotation_rise": [rise - 0.01, rise + 0.01] * 2,
        "rotation_error": [error] * seeds,
        "rotation_predicted": [0.2] * seeds,
        "rotation_gap_error": [error] * seeds,
    }
    found = verdict(16, measured={"table1_synthetic_nonlinear_beta_vae": numbers})
    assert found.verdict == expected
    said = f"{rise:.3f} ± {error:.3f} nats, predicted 0.200, difference {rise - 0.2:+.3f}"
    assert said in found.numbers


@pytest.mark.parametrize(("rise", "expected"), [(1e-15, "holds"), (1e-3, "fails")])
def test_a_rotation_without_diagonal_posterior_is_free(rise, expected):
    numbers = {"rotation_rise": [0.0, -rise], "rotation_error": [0.0, 0.0]}
    assert verdict(16, measured={"table1_synthetic_linear_full": numbers}).verdict == expected


def test_precise_latents_are_to_change_more():
    found = [
        verdict(15, result("figure7_shapes3d_like"), measured={"figure7_shapes3d_like": numbers})
        for numbers in ({"change_order": [0.99, 0.95]}, {"change_order": [0.99, 0.2]}, {})
    ]
    assert [one.verdict for one in found] == ["holds", "fails", "not tested"]


@pytest.mark.parametrize(("spread", "expected"), [((3.0, 2.0, 1.0), 1.0), ((1.0, 2.0, 3.0), -1.0)])
def test_change_by_precision_of_a_linear_decoder(spread, expected):
    """The fourth latent is not active; its change, the largest of all, is left out."""
    sigma = torch.tensor([0.1, 0.2, 0.3, 1.0])
    columns = torch.diag(torch.tensor([*spread, 9.0]))
    model = SimpleNamespace(
        latent_dim=4,
        encode=lambda x: DiagonalGaussian(x, sigma.square().log().expand_as(x)),
        decode_mean=lambda z: z @ columns,
    )
    run = SimpleNamespace(models=[model], batch=lambda n: SimpleNamespace(image=torch.randn(n, 4)))
    assert change_by_precision(run)["change_order"] == [pytest.approx(expected)]

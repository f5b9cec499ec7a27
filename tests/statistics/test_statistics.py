"""Statistics of models that are known in closed form, and when there are none."""

import gc
import math
import weakref
from dataclasses import replace

import pytest
import torch
from torch import nn

from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point
from vaescope.experiment.evaluation import final_scores
from vaescope.statistics import (
    PIPE,
    Agreement,
    Collapse,
    Drift,
    Gaps,
    Identifiability,
    IntrinsicDimension,
    LatentTypes,
    LocalPCA,
    OffAxis,
    PanelScores,
    Spectrum,
)
from vaescope.statistics.members import add_group_scores, scores_of_split

HALF_RIGHT = math.pi / 4
MATCHED = math.sqrt(0.5)  # correlation of an axis with one at 45 degrees


def near(expected):
    return pytest.approx(expected, rel=1e-5, abs=1e-6)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_gaps_of_orthogonal_columns_vanish(held_out, beta):
    encoded = held_out(beta=beta)
    found = Gaps()(encoded)
    gram = torch.tensor([18.0, 2.0]).double()
    codes = encoded.mean[:50].square().sum(1).mean()  # the mean decodes to the image: no other loss
    surrogate = float(beta / 2 * (codes + (1 + gram / beta).log().sum()))
    variance = 1 / (1 + gram / beta)
    assert found == {
        "align/c_ima": near(0),
        "align/gram_deviation": near(0),
        "align/hadamard_gap": near(0),
        "align/surrogate_diagonal": near(surrogate),
        "align/surrogate_full": near(surrogate),
        "align/isometry_deviation": near(float(variance.square().mean().sqrt())),
    }


def test_gaps_of_a_rotation_by_45_degrees(held_out):
    found = Gaps()(held_out(HALF_RIGHT))  # the Gram matrix is [[10, 8], [8, 10]]
    gap = 0.5 * math.log(11**2 / (19 * 3))
    assert found["align/c_ima"] == near(0.5 * math.log(100 / 36))
    assert found["align/gram_deviation"] == near(0.8)
    assert found["align/hadamard_gap"] == near(gap)
    difference = found["align/surrogate_diagonal"] - found["align/surrogate_full"]
    assert difference == near(gap)


def test_final_scores_have_the_name_of_their_part(held_out):
    assert set(Gaps()(held_out(split="test"))) >= {"test/c_ima", "test/hadamard_gap"}


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ({"posterior": Point}, {"c_ima", "gram_deviation"}),
        ({"beta": 0.0, "variance": torch.ones(2)}, {"c_ima", "gram_deviation"}),
        (
            {"posterior": FullGaussian},
            {"c_ima", "gram_deviation", "hadamard_gap", "surrogate_diagonal", "surrogate_full"},
        ),
    ],
)
def test_gaps_without_weight_or_diagonal_posterior(held_out, kept, names):
    assert set(Gaps()(held_out(**kept))) == {f"align/{name}" for name in names}


def test_gaps_of_no_active_latent_are_those_of_all(held_out):
    names = {"align/hadamard_gap", "align/surrogate_diagonal", "align/surrogate_full"}
    assert set(Gaps(mean_threshold=10)(held_out())) == names


def test_infinite_gaps_are_left_out(held_out):
    decoder = nn.Linear(2, 3).double()
    with torch.no_grad():
        decoder.weight.fill_(1.0)
    found = Gaps()(held_out(decoder=decoder))
    assert "align/c_ima" not in found
    assert found["align/gram_deviation"] == near(1)


def test_spectrum_of_orthogonal_columns_is_their_lengths(held_out):
    assert Spectrum()(held_out()) == {
        "align/singular_value_00": near(3),
        "align/singular_value_01": near(1),
        "align/column_norm_00": near(3),
        "align/column_norm_01": near(1),
        "align/norm_spectrum_error": near(0),
        "align/order_agreement": near(1),
    }


def test_spectrum_of_rotated_columns(held_out):
    found = Spectrum()(held_out(HALF_RIGHT))
    for latent in ("00", "01"):
        assert found[f"align/column_norm_{latent}"] == near(math.sqrt(5))
    assert found["align/singular_value_00"] == near(3)
    assert found["align/norm_spectrum_error"] > 0.1


@pytest.mark.parametrize(
    ("kept", "threshold"),
    [({"posterior": Point}, 0.5), ({"posterior": FullGaussian}, 0.5), ({}, 9)],
)
def test_order_needs_a_diagonal_posterior_and_active_latents(held_out, kept, threshold):
    found = Spectrum(threshold)(held_out(**kept))
    assert "align/order_agreement" not in found
    assert found["align/norm_spectrum_error"] == near(0)


def test_collapse_says_who_dies_first_and_when(held_out):
    variance, beta = torch.tensor([0.1, 0.5]), 3.0  # the means have variance 1
    assert Collapse()(held_out(beta=beta, variance=variance)) == {
        "val/signal_share_00": near(1 / 1.1),
        "val/signal_share_01": near(1 / 1.5),
        "val/collapse_beta_00": near(beta * 11),
        "val/collapse_beta_01": near(beta * 3),
        "val/collapse_order_00": 2,
        "val/collapse_order_01": 1,
        "val/next_collapse_beta": near(beta * 3),
    }
    one = Collapse()(held_out(beta=beta, variance=torch.tensor([0.1, 0.9])))
    assert one["val/next_collapse_beta"] == near(beta * 11)  # the other is off already
    without = Collapse()(held_out(beta=0.0, variance=variance))
    assert set(without) == {"val/signal_share_00", "val/signal_share_01"}
    assert Collapse()(held_out(posterior=Point)) == {}


class Exponential(nn.Module):
    """Each output the exponential of one coordinate of the rotated code."""

    def __init__(self, angle):
        super().__init__()
        c, s = math.cos(angle), math.sin(angle)
        self.register_buffer("turn", torch.tensor([[c, -s], [s, c], [0, 0]], dtype=torch.float64))

    def forward(self, z):
        return (z @ self.turn.T).exp()


@pytest.mark.parametrize("degrees", [0, 30])
def test_off_axis_share_of_exponentials(held_out, degrees):
    """log s_j = (R z)_j, so that its derivatives are R."""
    encoded = held_out(decoder=Exponential(math.radians(degrees)))
    expected = math.sin(math.radians(degrees)) ** 2
    assert OffAxis(num_codes=8)(encoded) == {"align/off_axis_share": near(expected)}


def test_off_axis_share_of_nothing_is_not_reported(held_out):
    in_pieces = nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 3)).double()
    for encoded in (held_out(), held_out(decoder=in_pieces)):
        assert OffAxis(num_codes=4)(encoded) == {}
    assert OffAxis(mean_threshold=9)(held_out(decoder=Exponential(0))) == {}


@pytest.mark.parametrize("posterior", [DiagonalGaussian, Point, FullGaussian])
def test_local_pca_finds_a_pca(held_out, posterior):
    found = LocalPCA()(held_out(posterior=posterior))
    chance = found.pop("align/local_pca_cosine_chance")
    assert found == {
        "align/local_pca_cosine": near(1),
        "align/global_pca_correlation": near(1),
        "align/local_axis_direction": near(1),  # a linear decoder is the same everywhere
        "align/local_axis_direction_chance": pytest.approx(8**0.5 / math.pi, abs=0.03),
        "align/local_axis_order": 1,
    }
    turned = LocalPCA()(held_out(HALF_RIGHT, posterior=posterior))
    assert turned["align/global_pca_correlation"] == near(MATCHED)
    # columns (3, 1) and (-3, 1): cosines 3 / sqrt(10) and 1 / sqrt(10)
    assert turned["align/local_pca_cosine"] == near(2 / math.sqrt(10))
    angles = (torch.arange(16) + 0.5) * HALF_RIGHT / 8  # all rotations
    each = [LocalPCA()(held_out(float(angle), posterior=posterior)) for angle in angles]
    mean = sum(one["align/local_pca_cosine"] for one in each) / len(each)
    assert chance == pytest.approx(mean, abs=0.01)
    assert turned["align/local_pca_cosine_chance"] == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize("angle", [0.0, HALF_RIGHT])
def test_local_pca_of_equal_columns_is_at_chance(held_out, angle):
    """As much variance along every axis: nothing to align with, in whatever rotation."""
    encoded = held_out(angle)
    shorter = torch.tensor([3.0, 1.0, 1.0]).double()  # by so much: columns of length 1

    class Equal(type(encoded.dataset)):
        def images(self, values):
            return super().images(values) / shorter

    with torch.no_grad():
        encoded.model.decoder.weight.div_(shorter[:, None])
    found = LocalPCA(num_points=300)(replace(encoded, dataset=Equal()))
    for name in ("local_pca_cosine", "local_pca_cosine_chance"):
        assert found[f"align/{name}"] == pytest.approx(8**0.5 / math.pi, abs=0.02)


def test_local_pca_takes_what_there_is(held_out):
    assert LocalPCA(mean_threshold=9)(held_out()) == {}
    encoded = held_out()
    few = replace(encoded, index=encoded.index[:4], mean=encoded.mean[:4])
    assert set(LocalPCA(mean_threshold=0)(few)) >= {"align/local_pca_cosine"}
    two = replace(encoded, index=encoded.index[:2], mean=encoded.mean[:2])
    assert LocalPCA(mean_threshold=0)(two) == {}
    point = held_out(posterior=Point)
    still = replace(point, mean=torch.zeros_like(point.mean))
    assert LocalPCA()(still) == {}


@pytest.mark.parametrize("posterior", [DiagonalGaussian, Point])
def test_local_pca_leaves_out_latents_that_stand_still(held_out, posterior):
    encoded = held_out(posterior=posterior)
    mean = torch.cat([encoded.mean, torch.full((len(encoded.mean), 1), 0.3)], 1).double()
    decoder = nn.Linear(3, 3, bias=False).double()
    with torch.no_grad():
        decoder.weight.zero_()
        decoder.weight[:, :2] = encoded.model.decoder.weight
        decoder.weight[:, 2] = 1.0  # a direction that the data do not have
    encoded.model.decoder = decoder
    variance = None if posterior is Point else torch.ones_like(mean)
    found = LocalPCA()(replace(encoded, mean=mean, variance=variance))
    assert found["align/local_pca_cosine"] == near(1)


def test_codes_that_are_the_factors_identify_them(held_out):
    encoded = held_out()
    expected = {"val/mcc": near(1), "val/mcc_rank": near(1), "val/linear_r2": near(1)}
    assert Identifiability()(encoded) == expected
    turned = Identifiability()(held_out(HALF_RIGHT))
    assert turned["val/mcc"] == near(MATCHED)
    assert turned["val/linear_r2"] == near(1)
    no_line = replace(encoded, factor_kinds=("circular", "categorical"))
    without = replace(encoded, factors=encoded.factors[:, :0], factor_kinds=())
    assert Identifiability()(no_line) == Identifiability()(without) == {}


def test_latent_types_and_correlations(held_out):
    mean, size = normal(2000, 3), (2000, 3)
    mean[:, 2] = 0  # follows the prior
    variance = torch.full(size, 0.1, dtype=torch.float64)
    variance[:, 2], variance[:1000, 1] = 1.0, 1.0
    encoded = replace(held_out(), mean=mean, variance=variance)
    found = LatentTypes()(encoded)
    for kind in ("active", "mixed", "passive"):
        assert found[f"val/latents_{kind}"] == 1
    assert found["val/total_correlation_mean"] < 0.01
    assert found["val/total_correlation_sampled"] <= found["val/total_correlation_mean"]
    assert found["val/entropy_latent_00"] == pytest.approx(
        0.5 * math.log(2 * math.pi * math.e), 0.1
    )
    assert "val/entropy_latent_02" not in found  # a constant has no density
    mean[:, 1] = mean[:, 0]
    found = LatentTypes()(encoded)
    assert "val/total_correlation_mean" not in found  # infinite
    expected = -0.5 * math.log(1 - 1 / (1.1 * 1.55))
    assert found["val/total_correlation_sampled"] == pytest.approx(expected, 0.1)


@pytest.mark.parametrize(
    ("posterior", "absent"),
    [
        (Point, {"latents_active", "total_correlation_sampled"}),
        (FullGaussian, {"total_correlation_sampled"}),
    ],
)
def test_latent_types_need_variances(held_out, posterior, absent):
    found = LatentTypes()(held_out(posterior=posterior))
    assert "val/total_correlation_mean" in found
    assert not {f"val/{name}" for name in absent} & set(found)


def test_intrinsic_dimensions(held_out):
    encoded = held_out()
    mean = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    mean[:, 2] = 0
    sampled = mean + torch.tensor([0, 0, 1.0]) * torch.rand(400, 1)
    statistic = IntrinsicDimension(neighbours=10, num_samples=400)
    found = statistic(replace(encoded, mean=mean, sampled=sampled))
    assert found["val/dimension_mean"] == pytest.approx(2, abs=0.25)
    assert found["val/dimension_sampled"] == pytest.approx(3, abs=0.5)
    difference = found["val/dimension_sampled"] - found["val/dimension_mean"]
    assert found["val/dimension_gap"] == difference
    collapsed = statistic(replace(encoded, mean=torch.ones(400, 3), sampled=sampled))
    assert collapsed["val/dimension_mean"] == 0
    few = statistic(replace(encoded, mean=mean[:5].repeat(9, 1), sampled=sampled))
    assert "val/dimension_mean" not in few
    assert "val/dimension_gap" not in few
    assert set(statistic(held_out(posterior=Point))) == {"val/dimension_data", "val/dimension_mean"}


def test_sampled_codes_are_the_same_at_every_look(held_out):
    first, again, other = held_out(), held_out(step=7), held_out(seed=1)
    assert torch.equal(first.sampled, again.sampled)
    assert not torch.equal(first.sampled, other.sampled)
    spread = (first.sampled - first.mean).var(0) / first.variance.mean(0)
    torch.testing.assert_close(spread, torch.ones(2).double(), atol=0.25, rtol=0)


def test_drift_is_likeness_to_the_look_before(held_out):
    encoded = held_out()
    before = held_out(HALF_RIGHT).mean[:100]
    assert Drift()(encoded) == {}
    same = Drift()(replace(encoded, previous=encoded.mean[:100]))
    assert same == dict.fromkeys(same, near(1))
    moved = Drift()(replace(encoded, previous=before))
    assert moved["align/drift_procrustes"] == near(1)
    assert moved["align/drift_cka"] == near(1)
    assert moved["align/drift_mcc"] < 0.99
    inactive = Drift(mean_threshold=9)(replace(encoded, previous=before))
    assert set(inactive) == {"align/drift_procrustes", "align/drift_cka"}


def test_rotated_members_agree_but_for_their_axes(held_out):
    members = [held_out(), held_out(HALF_RIGHT, seed=1)]
    scores = Agreement().compare(members)
    assert len(scores) == 2
    for numbers in scores:
        for name in ("procrustes", "cka", "linear"):
            assert numbers[f"align/agreement_{name}"] == near(1)
        assert numbers["align/agreement_mcc"] == near(MATCHED)
        assert 0.6 < numbers["align/agreement_rank_mcc"] < 0.8
        # all similarities are about equal, so that max R^2 / sum R is half of one
        half = numbers["align/agreement_rank_mcc"] / 2
        assert numbers["val/udr"] == pytest.approx(half, abs=0.01)
    same = Agreement().compare([held_out(), held_out(seed=1)])
    assert same[0]["align/agreement_mcc"] == near(1)


def test_members_mean_is_over_their_partners(held_out):
    members = [held_out(angle, seed=i) for i, angle in enumerate((0.0, 0.0, HALF_RIGHT))]
    scores = Agreement().compare(members)
    found = [scores[seed]["align/agreement_mcc"] for seed in range(3)]
    assert found == [near((1 + MATCHED) / 2), near((1 + MATCHED) / 2), near(MATCHED)]


def test_a_latent_without_partner_agrees_with_none(held_out):
    encoded = held_out()
    half = replace(held_out(seed=1), mean=encoded.mean * torch.tensor([1, 0.01]))
    scores = Agreement().compare([encoded, half])
    assert scores[0]["align/agreement_mcc"] == near(0.5)
    asleep = Agreement(mean_threshold=9).compare([encoded, half])
    assert "align/agreement_mcc" not in asleep[0]
    assert "align/agreement_cka" in asleep[0]


@pytest.mark.parametrize("similarity", ["spearman", "lasso"])
def test_every_latent_of_an_autoencoder_counts_for_the_udr(held_out, similarity):
    members = [held_out(posterior=Point, seed=seed) for seed in (0, 1)]
    scores = Agreement(similarity=similarity).compare(members)
    assert scores[0]["val/udr"] == near(0.9 if similarity == "lasso" else 1)


def test_a_single_model_has_no_group(held_out):
    encoded, statistics = held_out(split="test"), {"agreement": Agreement()}
    found = {0: scores_of_split(encoded, statistics)}
    add_group_scores(found, [encoded.codes()], statistics)
    assert not [key for key in found[0] if "agreement" in key or "udr" in key]
    assert "test/loss" in found[0]


@pytest.mark.parametrize(
    ("kept", "flag"),
    [
        ({"variance": torch.tensor([0.1, 0.79])}, 0),
        ({"variance": torch.tensor([0.1, 0.8])}, 1),  # one active latent of two factors
        ({"variance": torch.tensor([0.1, 0.8]), "posterior": Point}, None),
    ],
)
def test_over_pruned_is_a_score_of_every_model(held_out, grid, kept, flag):
    encoded = held_out(**kept)
    scores = scores_of_split(encoded, {})
    assert scores.get("val/over_pruned") == flag
    one = replace(encoded, factors=encoded.factors * torch.tensor([1, 0]))  # one factor varies
    assert scores_of_split(one, {}).get("val/over_pruned") == (None if flag is None else 0)
    none = replace(encoded, factors=encoded.factors * 0)
    assert "val/over_pruned" not in scores_of_split(none, {})
    final = final_scores([encoded.model], grid, {}, step=0)
    assert final[0].get("test/over_pruned") == flag


def test_models_are_let_go_before_the_group_is_compared(held_out, grid):
    models = []

    def members():
        for seed in range(3):
            one = held_out(seed=seed).model
            models.append(weakref.ref(one))
            yield one

    class Group:
        def compare(self, members):
            gc.collect()
            assert sum(model() is not None for model in models) <= 1
            return [{"align/number": float(i)} for i, _ in enumerate(members)]

    statistics = {"group": Group(), "spectrum": Spectrum()}
    scores = final_scores(members(), grid, statistics, step=0, num_jacobians=50)
    assert [row["align/number"] for row in scores.values()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OffAxis(num_codes=0), "num_codes=0"),
        (lambda: LocalPCA(neighbours=1), "neighbours=1"),
        (lambda: IntrinsicDimension(neighbours=1), "neighbours=1: give an integer from 2"),
        (lambda: IntrinsicDimension(num_samples=20), "more samples than neighbours"),
        (lambda: Drift(num_samples=2), "num_samples=2"),
        (lambda: Agreement(num_samples=2), "num_samples=2"),
        (lambda: PanelScores(device="tpu"), "give one of 'auto', 'cpu', 'cuda'"),
        (lambda: Agreement(similarity="cosine"), "similarity='cosine': give one of '"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pipe_is_of_a_classifier_of_its_own(held_out):
    """A share, the same again, and neither the model nor the global generator is touched."""
    encoded = held_out()
    before = {name: weight.clone() for name, weight in encoded.model.state_dict().items()}
    state = torch.get_rng_state()
    found = PIPE(updates=5)(encoded)
    assert found == PIPE(updates=5)(encoded)
    assert 0 <= found["val/pipe"] <= 1
    assert torch.equal(torch.get_rng_state(), state)
    after = encoded.model.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())

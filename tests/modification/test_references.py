"""References of the modification game: codes, rotations and widths of equal KL."""

import math

import numpy as np
import pytest
import torch

from vaescope.data import Factors
from vaescope.errors import ConfigError
from vaescope.modification.references import (
    Rotation,
    Widths,
    standardise,
    varying,
    widths_of_mean,
    widths_of_rotated,
)
from vaescope.run_folder.scores import write_scores

FACTORS = Factors(
    ("shape", "one", "place", "level"),
    (3, 1, 40, 0),
    ("categorical", "ordinal", "ordinal", "continuous"),
)
NAMES = ("a", "b", "c", "d", "e")
NORMS = torch.tensor([1.0, 5.0, 2.0, 4.0, 3.0])
GRAM = torch.tensor([[4.0, 0.5], [0.5, 1.0]]).double()


def test_standardised_factors_have_mean_0_and_variance_1_and_constant_ones_are_left_out():
    values = torch.cartesian_prod(
        *(torch.arange(size).float() for size in (3, 1, 40)), torch.linspace(0.005, 0.995, 100)
    )
    w = standardise(FACTORS, values).double()
    assert w.shape == (12_000, 3)
    assert w.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert w.std(0, correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert w[:, 0].unique().tolist() == pytest.approx([-1.2247, 0, 1.2247], abs=1e-4)
    assert varying(FACTORS) == ("shape", "place", "level")


@pytest.mark.parametrize(
    ("sizes", "told"), [((), "no known ones"), ((5, 1), "1 .f0."), ((2,) * 13, "13")]
)
def test_number_of_factors_is_told(sizes, told):
    factors = Factors([f"f{k}" for k in range(len(sizes))], sizes, ["ordinal"] * len(sizes))
    with pytest.raises(
        ConfigError, match=f"2 to 12 factors that vary, but the data set has {told}"
    ):
        varying(factors)


@pytest.mark.parametrize(
    ("pairs", "planes"),
    [
        ("by_norm", [(1, 3), (4, 2)]),
        ("neighbours", [(0, 1), (2, 3)]),
        ([["e", 0], ["b", "c"]], [(4, 0), (1, 2)]),
        ("haar", []),
    ],
)
def test_rotation_turns_the_planes_by_the_angle(pairs, planes):
    rotation = Rotation(pairs, angle=30)
    assert rotation.planes(NAMES, NORMS) == planes
    turned = rotation.matrix(NAMES, NORMS)
    assert torch.allclose(turned @ turned.T, torch.eye(5).double(), atol=1e-12)
    for i, j in planes:
        cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
        block = turned[[[i, i], [j, j]], [[i, j], [i, j]]]
        assert block.flatten().tolist() == pytest.approx([cos, -sin, sin, cos])
    rest = set(range(5)) - {k for pair in planes for k in pair}
    assert pairs == "haar" or all(turned[k, k] == 1 for k in rest)


def test_haar_rotations_differ_by_seed():
    one, again, other = (Rotation("haar", seed=seed).matrix(NAMES) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize(
    "pairs", ["strongest", 3, [["a"]], ["ab"], [["a", "a"]], [["a", "b"], [1, 2]], [["a", "z"]], []]
)
def test_pairs_that_do_not_fit_are_refused(pairs):
    with pytest.raises(ConfigError):
        Rotation(pairs).matrix(NAMES, NORMS)


def test_widths_obey_the_variance_relation_and_have_their_mean():
    squares = torch.tensor([9.0, 1.0, 0.0])
    for mean in (0.05, 0.3, 0.9):
        widths = widths_of_mean(squares, mean)
        noise = squares[:2] / (1 / widths[:2].square() - 1)  # t of sigma^2 = 1 / (1 + |F|^2 / t)
        assert float(noise[0] / noise[1]) == pytest.approx(1, rel=1e-4)
        assert widths[2] == 1
        assert float(widths.log().mean().exp()) == pytest.approx(mean, rel=1e-4)


def test_small_widths_are_inverse_to_the_norms():
    assert float(torch.divide(*widths_of_mean(torch.tensor([1.0, 4.0]), 1e-3))) == pytest.approx(2)


def test_rotated_latents_have_the_same_kl():
    widths = Widths(mean=0.2).of_factors(GRAM)
    rotation = Rotation("neighbours").matrix(("a", "b"))
    rotated = widths_of_rotated(widths, GRAM, rotation)
    assert float(rotated.log().sum()) == pytest.approx(float(widths.log().sum()), rel=1e-6)
    turned = (rotation @ GRAM @ rotation.T).diagonal()
    ratio = (1 / rotated.square() - 1) / turned
    assert float(ratio[0] / ratio[1]) == pytest.approx(1, rel=1e-5)


def test_widths_may_be_given():
    assert Widths([0.1, 0.2]).of_factors(GRAM).tolist() == [0.1, 0.2]
    for given in ([], [0.1], [0.1] * 3):
        with pytest.raises(ConfigError, match="for each of the 2 factors"):
            Widths(given).of_factors(GRAM)


@pytest.mark.parametrize(
    "given", [[0.1, 0.0], [0.1, 1.5], [math.nan], [0.1, "a"], [True], 0.2, None]
)
def test_widths_that_are_none_are_refused_before_anything_is_computed(given):
    with pytest.raises(ConfigError, match="was given; give jacobian"):
        Widths(given)


def test_a_word_that_is_neither_jacobian_nor_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.widths\.of: .*jacobean' is no folder of a"):
        Widths(str(tmp_path / "jacobean")).of_factors(GRAM)


@pytest.mark.parametrize("angle", [0.0, 90.0, -90.0, 180.0])
def test_angles_that_mix_nothing_are_refused(angle):
    with pytest.raises(ConfigError, match="nothing is mixed"):
        Rotation(angle=angle)
    Rotation("haar", angle=angle)


@pytest.mark.parametrize("pairs", [[1, 2], [[0]], [[0, 1.5]], [[0, None]], [[True, False]], ["ab"]])
def test_pairs_that_are_none_are_refused(pairs):
    with pytest.raises(ConfigError, match=r"give pairs like|factor .* was given"):
        Rotation(pairs).planes(NAMES)


def test_widths_of_a_run_follow_its_kl_terms_sharpest_for_the_largest_norm(tmp_path):
    nats = ([0.5, 3.0], [0.7, 1.0])
    rows = [{f"test/kl_latent_{k:02}": n for k, n in enumerate(row)} for row in nats]
    write_scores(tmp_path, rows, {})
    gram = torch.diag(torch.tensor([1.0, 4.0, 2.0])).double()
    expected = np.exp([0.0, -2.0, -0.6])  # two latents for three factors
    assert Widths(str(tmp_path)).of_factors(gram).tolist() == pytest.approx(expected.tolist())
    write_scores(tmp_path, [{"test/kl": 1.0}], {})
    with pytest.raises(ConfigError, match="no KL terms of single latents"):
        Widths(str(tmp_path)).of_factors(gram)

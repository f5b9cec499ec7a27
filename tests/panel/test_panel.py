"""The panel: scores with chance, ceiling and interval, of codes whose quality is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vaescope.metrics.information.gap import mutual_information_gap
from vaescope.metrics.prediction.dci_scores import dci
from vaescope.panel import DEFAULT_SCORES, FAMILIES, INFORMATION_SCORES, Sample, score_panel

ARRAYS = dict(np.load(Path(__file__).parents[1] / "golden" / "dlib" / "arrays.npz"))
ROWS = 1500
KINDS = ("categorical", "ordinal", "circular", "ordinal", "ordinal")
FACTORS = torch.from_numpy(ARRAYS["factors_train"][:ROWS].astype(np.int64))
SLOW = {"dci_gbt", "dci_forest"}
LOW_IS_GOOD = {"jemmig"}


def codes_of(case):
    return torch.from_numpy(ARRAYS[f"codes_train__{case}"][:ROWS].astype(np.float64))


def measured(codes, scores=DEFAULT_SCORES, factors=FACTORS, kinds=KINDS, **settings):
    few = {"repeats": 0, "costly_repeats": 0} | settings
    return score_panel(codes, factors, kinds=kinds, scores=scores, **few)


def test_scores_are_those_of_the_functions():
    codes = codes_of("vae_like")
    found = measured(codes, ["mig", "dci"])
    assert found["mig"].score == pytest.approx(mutual_information_gap(codes, FACTORS), abs=1e-12)
    sample = Sample(codes, FACTORS, KINDS)
    alone = dci(*sample.fitted, *sample.scored, kinds=KINDS)
    assert found["dci_disentanglement"].score == alone.disentanglement
    assert found["dci_informativeness"].score == alone.informativeness


def test_halves_of_the_rows_are_apart_and_whole():
    sample = Sample(FACTORS.double(), FACTORS, KINDS, test_share=0.25, seed=3)
    fitted, scored = sample.rows
    assert len(scored) == ROWS // 4
    assert torch.cat([fitted, scored]).sort().values.tolist() == list(range(ROWS))
    other = Sample(FACTORS.double(), FACTORS, KINDS, test_share=0.25, seed=4)
    assert not torch.equal(other.rows[1], scored)


def test_shuffles_keep_codes_and_counts_and_break_the_pairs():
    sample = Sample(codes_of("perfect"), FACTORS, KINDS)
    one, two = sample.shuffled(0), sample.shuffled(1)
    assert torch.equal(one.codes, sample.codes)
    assert torch.equal(one.factors.sort(0).values, sample.factors.sort(0).values)
    assert not torch.equal(one.factors, two.factors)


@pytest.mark.parametrize("name", sorted((set(FAMILIES) - SLOW) | set(INFORMATION_SCORES)))
def test_every_score_is_finite_for_hard_codes(name):
    """A dead latent, a copy, one factor with one value: a number, never a silent NaN."""
    codes = codes_of("redundant").clone()
    codes[:, 0] = 1.5
    factors = FACTORS.clone()
    factors[:, 1] = 2
    found = measured(codes, [name], factors, variance=torch.full_like(codes, 0.1))
    assert found
    for score in found.values():
        assert not np.isnan(score.score)  # copies have infinite total correlation


@pytest.mark.parametrize("name", ["mig", "dci", "sap", "factor_vae", "irs", "info_mec", "mcc"])
def test_perfect_codes_reach_the_ceiling_and_noise_is_at_chance(name):
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((ROWS, 5)))
    settings = {"repeats": 4, "costly_repeats": 2}
    perfect = measured(FACTORS.double() * 3 + 1, [name], **settings)
    random = measured(noise, [name], **settings)
    for key, best in perfect.items():
        assert best.score == pytest.approx(best.ceiling, abs=0.02)
        assert random[key].score < best.score
        near = abs(random[key].score - random[key].chance) < 0.1
        assert near or random[key].low < random[key].chance < random[key].high


def test_interval_holds_the_score_and_shrinks_with_rows():
    codes = codes_of("vae_like")
    many = measured(codes, ["mcc"], repeats=20)["mcc"]
    few = measured(codes[:300], ["mcc"], FACTORS[:300], repeats=20)["mcc"]
    assert many.low < many.score < many.high
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_the_interval_covers_the_score_of_other_rows():
    """95 % intervals of 300 rows against the mean over disjoint samples."""
    codes = codes_of("vae_like")
    found = [
        measured(codes[i : i + 300], ["mcc"], FACTORS[i : i + 300], repeats=20)["mcc"]
        for i in range(0, ROWS, 300)
    ]
    centre = sum(each.score for each in found) / len(found)
    assert sum(each.low < centre < each.high for each in found) >= len(found) - 1


def test_no_repeats_give_no_chance_and_no_interval():
    found = measured(codes_of("vae_like"), ["factor_vae"])["factor_vae_score"]
    assert found.chance is None
    assert found.low is None
    assert found.high is None


def test_scores_without_factors_have_no_chance_level():
    found = measured(codes_of("vae_like"), ["total_correlation"], repeats=3)["total_correlation"]
    assert found.chance is None
    assert found.ceiling is None
    assert found.low < found.score < found.high


def test_continuous_factors_leave_out_what_needs_classes():
    generator = torch.Generator().manual_seed(0)
    factors = torch.rand(400, 2, generator=generator, dtype=torch.float64)
    names = ["sap", "explicitness", "sap_continuous", "mcc", "mig", "dci"]
    found = score_panel(
        factors @ torch.eye(2, 4).double(), factors, scores=names, repeats=0, costly_repeats=0
    )
    assert {"sap_continuous", "mcc", "mig", "dci_disentanglement"} <= found.keys()
    assert not {"sap", "explicitness"} & found.keys()


def test_a_score_that_the_rows_cannot_have_is_left_out_and_told(caplog):
    factors = torch.arange(9)[:, None].expand(9, 2)
    found = score_panel(
        factors.double(), factors, scores=["omes", "mig"], repeats=0, costly_repeats=0
    )
    assert found.keys() == {"mig"}
    assert "score omes is left out: no two of 9 rows differ in one factor only" in caplog.text
    assert not measured(codes_of("perfect"), ["rmig"])
    assert "score rmig is left out: it needs the variances of a normal posterior" in caplog.text
    kinds = ["categorical"] * 5
    assert not measured(codes_of("perfect"), ["mcc", "sap_continuous"], kinds=kinds)
    assert "score mcc is left out: it needs factors with an order, and these are" in caplog.text
    still = measured(codes_of("perfect"), ["dci", "factor_vae", "mcc"], FACTORS * 0)
    assert still["mcc"].score == 0
    assert still.keys() == {"mcc", "mcc_rank"}


def test_halves_without_partners_give_no_interval():
    """Two rows differ in one factor only: a half rarely holds both."""
    factors = torch.arange(8)[:, None].expand(8, 3).clone()
    factors[7, :2] = 6
    found = score_panel(
        factors.double(), factors, scores=["omes"], repeats=0, costly_repeats=2, seed=1
    )["omes"]
    assert found.score > 0
    assert found.low is None


HARD = {
    "all latents dead": (torch.ones(ROWS, 4).double(), FACTORS, KINDS),
    "one latent": (codes_of("vae_like")[:, :1], FACTORS, KINDS),
    "one factor": (codes_of("vae_like"), FACTORS[:, 3:4], KINDS[3:4]),
    "one circle": (codes_of("vae_like"), FACTORS[:, 2:3], KINDS[2:3]),
    "classes of one row": (
        codes_of("vae_like"),
        FACTORS.index_put((torch.tensor([7, 8]), torch.tensor([1, 0])), torch.tensor(99)),
        KINDS,
    ),
    "real numbers": (
        codes_of("vae_like"),
        2 * torch.pi * torch.rand(ROWS, 2, dtype=torch.float64),
        ("continuous", "circular"),
    ),
    "few rows": (codes_of("vae_like")[:60], FACTORS[:60], KINDS),
    "single precision": (codes_of("vae_like").float(), FACTORS, KINDS),
}


@pytest.mark.slow  # a minute of all scores
@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("name", sorted((set(FAMILIES) - SLOW) | set(INFORMATION_SCORES)))
def test_no_number_of_hard_samples_is_nan(name, case):
    codes, factors, kinds = HARD[case]
    rows = slice(200)
    codes, factors = codes[rows], factors[rows]
    found = score_panel(
        codes,
        factors,
        kinds=kinds,
        variance=torch.full_like(codes, 0.1),
        scores=[name],
        repeats=2,
        costly_repeats=2,
    )
    for score in found.values():
        for number in (score.score, score.chance, score.ceiling, score.low, score.high):
            assert number is None or not np.isnan(number)


def test_latents_may_be_ordered_and_turned_anyhow():
    codes = codes_of("vae_like")
    order = torch.randperm(codes.shape[1], generator=torch.Generator().manual_seed(1))
    changed = -2 * codes[:, order]
    one, two = (
        measured(codes, ["mig", "mcc", "sap_continuous"]),
        measured(changed, ["mig", "mcc", "sap_continuous"]),
    )
    for key, score in one.items():
        assert two[key].score == pytest.approx(score.score, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scores": ["mgi"]}, r"score 'mgi' is unknown; did you mean 'mig'"),
        ({"repeats": 1}, "repeats=1, costly_repeats=0: give 0, or at least 2"),
        ({"factors": FACTORS[:5]}, "1500 rows of codes, but 5 rows of factors"),
    ],
)
def test_what_cannot_be_measured_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        measured(codes_of("perfect"), **({"scores": ["mig"]} | settings))


def test_codes_that_are_no_numbers_are_refused():
    codes = codes_of("perfect").clone()
    codes[3, 1] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        measured(codes, ["mig"])


def test_arrays_and_lists_are_as_good_as_tensors():
    codes, kinds = codes_of("noisy_mix")[:200], list(KINDS)
    wanted = measured(codes, ["mig", "sap"], FACTORS[:200], kinds)
    arrays = codes.numpy(), FACTORS[:200].numpy().astype(np.uint16)
    arrays[0].setflags(write=False)
    assert measured(arrays[0], ["mig", "sap"], arrays[1], kinds) == wanted
    assert measured(codes.tolist(), ["mig", "sap"], FACTORS[:200].tolist(), kinds) == wanted


@pytest.mark.parametrize(
    "codes",
    [
        np.array([["a", "b"]] * 60),
        np.full((60, 2), None),
        np.ones((60, 2), complex),
        torch.ones(60, 2, dtype=torch.complex64),
        torch.eye(60).to_sparse(),
        torch.ones(60, 2, device="meta"),
    ],
)
def test_what_are_no_numbers_is_told(codes):
    with pytest.raises(ValueError, match=r"codes are .*: give (dense )?real numbers"):
        measured(codes, ["mig"], FACTORS[:60])


def test_repetitions_in_threads_are_those_of_one_thread():
    codes, threads = codes_of("vae_like")[:400], torch.get_num_threads()
    found = []
    for number in (1, 3):
        torch.set_num_threads(number)
        few = {"repeats": 3, "costly_repeats": 3}
        found.append(measured(codes, ["dci", "irs", "sap"], FACTORS[:400], **few))
        assert torch.get_num_threads() == number
    torch.set_num_threads(threads)
    for name, one in found[0].items():
        assert found[1][name] == one

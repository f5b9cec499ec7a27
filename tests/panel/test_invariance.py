"""Order, signs and scales of the latents are conventions: which scores see them, and why."""

import pytest
import torch

from vaescope.metrics.canonical import canonical_latents
from vaescope.panel import FAMILIES, INFORMATION_SCORES, score_panel

ROWS, LATENTS = 300, 5
GENERATOR = torch.Generator().manual_seed(0)
FACTORS = torch.stack([torch.randint(n, (ROWS,), generator=GENERATOR) for n in (3, 4, 5)], 1)
MIX = torch.tensor([[1, 0.3, 0, 0, 0], [0, 1, 0.2, 0, 0], [0.1, 0, 1, 0, 0]], dtype=torch.float64)
NOISE = torch.randn(ROWS, LATENTS, generator=GENERATOR, dtype=torch.float64)
CODES = FACTORS.double() @ MIX + 0.3 * NOISE
VARIANCE = 0.05 + 0.2 * torch.rand(ROWS, LATENTS, generator=GENERATOR, dtype=torch.float64)

# by definition measured in the units of the codes
SCALES = {
    "rmig": "bins from -4 to 4, in the prior's units",
    "sap": "a penalty on the slope, as in the field",
    "beta_vae": "a penalty on unscaled features, as in the field",
    "irs": "latents weigh by their reach",
    "irs_dlib": "latents weigh by their reach",
    "wasserstein": "a squared distance",
    "support": "a distance",
    "omes": "latents below a standard deviation of 0.05 are inactive",
    "factor_vae": "latents below a standard deviation of 0.05 may not vote",
    "info_mec": "latents of a 20th of the widest one's range are inactive",
}
# scikit-learn's trees draw latents by their place
PLACES = {"dci_gbt", "dci_forest"}
NAMES = sorted({*FAMILIES, *INFORMATION_SCORES} - PLACES)


def scores(name, codes, variance):
    found = score_panel(
        codes, FACTORS, scores=[name], variance=variance, repeats=0, costly_repeats=0
    )
    return {key: each.score for key, each in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_order_and_signs_of_latents_change_no_score(name):
    expected = scores(name, CODES, VARIANCE)
    assert expected
    order = torch.tensor([3, 0, 4, 2, 1])
    signs = torch.tensor([-1, 1, -1, -1, 1], dtype=torch.float64)
    turned = scores(name, (CODES * signs)[:, order], VARIANCE[:, order])
    assert turned == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SCALES])
def test_positive_scales_of_latents_change_no_score_that_is_not_one_of_scale(name):
    scales = torch.tensor([0.01, 2, 40, 0.7, 1.5], dtype=torch.float64)
    expected = scores(name, CODES, VARIANCE)
    found = scores(name, CODES * scales, VARIANCE * scales**2)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["omes", "factor_vae", "info_mec"])
def test_scores_that_leave_out_small_latents_do_not_see_other_scales(name):
    scales = torch.tensor([0.5, 2, 4, 0.7, 1.5], dtype=torch.float64)
    expected = scores(name, CODES, VARIANCE)
    assert scores(name, CODES * scales, VARIANCE) == pytest.approx(expected, abs=1e-6)


def test_latents_have_one_order_and_sign():
    order, signs = canonical_latents(CODES)
    other = CODES[:, [3, 0, 4, 2, 1]] * torch.tensor([-3, 1, -0.1, -1, 7.0])
    again, turns = canonical_latents(other)
    expected = (CODES * signs)[:, order]
    found = (other * turns)[:, again]
    assert torch.allclose(found / found.std(0), expected / expected.std(0), rtol=1e-12, atol=1e-12)
    constant = torch.ones(9, 2, dtype=torch.float64)
    assert canonical_latents(constant)[1].tolist() == [1, 1]

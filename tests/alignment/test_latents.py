"""Active latents by the rules of both papers."""

import pytest
import torch

from vaescope.alignment import active_by_mean, active_by_variance


def test_means_must_vary_by_half_the_priors_width():
    signs = torch.tensor([1.0, -1.0])[:, None]
    mean = 100 + signs * torch.tensor([0.0, 0.49, 0.5, 0.51, 2.0])
    # 0.5 itself does not count: the rule is strict.
    assert active_by_mean(mean).tolist() == [False, False, False, True, True]
    assert active_by_mean(mean, threshold=1.0).tolist() == [False, False, False, False, True]


def test_variances_must_lie_below_four_fifths():
    variance = torch.tensor([[1.0, 0.0, 0.9, 0.1], [1.0, 1.5, 0.75, 1.6]])
    assert active_by_variance(variance).tolist() == [False, True, False, False]
    assert active_by_variance(variance, threshold=0.86).tolist() == [False, True, True, True]


def test_one_sample_has_no_varying_mean():
    assert active_by_mean(torch.ones(1, 3)).tolist() == [False] * 3


@pytest.mark.parametrize("rule", [active_by_mean, active_by_variance])
def test_empty_data_are_refused(rule):
    with pytest.raises(ValueError, match="non-empty"):
        rule(torch.zeros(0, 3))

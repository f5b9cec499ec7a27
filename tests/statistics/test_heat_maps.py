"""Heat maps of latents and factors, of columns of the Jacobian: closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from vaescope.report.figures import save_traversal_gif
from vaescope.statistics.heat_maps import active_first, information_shares, jacobian_cosines

KINDS = {"factor_kinds": ("ordinal", "ordinal")}


def test_a_code_that_is_the_factors_knows_each_by_one_latent():
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
    found = information_shares(
        SimpleNamespace(mean=factors.flip(1).float(), factors=factors, **KINDS)
    )
    assert torch.allclose(found, torch.tensor([[0.0, 1], [1, 0]], dtype=found.dtype), atol=1e-9)


def test_a_factor_that_does_not_vary_is_known_by_none():
    factors = torch.stack([torch.arange(4), torch.zeros(4, dtype=torch.long)], 1)
    found = information_shares(SimpleNamespace(mean=factors.float(), factors=factors, **KINDS))
    assert found[:, 1].tolist() == [0, 0]


def test_angles_are_those_of_the_columns():
    columns = torch.tensor([[1.0, -1, 0], [0, 1, 0]])  # 135 degrees; the decoder ignores the third
    found = jacobian_cosines(SimpleNamespace(grams={"pixels": (columns.T @ columns)[None]}))
    half = 0.5**0.5
    wanted = torch.tensor([[1, half, 0], [half, 1, 0], [0, 0, 0]])
    assert torch.allclose(found.float(), wanted)


def test_latents_are_ordered_by_what_they_carry():
    kl = torch.tensor([[0.0, 2, 1], [0, 4, 1]])
    order, weight, unit = active_first(
        SimpleNamespace(kl=kl, mean=torch.zeros(2, 3), by_latent=True)
    )
    assert (order, weight.tolist(), unit) == ([1, 2, 0], [0, 3, 1], "nats")
    mean = torch.tensor([[0.0, 4], [2, 0]])
    order, _, unit = active_first(SimpleNamespace(kl=None, mean=mean, by_latent=False))
    assert (order, unit) == ([1, 0], "std")


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frames_of_a_gif_are_the_traversals(tmp_path, channels):
    rows = torch.rand(2, 3, channels, 4, 5, generator=torch.Generator().manual_seed(0)).round()
    save_traversal_gif(rows, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.n_frames == 4  # three values and back
        tall = 4 * (2 if channels == 2 else 1)
        assert moving.size == (2 * 2 * 5, 2 * tall)
        moving.seek(2)
        shown = torch.from_numpy(np.array(moving.convert("L")))
    if channels == 1:
        wanted = torch.cat([rows[0, 2, 0], rows[1, 2, 0]], 1) * 255
        assert torch.equal(shown[::2, ::2].float(), wanted)

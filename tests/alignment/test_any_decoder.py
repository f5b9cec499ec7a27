"""DtO of decoders that vaescope has not trained: closed forms, modes, refusals."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vaescope.alignment import (
    decoder_jacobian,
    distance_to_orthogonality,
    dto,
    haar_chance,
    right_singular_vectors,
)
from vaescope.errors import InputError


def linear(angle, lengths=(3.0, 1.0)):
    """A linear decoder whose right singular vectors are the axes turned by ``angle``."""
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
        dtype=torch.float64,
    )
    left = torch.linalg.qr(torch.randn(7, 2, dtype=torch.float64)).Q
    decoder = nn.Linear(2, 7, dtype=torch.float64)
    with torch.no_grad():
        decoder.weight.copy_(left @ torch.diag(torch.tensor(lengths).double()) @ turn.T)
    return decoder


@pytest.mark.parametrize("degrees", [0, 5, 20, 44])
def test_of_a_linear_decoder_it_is_that_of_the_rotation(degrees):
    """||R - I||_F of a rotation by less than 45 degrees is 2 sqrt(1 - cos)."""
    angle = math.radians(degrees)
    found = dto(linear(angle), torch.randn(6, 2))
    assert found.dto == pytest.approx(2 * math.sqrt(1 - math.cos(angle)), abs=1e-7)
    assert found.by_code.shape == (6,)
    assert found.singular_values.tolist() == [pytest.approx([3, 1])] * 6
    assert found.chance == haar_chance(2)[0]


def test_of_a_network_it_is_what_its_jacobians_say():
    torch.manual_seed(1)
    decoder = nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 2 * 4 * 4))
    decoder.append(nn.Unflatten(1, (2, 4, 4))).append(nn.Conv2d(2, 3, 3)).append(nn.Sigmoid())
    codes = torch.randn(5, 3)
    jacobian = decoder_jacobian(decoder, codes)
    vectors, _ = right_singular_vectors(jacobian.double().mT @ jacobian.double())
    found = dto(decoder, codes.numpy())
    torch.testing.assert_close(found.by_code, distance_to_orthogonality(vectors).cpu())
    exact = torch.linalg.svd(jacobian.double()).Vh.mT
    torch.testing.assert_close(found.by_code, distance_to_orthogonality(exact), atol=1e-5, rtol=0)


def test_a_module_is_measured_in_evaluation_mode_and_left_as_it_was():
    decoder = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))
    decoder[1].eval()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    first, again = (dto(decoder, torch.randn(4, 2, generator=g)) for g in generators())
    assert torch.equal(first.by_code, again.by_code)
    assert [part.training for part in decoder] == [True, False, True, True]
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())


def generators():
    return (torch.Generator().manual_seed(0) for _ in range(2))


def test_latents_that_are_ignored_may_be_left_out():
    decoder = nn.Linear(3, 5, bias=False)
    with torch.no_grad():
        decoder.weight.zero_()[:, [0, 2]] = torch.eye(5)[:, :2] * torch.tensor([1.0, 2.0])
    found = dto(decoder, torch.zeros(2, 3), latents=[0, 2])
    assert found.dto == 0
    assert found.chance == haar_chance(2)[0]


@pytest.mark.parametrize(
    ("decoder", "codes", "told"),
    [
        (nn.Linear(2, 5), torch.zeros(3), r"codes have shape \(3,\), but a non-empty \[N, D\]"),
        (nn.Linear(2, 5), np.zeros((0, 2)), r"a non-empty \[N, D\] is needed"),
        (nn.Linear(2, 5), torch.tensor([[0.0, math.nan]]), "codes hold NaN"),
        (nn.Linear(2, 5), torch.zeros(4, 3), r"codes \[4, 3\] were given, .* does not take"),
        (lambda z: (z, z), torch.zeros(4, 3), r"returns a tuple, but one tensor .*\[0\]"),
        (lambda z: z.sum(), torch.zeros(4, 3), r"an output of shape \[\], but \[2, ...\]"),
    ],
)
def test_what_cannot_be_measured_is_told(decoder, codes, told):
    with pytest.raises(InputError, match=told):
        dto(decoder, codes)


@pytest.mark.parametrize("latents", [[], [0, 0], [2], [-1]])
def test_latents_that_are_not_there_are_refused(latents):
    with pytest.raises(InputError, match=r"give different ones of 0\.\.1"):
        dto(nn.Linear(2, 5), torch.zeros(3, 2), latents=latents)

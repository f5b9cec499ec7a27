"""Derivatives of singular values, against closed forms and finite differences."""

import pytest
import torch
from torch import nn

from vaescope.alignment import (
    decoder_gram,
    nearest_signed_permutation,
    off_axis_derivatives,
    off_axis_share,
    right_singular_vectors,
)
from vaescope.alignment import gram_derivatives as off_axis_module

# Forward mode loads rules that torch itself still compiles with its deprecated compiler.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is dep:DeprecationWarning")


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def decoder():
    torch.manual_seed(3)
    layers = (nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 20), nn.Sigmoid(), nn.Unflatten(1, (4, 5)))
    return nn.Sequential(*layers).double()


def bernoulli(logits):
    return logits.sigmoid() * (1 - logits.sigmoid())


def finite_differences(decode, codes, metric=None, step=1e-5):
    """Central differences of log s, in the descending order of s, then given to the latents."""
    dim = codes.shape[1]
    vectors, _ = right_singular_vectors(decoder_gram(decode, codes, metric))
    slopes = []
    for unit in step * torch.eye(dim).double():
        ahead, behind = (
            right_singular_vectors(decoder_gram(decode, point, metric))[1].log()
            for point in (codes + unit, codes - unit)
        )
        slopes.append((ahead - behind) / (2 * step))
    return nearest_signed_permutation(vectors).abs() @ torch.stack(slopes, 2)


def test_a_singular_value_of_its_own_latent_alone():
    codes = normal(0, 6, 2)
    derivatives = off_axis_derivatives(torch.exp, codes)
    torch.testing.assert_close(derivatives, torch.eye(2).double().expand(6, 2, 2))
    assert off_axis_share(derivatives).max() < 1e-15


def test_coupled_latents_have_the_closed_form():
    # The columns of J, (exp(z2), 0) and (z1 exp(z2), 1), are orthogonal at z1 = 0 alone.
    height = torch.tensor([-1.0, 0.5, 2.0]).double()
    codes = torch.stack([torch.zeros(3).double(), height], 1)
    found = off_axis_derivatives(
        lambda z: torch.stack([z[:, 0] * z[:, 1].exp(), z[:, 1]], 1), codes
    )
    expected = torch.tensor([[0.0, 1.0], [0.0, 0.0]]).double()  # s = (exp(z2), 1)
    torch.testing.assert_close(found, expected.expand(3, 2, 2))
    assert off_axis_share(found).tolist() == [1, 1, 1]


def test_coupled_latents_away_from_the_axis_have_the_closed_form():
    # At z = (x, log a): G = [[a^2, a^2 x], [a^2 x, a^2 x^2 + 1]], of determinant a^2.
    codes = torch.tensor([[0.3, 0.4], [-0.6, 0.2], [0.5, -1.0]]).double()
    x, a2 = codes[:, 0], (2 * codes[:, 1]).exp()
    trace, root = a2 * (1 + x**2) + 1, ((a2 * (1 + x**2) + 1) ** 2 - 4 * a2).sqrt()
    d_trace = torch.stack([2 * a2 * x, 2 * a2 * (1 + x**2)], 1)
    d_det = torch.stack([torch.zeros(3).double(), 2 * a2], 1)
    squares, slopes = [], []
    for sign in (1, -1):
        squares.append((trace + sign * root) / 2)
        d_root = (trace[:, None] * d_trace - 2 * d_det) / root[:, None]
        slopes.append((d_trace + sign * d_root) / 2)
    expected = 0.5 * torch.stack(slopes, 1) / torch.stack(squares, 1)[:, :, None]

    def decode(z):
        return torch.stack([z[:, 0] * z[:, 1].exp(), z[:, 1]], 1)

    places = nearest_signed_permutation(right_singular_vectors(decoder_gram(decode, codes))[0])
    torch.testing.assert_close(off_axis_derivatives(decode, codes), places.abs() @ expected)


def test_a_common_factor_is_shared_by_all_latents():
    # Polar coordinates' logarithm: J = exp(r) times a rotation, both values exp(r).
    def decode(z):
        return torch.stack([z[:, 0].exp() * z[:, 1].cos(), z[:, 0].exp() * z[:, 1].sin()], 1)

    found = off_axis_derivatives(decode, normal(1, 5, 2))
    torch.testing.assert_close(
        found, torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double().expand(5, 2, 2)
    )
    torch.testing.assert_close(off_axis_share(found), torch.full((5,), 0.5).double())


@pytest.mark.parametrize("layers", [[], [nn.ReLU(), nn.Linear(6, 6)]])
def test_decoders_linear_in_pieces_have_zeros(layers):
    torch.manual_seed(0)
    decode = nn.Sequential(nn.Linear(3, 6), *layers).double()
    derivatives = off_axis_derivatives(decode, normal(0, 4, 3))
    assert derivatives.abs().max() == 0
    assert off_axis_share(derivatives).tolist() == [0] * 4


@pytest.mark.parametrize("metric", [None, bernoulli])
def test_derivatives_are_finite_differences(decoder, metric):
    codes = normal(2, 8, 3)
    found = off_axis_derivatives(decoder, codes, metric)
    torch.testing.assert_close(
        found, finite_differences(decoder, codes, metric), atol=1e-6, rtol=1e-6
    )
    assert not found.requires_grad
    share = off_axis_share(found)
    assert ((share > 0) & (share < 1)).all()


def test_a_metric_acts_on_a_linear_decoder():
    # Logits z: s_j^2 = p_j (1 - p_j), so d log s_j / d z_j = (1 - 2 p_j) / 2.
    codes = normal(4, 5, 3)
    found = off_axis_derivatives(lambda z: 1.0 * z, codes, bernoulli)
    torch.testing.assert_close(found, torch.diag_embed(0.5 - codes.sigmoid()))


def test_order_of_latents_is_that_of_rows_and_columns(decoder):
    codes, order = normal(5, 4, 3), [2, 0, 1]
    back = torch.tensor(order).argsort()
    moved = off_axis_derivatives(lambda z: decoder(z[:, back]), codes[:, order])
    torch.testing.assert_close(moved, off_axis_derivatives(decoder, codes)[:, order][:, :, order])


def test_an_ignored_latent_has_rows_and_columns_of_zeros():
    derivatives = off_axis_derivatives(lambda z: z[:, :2].exp(), normal(6, 4, 3))
    torch.testing.assert_close(
        derivatives, torch.diag(torch.tensor([1.0, 1, 0])).double().expand(4, 3, 3)
    )


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("memory_mb", [0, 1, 96])
def test_chunks_and_budgets_change_nothing(decoder, chunk, memory_mb):
    codes = normal(7, 7, 3)
    torch.testing.assert_close(
        off_axis_derivatives(decoder, codes, chunk=chunk, memory_mb=memory_mb),
        off_axis_derivatives(decoder, codes),
    )


def test_a_small_budget_means_few_codes_and_latents_at_once(monkeypatch):
    seen = []
    slopes = off_axis_module._gram_slopes
    monkeypatch.setattr(
        off_axis_module,
        "_gram_slopes",
        lambda d, z, m, k: seen.append((len(z), k)) or slopes(d, z, m, k),
    )
    wide = nn.Linear(3, 2**14).double()  # 128 KiB per code, 6 of them alive
    codes = normal(8, 3, 3)
    for memory_mb, expected in [(0, (1, 1)), (9, (1, 2)), (12, (1, 3)), (24, (2, 3))]:
        seen.clear()
        off_axis_derivatives(wide, codes, memory_mb=memory_mb)
        assert seen[0] == expected


def test_works_inside_inference_mode_and_in_single_precision(decoder):
    codes = normal(9, 4, 3)
    expected = off_axis_derivatives(decoder, codes)
    with torch.inference_mode():
        torch.testing.assert_close(off_axis_derivatives(decoder, codes * 1), expected)
    found = off_axis_derivatives(decoder.float(), codes.float())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert all(weight.grad is None for weight in decoder.parameters())


def test_share_is_the_sum_and_ignores_scale():
    derivatives = normal(10, 6, 4, 4)
    mask = ~torch.eye(4, dtype=torch.bool)
    expected = torch.stack([d[mask].square().sum() / d.square().sum() for d in derivatives])
    for scale in (1e-200, 1.0, 1e200):
        torch.testing.assert_close(off_axis_share(scale * derivatives), expected)


def test_arguments_that_cannot_be_right_are_refused():
    codes = normal(0, 4, 2)
    with pytest.raises(ValueError, match=r"non-empty \[N, D\]"):
        off_axis_derivatives(torch.exp, torch.zeros(0, 3))
    with pytest.raises(ValueError, match="chunk = 0"):
        off_axis_derivatives(torch.exp, codes, chunk=0)
    with pytest.raises(ValueError, match="decode maps 4 codes"):
        off_axis_derivatives(lambda z: z.sum(0, keepdim=True), codes)
    with pytest.raises(ValueError, match="NaN or infinite"):
        off_axis_derivatives(lambda z: z / 0, codes)
    with pytest.raises(ValueError, match=r"\[N, D, D\]"):
        off_axis_share(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="NaN"):
        off_axis_share(torch.full((1, 2, 2), torch.nan))

"""Jacobians and Gram matrices, against autograd's own."""

import pytest
import torch
from torch import nn

from vaescope.alignment import column_norms, decoder_gram, decoder_jacobian
from vaescope.alignment import decoder_derivatives as jacobian_module

# Forward mode loads rules that torch itself still compiles with its deprecated compiler.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is dep:DeprecationWarning")


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Linear(3, 16),
        nn.ReLU(),
        nn.Unflatten(1, (4, 2, 2)),
        nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1),
        nn.Tanh(),
        nn.Conv2d(3, 2, 3, padding=1),
    )
    return layers.double()


@pytest.fixture
def codes():
    return torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def reference(decode, codes):
    rows = [
        torch.autograd.functional.jacobian(lambda z: decode(z[None]).flatten(), code)
        for code in codes
    ]
    return torch.stack(rows)


def test_jacobian_is_autograds(decoder, codes):
    found = decoder_jacobian(decoder, codes)
    assert found.shape == (7, 32, 3)
    torch.testing.assert_close(found, reference(decoder, codes), atol=1e-10, rtol=0)
    assert not found.requires_grad


@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_chunks_change_nothing(decoder, codes, chunk):
    torch.testing.assert_close(
        decoder_jacobian(decoder, codes, chunk=chunk), decoder_jacobian(decoder, codes)
    )


def test_a_small_budget_means_small_chunks(decoder, codes, monkeypatch):
    seen = []
    push_units = jacobian_module.push_units
    monkeypatch.setattr(
        jacobian_module, "push_units", lambda d, z, n: seen.append(len(z)) or push_units(d, z, n)
    )
    torch.testing.assert_close(
        decoder_jacobian(decoder, codes, memory_mb=0), reference(decoder, codes)
    )
    assert seen == [1] * 7
    seen.clear()
    wide = nn.Linear(3, 2**14).double()  # 128 KiB per code, 6 * 4 of them alive
    decoder_gram(wide, codes, memory_mb=6)
    assert seen == [2, 2, 2, 1]


def test_tangents_of_many_latents_go_through_the_decoder_in_parts(monkeypatch):
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Linear(40, 2**12), nn.Tanh()).double()  # 32 KiB a copy, 6 alive
    codes, largest = torch.randn(2, 40, dtype=torch.float64), []
    push = jacobian_module.vmap

    def watched(function, **options):
        def pushed(tangents):
            largest.append(len(tangents))
            return push(function, **options)(tangents)

        return pushed

    monkeypatch.setattr(jacobian_module, "vmap", watched)
    found = decoder_jacobian(wide, codes, memory_mb=2)
    assert max(largest) == 9  # 10 copies fit, one of them the output
    torch.testing.assert_close(found, reference(wide, codes))


def test_works_inside_inference_mode(decoder, codes):
    expected = decoder_jacobian(decoder, codes)
    with torch.inference_mode():
        torch.testing.assert_close(decoder_jacobian(decoder, codes * 1), expected)
        torch.testing.assert_close(decoder_jacobian(decoder, codes * 1, chunk=3), expected)


def test_weights_and_their_gradients_stay_untouched(decoder, codes):
    decoder_jacobian(decoder, codes.requires_grad_())
    assert all(weight.grad is None for weight in decoder.parameters())
    assert codes.grad is None


def test_gram_is_the_product_of_jacobians(decoder, codes):
    jacobian = reference(decoder, codes)
    found = decoder_gram(decoder, codes, chunk=3)
    torch.testing.assert_close(found, jacobian.mT @ jacobian, atol=1e-10, rtol=0)
    torch.testing.assert_close(column_norms(found), jacobian.norm(dim=1))


def test_gram_with_curvature_is_the_explicit_product(decoder, codes):
    def bernoulli(logits):
        return logits.sigmoid() * (1 - logits.sigmoid())

    jacobian = reference(decoder, codes)
    weights = torch.diag_embed(bernoulli(decoder(codes).flatten(1)).detach())
    found = decoder_gram(decoder, codes, bernoulli, chunk=2)
    torch.testing.assert_close(found, jacobian.mT @ weights @ jacobian, atol=1e-10, rtol=0)


def test_single_precision_gives_a_double_gram(decoder, codes):
    expected = decoder_gram(decoder, codes)
    found = decoder_gram(decoder.float(), codes.float())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_an_ignored_latent_has_a_column_of_zeros(codes):
    gram = decoder_gram(lambda z: z[:, :2].sin(), codes)
    assert gram[:, 2].abs().max() == 0
    assert column_norms(gram)[:, 2].tolist() == [0.0] * 7


@pytest.mark.parametrize("shape", [(0, 3), (3,), (2, 3, 4)])
def test_codes_that_are_no_matrix_are_refused(shape):
    with pytest.raises(ValueError, match=r"non-empty \[N, D\]"):
        decoder_jacobian(torch.sin, torch.zeros(shape))


def test_a_decoder_that_loses_samples_is_refused(codes):
    with pytest.raises(ValueError, match="decode maps 7 codes"):
        decoder_jacobian(lambda z: z.sum(0, keepdim=True), codes)


def test_no_chunk_is_refused(codes):
    with pytest.raises(ValueError, match="chunk = 0"):
        decoder_jacobian(torch.sin, codes, chunk=0)

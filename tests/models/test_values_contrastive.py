"""InfoNCE and time-contrastive learning against numpy, known bounds and what they can tell."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import expit, log_softmax

from builders.methods import STEP, batch_of, made
from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch, Known
from vaescope.models import TCL, InfoNCE
from vaescope.models.info_nce import cross_entropy_of_pairs, similarities


def terms_of(model, batch):
    return model.terms(batch, STEP, model.noise_for(len(batch.image), STEP))


def outputs(model, image):
    """What the encoder gives out, before a method makes a code of it."""
    return model.encoder(image).detach().numpy()


# InfoNCE

FORMULAS = {
    "l1": lambda h, h2: -cdist(h, h2, "cityblock"),
    "l2": lambda h, h2: -cdist(h, h2, "sqeuclidean"),
    "cosine": lambda h, h2: 1 - cdist(h, h2, "cosine"),
}


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("similarity", FORMULAS)
def test_info_nce_against_numpy(similarity, symmetric):
    model = made(InfoNCE, Point, similarity=similarity, temperature=0.3, symmetric=symmetric)
    batch = batch_of(size=6)
    h, h2 = (outputs(model, images.image) for images in (batch, batch.partners[0]))
    if similarity != "cosine":
        sides = torch.tensor([0.5, 2.0, 3.0]).double()
        model.log_side.data = sides.log()
        h, h2 = (sides.numpy() * (expit(x) - 0.5) for x in (h, h2))
    logits = FORMULAS[similarity](h, h2) / 0.3
    expected = -np.diag(log_softmax(logits, axis=1)).mean()
    if symmetric:
        expected = 0.5 * (expected - np.diag(log_softmax(logits, axis=0)).mean())
    assert terms_of(model, batch)["contrast"].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("similarity", FORMULAS)
def test_codes_that_are_all_alike_cost_log_b(similarity):
    model, batch = made(InfoNCE, Point, similarity=similarity), batch_of(size=7)
    for weights in (model.encoder[-1].weight, model.encoder[-1].bias):
        weights.data.fill_(0.25)
    model.encoder[-1].weight.data.zero_()
    assert terms_of(model, batch)["contrast"].item() == pytest.approx(math.log(7), rel=1e-12)


@pytest.mark.parametrize("similarity", FORMULAS)
def test_codes_that_tell_every_pair_cost_nothing(similarity):
    model, batch = made(InfoNCE, Point, similarity=similarity, temperature=1e-9), batch_of()
    batch = batch._replace(partners=(batch,))
    assert terms_of(model, batch)["contrast"].item() == pytest.approx(0, abs=1e-9)
    wrong = Batch(batch.image.roll(1, 0), batch.factors)
    batch = batch._replace(partners=(wrong,))
    assert terms_of(model, batch)["contrast"].item() > 10


@pytest.mark.parametrize("similarity", FORMULAS)
def test_codes_that_tell_k_clusters_leave_the_log_of_their_size(similarity):
    """12 images in 3 clusters: which of 4 it is costs log 4, of log 12 in all."""
    corners = 50 * torch.eye(3).double()[torch.arange(12) % 3]
    logits = similarities(corners, corners, similarity)
    assert cross_entropy_of_pairs(logits).item() == pytest.approx(math.log(4), rel=1e-9)


def test_the_loss_is_never_negative():
    generator = torch.Generator().manual_seed(0)
    for scale in (0.1, 10.0, 1000.0):
        logits = scale * torch.randn(20, 9, 9, generator=generator).double()
        assert all(cross_entropy_of_pairs(each).item() >= 0 for each in logits)


def test_only_l1_sees_a_rotation_of_the_true_codes():
    """Sources of which each moves by a Laplace distribution, at every method's best scale."""
    rng = np.random.default_rng(0)
    s = rng.uniform(-1, 1, (400, 2))
    moved = s + rng.laplace(scale=0.02, size=s.shape)
    s, moved = torch.tensor(s), torch.tensor(moved)
    half = math.sqrt(0.5)
    turn = torch.tensor([[half, -half], [half, half]]).double()

    def best(kind, a, b):
        logits = similarities(a, b, kind)
        return min(cross_entropy_of_pairs(scale * logits).item() for scale in np.geomspace(1, 1e5))

    rises = {kind: best(kind, s @ turn, moved @ turn) - best(kind, s, moved) for kind in FORMULAS}
    assert rises["l1"] > 0.05
    assert rises["l2"] == pytest.approx(0, abs=1e-6)
    assert rises["cosine"] == pytest.approx(0, abs=1e-6)


def test_codes_lie_in_the_box_or_on_the_sphere():
    image = 100 * batch_of(size=50).image
    model = made(InfoNCE, Point, similarity="l2")
    model.log_side.data = torch.tensor([0.5, 1.0, 4.0]).double().log()
    reach = model.encode(image).mean.abs().amax(0) / torch.tensor([0.25, 0.5, 2.0])
    assert (reach <= 1).all()
    assert (reach > 0.9).all()
    on_sphere = made(InfoNCE, Point, similarity="cosine").encode(image).mean
    torch.testing.assert_close(on_sphere.norm(dim=1), torch.ones(50).double())


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"similarity": "l3"}, "similarity='l3': give one of 'l1', 'l2', 'cosine'"),
        ({"temperature": 0.0}, r"temperature=0.0: give a number above 0"),
        ({"temperature": math.nan}, "temperature=nan"),
    ],
)
def test_options_that_info_nce_does_not_have_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(InfoNCE, Point, **symbols)


# time-contrastive learning


def test_tcl_is_the_cross_entropy_of_absolute_features():
    model, batch = made(TCL, Point, num_labels=4), batch_of(size=6)
    signed = outputs(model, batch.image)
    assert (signed < 0).any()
    weights, bias = (p.detach().numpy() for p in model.regression.parameters())
    logits = np.abs(signed) @ weights.T + bias
    chosen = log_softmax(logits, axis=1)[np.arange(6), batch.known.label.numpy()]
    assert terms_of(model, batch)["cross_entropy"].item() == pytest.approx(-chosen.mean())
    np.testing.assert_allclose(
        model.encode(batch.image).mean.detach().numpy(), np.abs(signed), rtol=1e-12
    )


def test_tcl_does_not_see_the_signs_of_features():
    model, batch = made(TCL, Point, num_labels=4), batch_of(size=6)
    before = terms_of(model, batch)
    for weights in (model.encoder[-1].weight, model.encoder[-1].bias):
        weights.data[1] *= -1
    after = terms_of(model, batch)
    assert {n: v.item() for n, v in after.items()} == {n: v.item() for n, v in before.items()}


def test_a_regression_that_knows_nothing_costs_the_log_of_the_number_of_labels():
    model, batch = made(TCL, Point, num_labels=5), batch_of(size=6)
    for weights in model.regression.parameters():
        weights.data.zero_()
    assert terms_of(model, batch)["cross_entropy"].item() == pytest.approx(math.log(5), rel=1e-12)
    model.regression.bias.data[2] = 60.0  # sure, and right
    batch = batch._replace(known=Known(label=torch.full((6,), 2)))
    assert terms_of(model, batch)["cross_entropy"].item() == pytest.approx(0, abs=1e-12)


def test_labels_and_numbers_of_labels_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="num_labels=1: give an integer from 2"):
        made(TCL, Point, num_labels=1)
    with pytest.raises(IndexError, match="Target 2 is out of bounds"):
        terms_of(made(TCL, Point, num_labels=2), batch_of())


# both


@pytest.mark.parametrize("method", [InfoNCE, TCL])
def test_the_encoder_does_not_feel_the_decoder_nor_the_decoder_the_contrast(method):
    model = made(method, Point)
    terms = terms_of(model, batch_of())
    terms.pop("reconstruction").backward()
    decoder = {f"decoder.{name}" for name, _ in model.decoder.named_parameters()}
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == decoder
    model.zero_grad()
    sum(terms.values()).backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {name for name, _ in model.named_parameters()} - decoder

"""Semi-supervised methods: regularisers against loops in numpy, and what they leave as it was."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from builders.methods import METHODS, STEP, batch_of, made
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch, on_tensors
from vaescope.models import (
    DIPVAE,
    AnnealedVAE,
    BetaTCVAE,
    BetaVAE,
    FactorVAE,
    GroupVAE,
    LatentModel,
    SemiSupervised,
    Supervised,
)
from vaescope.models.supervision import Supervision, off_diagonal_covariance

SIZES = (4, 3, 5)
REGULARISERS = ("xent", "l2", "l2_sigmoid", "cov", "embed")
INNER = {
    "beta_vae": partial(BetaVAE, beta=2.0),
    "factor_vae": partial(FactorVAE, width=9, num_layers=2),
    "dip_vae_ii": partial(DIPVAE, kind="ii", lambda_d_factor=1.0),
    "beta_tc_vae": BetaTCVAE,
}


def supervision(regulariser):
    """With weights that are not those of the start."""
    torch.manual_seed(1)
    made = Supervision(regulariser, SIZES if regulariser == "embed" else None).double()
    for weights in made.parameters():
        weights.data += 0.3 * torch.rand_like(weights)
    return made


def codes_and_labels(unknown=0.0, size=6, latents=4, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, SIZES, (size, len(SIZES)))
    labels = values / np.array(SIZES)
    labels[rng.random(labels.shape) < unknown] = np.nan
    return torch.from_numpy(rng.normal(size=(size, latents))), torch.from_numpy(labels)


def by_hand(regulariser, weights, mean, labels):
    """R_sup image by image and factor by factor."""
    mean, labels = mean.numpy(), labels.numpy()
    weights = {name: value.detach().numpy() for name, value in weights.items()}
    total = 0.0
    for mu, y in zip(mean, labels, strict=True):
        for k in range(len(y)):
            if math.isnan(y[k]):
                continue
            p = 1 / (1 + math.exp(-mu[k]))
            if regulariser == "xent":
                total -= y[k] * math.log(p) + (1 - y[k]) * math.log(1 - p)
            elif regulariser == "l2":
                total += (weights["scale"] * mu[k] - y[k]) ** 2
            elif regulariser == "l2_sigmoid":
                total += (p - y[k]) ** 2
            else:
                e, sigma = weights[f"embeddings.{k}"], weights["sigma"][k]
                shares = [math.exp(-(((mu[k] - e_v) * sigma) ** 2)) for e_v in e]
                total -= math.log(shares[round(y[k] * SIZES[k])] / sum(shares))
    return total / len(mean)


def covariance_by_hand(mean, labels):
    total = 0.0
    for d, latent in enumerate(mean.numpy().T):
        for k, label in enumerate(labels.numpy().T):
            known = ~np.isnan(label)
            if d != k and known.any():
                total += np.cov(latent[known], label[known], bias=True)[0, 1] ** 2
    return total


# the regularisers


@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_regularisers_are_their_formulas(regulariser, unknown):
    mean, labels = codes_and_labels(unknown)
    one = supervision(regulariser)
    if regulariser == "cov":
        expected = covariance_by_hand(mean, labels)
    else:
        expected = by_hand(regulariser, dict(one.named_parameters()), mean, labels)
    assert one(mean, labels).shape == ()
    assert one(mean, labels).item() == pytest.approx(expected, rel=1e-10)
    in_single = one(mean, labels.float())  # as the view gives them
    assert in_single.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("regulariser", ["xent", "l2", "l2_sigmoid", "embed"])
def test_a_batch_costs_the_mean_of_its_images_alone(regulariser):
    """A label meets the code of its own image only; [B, 1, K] - [B, K] would meet all."""
    mean, labels = codes_and_labels(unknown=0.2)
    one = supervision(regulariser)
    alone = [one(mean[i : i + 1], labels[i : i + 1]) for i in range(len(mean))]
    torch.testing.assert_close(one(mean, labels), torch.stack(alone).mean())
    assert not torch.allclose(one(mean, labels), one(mean, labels.roll(1, 0)))


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_unknown_labels_pull_nothing_and_latents_beyond_the_factors_are_free(regulariser):
    mean, labels = codes_and_labels()
    labels[1, 0] = labels[4, 2] = math.nan
    slope = grad(supervision(regulariser))(mean, labels)
    assert slope.isfinite().all()
    if regulariser != "cov":
        assert not slope[labels.isnan().nonzero(as_tuple=True)].any()
        assert not slope[:, 3].any()
        assert (slope[:, :3] != 0).sum() == 3 * 6 - 2
    nothing = torch.full_like(labels, math.nan)
    assert supervision(regulariser)(mean, nothing) == 0
    assert not grad(supervision(regulariser))(mean, nothing).any()


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_unknown_factors_are_as_if_there_were_none(regulariser):
    """Of ``cov`` the latents of unknown factors still have covariances with the known ones."""
    mean, labels = codes_and_labels()
    known = labels.clone()
    known[:, 1:] = math.nan
    one = supervision(regulariser)
    if regulariser == "embed":
        one.factor_sizes, one.embeddings = one.factor_sizes[:1], one.embeddings[:1]
        alone = one(mean, labels[:, :1])
        expected = supervision(regulariser)(mean, known)
    else:
        alone, expected = one(mean, labels[:, :1]), one(mean, known)
    torch.testing.assert_close(alone, expected)


def test_least_values_are_where_they_should_be():
    y = torch.tensor([[0.25], [0.5], [0.75], [0.0]]).double()
    logit = torch.logit(y.clamp(1e-12))
    entropy = -(torch.special.xlogy(y, y) + torch.special.xlogy(1 - y, 1 - y)).mean()
    torch.testing.assert_close(Supervision("xent", None)(logit, y), entropy)
    assert Supervision("l2_sigmoid", None)(logit, y).item() == pytest.approx(0, abs=1e-20)
    scaled = Supervision("l2", None).double()
    scaled.scale.data.fill_(0.5)
    assert scaled(2 * y, y) == 0
    assert grad(Supervision("xent", None))(logit, y).abs().max() < 1e-10
    one = Supervision("embed", (4,)).double()
    one.sigma.data.fill_(50.0)
    one.embeddings[0].data = torch.tensor([3.0, -1.0, 0.0, 8.0]).double()  # any order will do
    at_own = one.embeddings[0][(y[:, 0] * 4).long(), None]
    assert one(at_own, y) < 1e-12
    assert one(at_own.roll(1, 0), y) > 1000


def test_codes_that_are_the_labels_have_only_the_factors_own_covariance():
    """Off the diagonal stay the covariances of the factors among themselves."""
    labels = torch.cartesian_prod(*(torch.arange(n).double() / n for n in SIZES))
    everything = torch.ones_like(labels, dtype=torch.bool)
    assert off_diagonal_covariance(5 * labels - 1, labels, everything).item() < 1e-25
    swapped = off_diagonal_covariance(labels[:, [1, 0, 2]], labels, everything)
    variances = labels.var(0, correction=0)
    torch.testing.assert_close(swapped, variances[:2].square().sum())


def test_every_value_of_any_factor_finds_its_own_embedding_in_single_precision():
    for size in (1, 2, 3, 7, 40, 1000):
        one = Supervision("embed", (size,))
        one.embeddings[0].data = torch.arange(size).float()
        one.sigma.data.fill_(10.0)
        values = torch.arange(size)
        labels = (values.double() / size).float()[:, None]
        assert one(values[:, None].float(), labels) < 1e-6
    coarse = Supervision("embed", (2,))  # fewer embeddings than values are bins
    coarse.embeddings[0].data, coarse.sigma.data = torch.tensor([0.0, 1.0]), torch.full((1,), 10.0)
    labels = torch.tensor([0.0, 0.4, 0.6, 1.0])[:, None]
    assert coarse(torch.tensor([0.0, 0.0, 1.0, 1.0])[:, None], labels) < 1e-6


# the methods


def semi(inner="beta_vae", posterior=DiagonalGaussian, **symbols):
    return made(SemiSupervised, posterior, unsupervised=INNER[inner], **symbols)


def batch_with(labels=2, size=4, seed=0):
    batch = batch_of(size=size, seed=seed)
    return with_labels(batch, batch.factors[:, :labels].double() / 3)


def with_labels(batch, labels):
    return batch._replace(known=batch.known._replace(factor_labels=labels))


def test_the_sum_is_the_inner_loss_and_the_weighted_regulariser():
    model, batch = semi(gamma_sup=7.0), batch_with()
    noise = model.noise_for(4, STEP)
    terms = model.terms(batch, STEP, noise)
    inner = made(BetaVAE, DiagonalGaussian, beta=2.0).terms(batch, STEP, noise)
    assert terms.keys() == inner.keys() | {"supervised"}
    assert all(torch.equal(terms[name], value) for name, value in inner.items())
    mean = model.encode(batch.partners[0].image).mean
    expected = by_hand("xent", {}, mean.detach(), batch.known.factor_labels)
    assert terms["supervised"].item() == pytest.approx(expected, rel=1e-10)
    alone = inner["reconstruction"].item() + 2 * inner["kl"].item()
    assert model.loss(terms, STEP).item() == pytest.approx(alone + 7 * expected)
    other = batch._replace(partners=batch.partners[1:])
    changed = model.terms(other, STEP, noise)
    assert [n for n in terms if not torch.equal(terms[n], changed[n])] == ["supervised"]


@pytest.mark.parametrize("posterior", [DiagonalGaussian, FullGaussian])
@pytest.mark.parametrize("inner", INNER)
def test_without_weight_it_is_the_unsupervised_method_bit_for_bit(inner, posterior):
    alone = made(INNER[inner], posterior)
    model = semi(inner, posterior, gamma_sup=0.0)
    optimizers = [one.configure_optimizers() for one in (alone, model)]
    for step in range(3):
        batch = batch_with(seed=step, size=5)
        for one, optimizer in zip((alone, model), optimizers, strict=True):
            optimizer.zero_grad()
            one.loss(one.terms(batch, step, one.noise_for(5, step)), step).backward()
            optimizer.step()
    assert [g["lr"] for g in optimizers[0].param_groups] == [
        g["lr"] for g in optimizers[1].param_groups
    ]
    inside = dict(model.unsupervised.named_parameters())
    assert inside.keys() == dict(alone.named_parameters()).keys()
    for name, weights in alone.named_parameters():
        assert torch.equal(inside[name], weights), name


@pytest.mark.parametrize("regulariser", REGULARISERS)
@pytest.mark.parametrize("inner", INNER)
def test_weights_exist_once_and_all_are_trained(inner, regulariser):
    sizes = (3, 3) if regulariser == "embed" else None
    model = semi(inner, regulariser=regulariser, factor_sizes=sizes)
    saved = model.state_dict()
    assert saved.keys() == dict(model.named_parameters()).keys()
    assert len({value.data_ptr() for value in saved.values()}) == len(saved)
    assert all(name.split(".")[0] in ("unsupervised", "supervision") for name in saved)
    model.loss(model.terms(batch_with(), STEP, model.noise_for(4, STEP)), STEP).backward()
    for name, weights in model.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.isfinite().all(), name
        assert weights.grad.any(), name
    groups = [p for g in model.configure_optimizers().param_groups for p in g["params"]]
    assert len(groups) == len(saved)
    assert {id(p) for p in groups} == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_stacked_members_give_what_each_gives_alone(regulariser):
    sizes = (3, 3) if regulariser == "embed" else None
    symbols = {"regulariser": regulariser, "factor_sizes": sizes}
    members = [semi("factor_vae", seed=seed, **symbols) for seed in range(3)]
    batches = [batch_with(seed=seed) for seed in range(3)]
    batches[1].known.factor_labels[:, 1] = math.nan
    noises = [member.noise_for(4, STEP) for member in members]
    weights, _ = stack_module_state(members)

    def loss(weights, batch, noise):
        terms = functional_call(members[0], weights, (batch, STEP, noise))
        return members[0].loss(terms, STEP)

    batch = on_tensors(lambda *each: torch.stack(each), *batches)
    noise = {name: torch.stack([each[name] for each in noises]) for name in noises[0]}
    slopes = vmap(grad(loss), (0, on_tensors(lambda _: 0, batch), 0))(weights, batch, noise)
    for i, (member, batch, noise) in enumerate(zip(members, batches, noises, strict=True)):
        member.loss(member.terms(batch, STEP, noise), STEP).backward()
        for name, value in member.named_parameters():
            torch.testing.assert_close(slopes[name][i], value.grad, rtol=1e-9, atol=1e-12)


def test_it_is_the_inner_method_in_all_that_others_ask_of_it():
    """What a ``LatentModel`` keeps is there, and what any method changes is handed on."""
    model = semi()
    for name in (*vars(made(BetaVAE, DiagonalGaussian)), "encoder", "decoder"):
        if name not in ("beta", "initial_beta"):
            assert hasattr(model, name), name
    own = {name for method in METHODS for name in vars(method) if name in vars(LatentModel)}
    plain = {"posteriors", "only_these", "any_prior", "normals"}
    handed_on = {name for name in own if not name.startswith("_")} - plain
    assert {"terms", "weights", "targets", "draw_noise", "beta_at", "schedule_end"} <= handed_on
    assert handed_on <= vars(SemiSupervised).keys() | vars(model).keys()
    assert model.encoder is model.unsupervised.encoder
    model.num_images = 17
    assert model.unsupervised.data_size == model.data_size == 17
    assert semi("factor_vae").noise_for(4, 0).keys() == {"z", "permutation"}
    slow = partial(BetaVAE, initial_beta=9.0, anneal_steps=30)
    waiting = {"anneal": "linear", "anneal_steps": 50}
    model = made(SemiSupervised, DiagonalGaussian, unsupervised=slow, **waiting)
    assert (model.beta_at(0), model.schedule_end) == (9.0, 50)
    capacity = made(SemiSupervised, DiagonalGaussian, unsupervised=AnnealedVAE, anneal="linear")
    assert capacity.targets(25) == {"kl": 6.25}
    assert capacity.schedule_end == 100  # a third of the run
    capacity.schedule_steps = 30
    assert (capacity.schedule_end, capacity.weights(5)["supervised"]) == (10, 128)
    assert capacity.targets(5) == {"kl": 12.5}


@pytest.mark.parametrize(
    ("anneal", "expected"),
    [
        ("fixed", {0: 8, 5: 8, 10: 8, 99: 8}),
        ("linear", {0: 0, 5: 4, 9: 7.2, 10: 8, 99: 8}),
        ("fine_tune", {0: 0, 5: 0, 9: 0, 10: 8, 99: 8}),
    ],
)
def test_schedule_of_the_weight(anneal, expected):
    model, batch = semi(gamma_sup=8.0, anneal=anneal, anneal_steps=10), batch_with()
    full = semi(gamma_sup=8.0).terms(batch, 0, model.noise_for(4, 0))["supervised"]
    for step, gamma in expected.items():
        assert model.weights(step)["supervised"] == pytest.approx(gamma)
        assert float(model.weights(torch.tensor(step))["supervised"]) == pytest.approx(gamma)
        terms = model.terms(batch, step, model.noise_for(4, 0))
        assert torch.equal(terms["supervised"], full)
        rest = {name: term for name, term in terms.items() if name != "supervised"}
        added = model.loss(terms, step) - model.unsupervised.loss(rest, step)
        torch.testing.assert_close(added, full * gamma)


def test_supervised_encoder_and_decoder_learn_apart():
    model, batch = made(Supervised, Point), batch_with()
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    encoder, decoder = list(model.encoder.parameters()), list(model.decoder.parameters())
    slopes = torch.autograd.grad(
        terms["reconstruction"], [*encoder, *decoder], retain_graph=True, allow_unused=True
    )
    assert all(slope is None for slope in slopes[: len(encoder)])
    assert all(slope.any() for slope in slopes[len(encoder) :])
    slopes = torch.autograd.grad(terms["supervised"], [*encoder, *decoder], allow_unused=True)
    assert all(slope.any() for slope in slopes[: len(encoder)])
    assert all(slope is None for slope in slopes[len(encoder) :])
    mean = model.encode(batch.partners[0].image).mean.detach()
    expected = by_hand("xent", {}, mean, batch.known.factor_labels)
    assert terms["supervised"].item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("method", [semi, partial(made, Supervised, Point)])
def test_batches_that_do_not_fit_are_refused_in_one_sentence(method):
    model = method()
    noise = model.noise_for(4, 0)
    batch = batch_with()
    with pytest.raises(ConfigError, match="labelled images; choose view=labelled"):
        model.terms(Batch(batch.image, batch.factors), 0, noise)
    many = with_labels(batch, torch.zeros(4, 5))
    with pytest.raises(ConfigError, match=r"latent_dim=3: the 5 .* choose latent_dim=5 or more"):
        model.terms(many, 0, noise)
    model = method(regulariser="embed", factor_sizes=[3, 3, 3])
    with pytest.raises(ConfigError, match=r"factor_sizes=\[3, 3, 3\]: the data set has 2 factors"):
        model.terms(batch, 0, noise)


def test_an_inner_method_of_pairs_does_not_take_labelled_images_for_partners():
    model = made(SemiSupervised, DiagonalGaussian, unsupervised=GroupVAE)
    with pytest.raises(IndexError):
        model.terms(batch_with(), 0, model.noise_for(4, 0))


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"gamma_sup": -1.0}, "gamma_sup=-1.0: give a number from 0"),
        ({"gamma_sup": math.nan}, "gamma_sup=nan"),
        ({"anneal": "cosine"}, "anneal='cosine': give one of 'fixed'"),
        (
            {"anneal": "linear", "anneal_steps": 0},
            "anneal='linear', anneal_steps=0: .* at least 1 step",
        ),
        ({"anneal_steps": -1}, "anneal_steps=-1"),
        ({"regulariser": "l1"}, "regulariser='l1': give one of 'xent', 'l2', 'l2_sigmoid'"),
        ({"regulariser": "embed"}, "factor_sizes=None, regulariser=embed: give embed"),
        ({"regulariser": "embed", "factor_sizes": [3, 0]}, r"factor_sizes=\[3, 0\]"),
        ({"factor_sizes": [3, 3]}, r"factor_sizes=\[3, 3\], regulariser=xent"),
        ({"unsupervised": partial(BetaVAE, beta=-1.0)}, "beta=-1.0"),
    ],
)
def test_options_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(SemiSupervised, DiagonalGaussian, **symbols)

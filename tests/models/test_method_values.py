"""Terms of the methods against closed forms, quadrature and independent formulas."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal, kl_divergence
from torch.func import jacrev, vmap

from builders.methods import STEP, batch_of, made, summands
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point, divergence
from vaescope.minibatch import Batch, Known
from vaescope.models import (
    DIPVAE,
    IVAE,
    JL1VAE,
    PCL,
    AnnealedVAE,
    Autoencoder,
    BetaTCVAE,
    BetaVAE,
    FactorVAE,
    GroupVAE,
    InfoVAE,
    OrthogonalAutoencoder,
    RegularisedAutoencoder,
    SigmaVAE,
    SlowVAE,
)
from vaescope.models.group_vae import average_shared, nearer_half, unchanged_latents
from vaescope.models.info_vae import maximum_mean_discrepancy
from vaescope.models.slow_vae import laplace_cross_entropy


def terms_of(model, step=STEP, size=4):
    """Weight times term, as the papers write the sum."""
    return summands(model, batch_of(size=size), step, model.noise_for(size, step))


def numbers(**terms):
    return {name: pytest.approx(value, rel=1e-9) for name, value in terms.items()}


def random_q(seed, size=5, latents=3):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(2, size, latents, generator=generator).double()
    return DiagonalGaussian(draw[0], 0.7 * draw[1])


# annealed


@pytest.mark.parametrize(("step", "capacity"), [(0, 0.0), (5, 12.5), (10, 25.0), (99, 25.0)])
def test_capacity_rises_linearly_and_holds_the_kl(step, capacity):
    model = made(AnnealedVAE, DiagonalGaussian, anneal_steps=10, gamma=3.0)
    kl = model.encode(batch_of().image).kl().sum(1).mean().item()
    assert terms_of(model, step)["capacity_gap"].item() == pytest.approx(3 * abs(kl - capacity))
    terms = model.terms(batch_of(), step, model.noise_for(4, step))
    assert terms["kl"].item() == pytest.approx(kl)  # told beside it, with no part in the loss
    expected = terms["reconstruction"].item() + 3 * abs(kl - capacity)
    assert model.loss(terms, step).item() == pytest.approx(expected)
    assert model.settings(step) == {
        "weight_kl": 0,
        "weight_capacity_gap": 3,
        "target_kl": pytest.approx(capacity),
    }


# total correlation


def test_with_weights_of_one_the_parts_are_a_kl_of_the_sample():
    """log q(z|x) - log p(z) however q(z) was estimated."""
    for estimator in ("mss", "mws", "mss_legacy"):
        model = made(BetaTCVAE, DiagonalGaussian, beta=1.0, estimator=estimator)
        terms = terms_of(model)
        q = model.encode(batch_of().image)
        z = q.rsample(model.noise_for(4, STEP)["z"])
        sampled = Normal(q.mean, q.variance.sqrt()).log_prob(z) - Normal(0, 1).log_prob(z)
        parts = sum(value for name, value in terms.items() if name != "reconstruction")
        assert parts.item() == pytest.approx(sampled.sum(1).mean().item())


def test_the_batch_estimator_is_that_of_disentanglement_lib():
    """KL + (beta - 1) TC, TC up to its constant (D - 1) log B."""
    model = made(BetaTCVAE, DiagonalGaussian, beta=4.0, estimator="batch")
    terms = terms_of(model)
    q = model.encode(batch_of().image)
    z = q.rsample(model.noise_for(4, STEP)["z"])
    log_q = np.array(
        [
            [
                [
                    stats.norm.logpdf(
                        z[m, j].item(), q.mean[n, j].item(), q.variance[n, j].sqrt().item()
                    )
                    for j in range(3)
                ]
                for n in range(4)
            ]
            for m in range(4)
        ]
    )
    joint = np.log(np.exp(log_q.sum(2)).sum(1))
    product = np.log(np.exp(log_q).sum(1)).sum(1)
    expected = 3 * ((joint - product).mean() + 2 * math.log(4))
    assert terms["aggregate_total_correlation"].item() == pytest.approx(expected)
    assert terms["kl"].item() == pytest.approx(q.kl().sum(1).mean().item())


# FactorVAE


def test_the_adversary_does_not_reach_the_encoder_nor_the_vae_the_adversary():
    model = made(FactorVAE, DiagonalGaussian, width=8, num_layers=2)
    terms = terms_of(model)
    terms["discriminator"].backward(retain_graph=True)
    assert all(p.grad is None for p in (*model.encoder.parameters(), *model.decoder.parameters()))
    assert all(p.grad.any() for p in model.discriminator.parameters())
    model.zero_grad()
    (terms["reconstruction"] + terms["kl"] + terms["aggregate_total_correlation"]).backward()
    assert all(p.grad is None for p in model.discriminator.parameters())
    assert all(p.grad.any() for p in model.encoder.parameters())


def test_factor_vae_is_the_loop_of_two_optimisers():
    together = made(FactorVAE, DiagonalGaussian, width=8, num_layers=2, gamma=5.0)
    apart = made(FactorVAE, DiagonalGaussian, width=8, num_layers=2, gamma=5.0)
    one = together.configure_optimizers()
    networks = [*apart.encoder.parameters(), *apart.decoder.parameters()]
    vae = torch.optim.Adam(networks, lr=1e-3)
    adversary = torch.optim.Adam(apart.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.9))
    for step in range(30):
        batch, noise = batch_of(seed=step, size=8), together.noise_for(8, step)
        one.zero_grad()
        together.loss(together.terms(batch, step, noise), step).backward()
        one.step()

        q = apart.encode(batch.image)
        z = q.rsample(noise["z"])
        log_odds = apart.discriminator(z)
        loss = apart.nll(z, batch.image) + q.kl().sum(1).mean()
        loss = loss + 5 * (log_odds[:, 0] - log_odds[:, 1]).mean()
        columns = [z[noise["permutation"][:, j].long(), j] for j in range(3)]
        permuted = torch.stack(columns, 1).detach()
        true = apart.discriminator(z.detach()).softmax(1)[:, 0]
        false = apart.discriminator(permuted).softmax(1)[:, 1]
        judged = -0.5 * (true.log().mean() + false.log().mean())
        vae_grads = torch.autograd.grad(loss, networks, retain_graph=True)
        own = list(apart.discriminator.parameters())
        own_grads = torch.autograd.grad(judged, own)
        for weights, gradient in zip([*networks, *own], [*vae_grads, *own_grads], strict=True):
            weights.grad = gradient
        vae.step()
        adversary.step()
    for name, weights in together.named_parameters():
        torch.testing.assert_close(weights, apart.get_parameter(name), rtol=1e-8, atol=1e-10)


def test_permutations_are_of_the_batch_and_differ_between_latents():
    order = made(FactorVAE, DiagonalGaussian).noise_for(64, 0)["permutation"]
    assert order.shape == (64, 3)
    assert torch.equal(order.sort(0).values, torch.arange(64.0)[:, None].expand(64, 3).to(order))
    assert not torch.equal(order[:, 0], order[:, 1])


# DIP


@pytest.mark.parametrize("posterior", [DiagonalGaussian, FullGaussian])
@pytest.mark.parametrize("kind", ["i", "ii"])
def test_covariance_terms_against_numpy(kind, posterior):
    model = made(DIPVAE, posterior, kind=kind, lambda_od=2.0, lambda_d_factor=3.0)
    terms = terms_of(model)
    q = model.encode(batch_of().image)
    expected = np.cov(q.mean.detach().numpy(), rowvar=False, bias=True)
    if kind == "ii":
        for row in range(4):
            if posterior is FullGaussian:
                root = q.cholesky[row].detach().numpy()
                expected = expected + root @ root.T / 4
            else:
                expected = expected + np.diag(q.variance[row].detach().numpy()) / 4
    diagonal = np.diag(expected)
    off = (expected**2).sum() - (diagonal**2).sum()
    assert terms["off_diagonal"].item() == pytest.approx(2 * off)
    assert terms["diagonal"].item() == pytest.approx(6 * ((diagonal - 1) ** 2).sum())


# InfoVAE


def test_discrepancy_against_loops_and_of_equal_samples():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), 1 + rng.normal(size=(6, 3))

    def kernel(a, b):
        return np.mean([[math.exp(-((p - q) ** 2).sum() / 9) for q in b] for p in a])

    expected = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    found = maximum_mean_discrepancy(torch.tensor(x), torch.tensor(y))
    assert found.item() == pytest.approx(expected)
    assert maximum_mean_discrepancy(torch.tensor(x), torch.tensor(x)).item() == pytest.approx(0)


def test_info_vae_with_alpha_0_and_lambda_1_is_a_vae():
    model = made(InfoVAE, DiagonalGaussian, alpha=0.0, lambda_=1.0)
    same = made(BetaVAE, DiagonalGaussian, beta=1.0)
    terms = terms_of(model)
    assert terms.pop("mmd").item() == 0
    expected = terms_of(same)
    assert {n: v.item() for n, v in terms.items()} == numbers(
        **{n: v.item() for n, v in expected.items()}
    )


# Jacobians


def decoder_jacobian(model, z, of=None):
    of = of or model.decode
    return vmap(jacrev(lambda code: of(code[None])[0].flatten()))(z)  # [B, X, D]


@pytest.mark.parametrize("likelihood", [Gaussian, Bernoulli])
def test_l1_of_the_jacobian_of_the_image_against_reverse_mode(likelihood):
    model = made(JL1VAE, DiagonalGaussian, likelihood, gamma=0.5, anneal_steps=10)
    q = model.encode(batch_of().image)
    z = q.rsample(model.noise_for(4, STEP)["z"])
    jacobian = decoder_jacobian(model, z)
    if likelihood is Bernoulli:  # of sigmoid(logits)
        image = torch.sigmoid(model.decoder(z).flatten(1))
        jacobian = jacobian * (image * (1 - image)).unsqueeze(2)
    expected = 0.5 * STEP / 10 * jacobian.abs().sum((1, 2)).mean()
    terms = terms_of(model)
    torch.testing.assert_close(terms["jacobian_l1"], expected)
    terms["jacobian_l1"].backward()
    assert all(p.grad is None for p in model.encoder.parameters())


@pytest.mark.parametrize("family", ["diagonal", "full"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_determinant_of_the_surrogate_against_reverse_mode(family, likelihood):
    kind = {"likelihood": Bernoulli} if likelihood == "bernoulli" else {}
    model = made(RegularisedAutoencoder, Point, beta=2.0, family=family, **kind)
    h = model.encode(batch_of().image).mean
    jacobian = decoder_jacobian(model, h)
    curvature = model.likelihood.curvature(model.decode(h)).flatten(1)
    precision = (
        torch.eye(3).double() + torch.einsum("bxi,bx,bxj->bij", jacobian, curvature, jacobian) / 2
    )
    if family == "diagonal":
        precision = torch.diag_embed(precision.diagonal(dim1=1, dim2=2))
    terms = terms_of(model)
    torch.testing.assert_close(terms["log_determinant"], torch.logdet(precision).mean())
    torch.testing.assert_close(terms["code"], h.square().sum(1).mean())


def test_cosines_against_reverse_mode_and_zero_for_orthogonal_columns():
    model = made(OrthogonalAutoencoder, Point, weight=2.0, likelihood=Bernoulli)
    z = model.encode(batch_of().image).mean
    columns = decoder_jacobian(model, z, model.decode_mean)
    unit = columns / columns.norm(dim=1, keepdim=True)
    cosines = torch.einsum("bxi,bxj->bij", unit, unit)
    expected = 2 * (cosines.square().sum((1, 2)) - 3).mean()
    torch.testing.assert_close(terms_of(model)["cosines"], expected)

    straight = made(OrthogonalAutoencoder, Point, network="linear")
    with torch.no_grad():
        orthogonal = torch.linalg.qr(torch.randn(5, 3).double())[0]
        next(straight.decoder[0].parameters()).copy_(orthogonal * torch.tensor([1.0, 5.0, 0.0]))
    batch = batch_of("linear")
    terms = straight.terms(batch, 0, straight.noise_for(4, 0))
    assert terms["cosines"].item() == pytest.approx(0, abs=1e-12)


# sigma-VAE


@pytest.mark.parametrize("variance", [0.3, "optimal", "learned"])
def test_gaussian_likelihood_with_its_own_variance(variance):
    model = made(SigmaVAE, DiagonalGaussian, variance=variance)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    z = model.encode(batch.image).rsample(noise["z"])
    decoded = model.decode_mean(z)
    known = {0.3: 0.3, "learned": 1.0, "optimal": (batch.image - decoded).square().mean()}
    deviation = torch.as_tensor(known[variance]).double().sqrt()
    if variance != 0.3:  # the soft floor at log sigma = -6
        deviation = (-6 + torch.nn.functional.softplus(deviation.log() + 6)).exp()
    expected = -Normal(decoded, deviation).log_prob(batch.image).flatten(1).sum(1).mean()
    torch.testing.assert_close(model.terms(batch, STEP, noise)["reconstruction"], expected)


# pairs


def test_divergence_of_two_posteriors_is_torchs():
    a, b = random_q(0), random_q(1)
    expected = kl_divergence(Normal(a.mean, a.variance.sqrt()), Normal(b.mean, b.variance.sqrt()))
    torch.testing.assert_close(divergence(a, b), expected)


def test_latents_nearer_than_the_middle_are_shared():
    distance = torch.tensor([[0.0, 1.0, 4.9, 5.1, 10.0], [3.0, 3.0, 3.0, 3.0, 3.0]])
    assert nearer_half(distance).tolist() == [[True, True, True, False, False], [False] * 5]


def test_averages_of_two_posteriors():
    a, b = random_q(0), random_q(1)
    every = torch.ones(5, 3, dtype=torch.bool)
    q, q2 = average_shared(a, b, every, "gvae")
    assert torch.equal(q.mean, q2.mean)
    torch.testing.assert_close(q.mean, (a.mean + b.mean) / 2)
    torch.testing.assert_close(q2.variance, (a.variance + b.variance) / 2)
    q, q2 = average_shared(a, b, every, "ml_vae")
    precision = 1 / a.variance + 1 / b.variance
    torch.testing.assert_close(q.variance, 2 / precision)
    torch.testing.assert_close(q.mean, (a.mean / a.variance + b.mean / b.variance) / precision)
    q, q2 = average_shared(a, b, ~every, "gvae")
    assert torch.equal(q.mean, a.mean)
    assert torch.equal(q2.log_variance, b.log_variance)


def test_labels_share_the_latents_of_unchanged_factors():
    changed = torch.tensor([[True, False], [False, False]])
    expected = [[False, True, True, True], [True, True, True, True]]
    assert unchanged_latents(changed, 4).tolist() == expected
    assert unchanged_latents(changed, 1).tolist() == [[False], [True]]


def test_a_pair_of_equal_images_that_share_all_is_a_vae():
    model = made(GroupVAE, DiagonalGaussian, shared="labels", beta=2.0)
    same = made(BetaVAE, DiagonalGaussian, beta=2.0)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    unchanged = Known(changed=torch.zeros(4, 3, dtype=torch.bool))
    batch = batch._replace(partners=(Batch(batch.image, batch.factors),), known=unchanged)
    noise["z_2"] = noise["z"]
    found, expected = (summands(one, batch, STEP, noise) for one in (model, same))
    assert {n: v.item() for n, v in found.items()} == numbers(
        **{n: v.item() for n, v in expected.items()}
    )


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.7, 0.2), (-2.0, 3.0)])
def test_laplace_cross_entropy_against_quadrature(mean, deviation):
    rate = 6.0
    expected = integrate.quad(
        lambda s: -stats.laplace.logpdf(s, scale=1 / rate) * stats.norm.pdf(s, mean, deviation),
        *(mean - 12 * deviation, mean + 12 * deviation),
        points=[0.0],
        limit=500,
    )[0]
    found = laplace_cross_entropy(torch.tensor(mean), torch.tensor(deviation), rate)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_slow_vae_is_the_sum_of_its_parts():
    model = made(SlowVAE, DiagonalGaussian, beta=2.0, gamma=3.0, rate=4.0)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    terms = summands(model, batch, STEP, noise)
    q, q2 = model.encode(batch.image), model.encode(batch.partners[0].image)
    rec = model.nll(q.rsample(noise["z"]), batch.image)
    rec = rec + model.nll(q2.rsample(noise["z_2"]), batch.partners[0].image)
    torch.testing.assert_close(terms["reconstruction"], rec)
    torch.testing.assert_close(terms["kl"], (q.kl() + q2.kl()).sum(1).mean())
    there = laplace_cross_entropy(q.mean - q2.mean, q.variance.sqrt(), 4.0)
    back = laplace_cross_entropy(q2.mean - q.mean, q2.variance.sqrt(), 4.0)
    normal = Normal(q.mean, q.variance.sqrt()).entropy()
    torch.testing.assert_close(q.entropy(), normal)
    expected = there + back - 0.5 * (normal + Normal(q2.mean, q2.variance.sqrt()).entropy())
    torch.testing.assert_close(terms["transition"], 3 * expected.sum(1).mean())


def kl_to_laplace(mean, deviation, centre, rate):
    """By quadrature."""

    def density_times_ratio(s):
        log_q = stats.norm.logpdf(s, mean, deviation)
        return math.exp(log_q) * (log_q - stats.laplace.logpdf(s, centre, 1 / rate))

    ends = (mean - 12 * deviation, mean + 12 * deviation)
    places = [centre] if ends[0] < centre < ends[1] else None
    return integrate.quad(density_times_ratio, *ends, points=places, limit=500)[0]


@pytest.mark.parametrize("transition", ["published", "kl"])
def test_transition_of_slow_vae_against_quadrature(transition):
    """``kl`` is the two-way KL; the published code lacks half of the entropies of it."""
    model = made(SlowVAE, DiagonalGaussian, gamma=3.0, rate=4.0, transition=transition)
    batch = batch_of()
    found = model.terms(batch, STEP, model.noise_for(4, STEP))["transition"].item()
    posteriors = [model.encode(images.image) for images in (batch, batch.partners[0])]
    means, deviations = ([getattr(q, n).detach() for q in posteriors] for n in ("mean", "variance"))
    deviations = [variance.sqrt() for variance in deviations]
    two_way, entropies = 0.0, 0.0
    for row in range(4):
        for latent in range(3):
            for here, there in ((0, 1), (1, 0)):
                m, s = (x[here][row, latent].item() for x in (means, deviations))
                two_way += kl_to_laplace(m, s, means[there][row, latent].item(), 4.0) / 4
                entropies += stats.norm(m, s).entropy() / 4
    expected = two_way if transition == "kl" else two_way + entropies / 2
    assert found == pytest.approx(expected, rel=1e-6)
    assert found >= 0 or transition == "published"


def test_an_unknown_transition_is_refused():
    with pytest.raises(ValueError, match="transition='both': give one of 'published', 'kl'"):
        made(SlowVAE, DiagonalGaussian, transition="both")


def test_pcl_logit_and_cross_entropy():
    model = made(PCL, Point)
    with torch.no_grad():
        for weights in (model.w1, model.w2, model.b, model.a, model.m):
            weights.normal_(generator=torch.Generator().manual_seed(0))
    batch, noise = batch_of(), model.noise_for(4, STEP)
    h, h2 = model.encode(batch.image).mean, model.encode(batch.partners[0].image).mean

    def logit(row, before):
        change = sum(
            abs(model.w1[i] * h2[row, i] + model.w2[i] * before[i] + model.b[i]) for i in range(3)
        )
        scale = math.log1p(math.exp(model.a.item()))
        return -change + scale * (h2[row] ** 2).sum() + model.m

    order = noise["permutation"].long()
    losses = [-torch.sigmoid(logit(r, h[r])).log() for r in range(4)]
    losses += [-torch.sigmoid(-logit(r, h[order[r]])).log() for r in range(4)]
    terms = model.terms(batch, STEP, noise)
    torch.testing.assert_close(terms["contrast"], torch.stack(losses).mean())
    terms["reconstruction"].backward()
    assert all(p.grad is None for p in model.encoder.parameters())


def test_ivae_with_a_prior_that_says_nothing_is_a_vae_and_with_a_sharp_one_the_prior():
    model = made(IVAE, DiagonalGaussian, num_labels=3)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    with torch.no_grad():
        model.label_prior.weight.zero_()
    q = model.encode(batch.image)
    variance = 1 / (1 + 1 / q.variance)
    mean = variance * q.mean / q.variance
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(model.terms(batch, STEP, noise)["kl"], expected)
    with torch.no_grad():
        model.label_prior.weight[:, 3:] = -40.0
    assert model.terms(batch, STEP, noise)["kl"].item() == pytest.approx(0, abs=1e-6)


def test_autoencoder_is_the_orthogonal_one_without_weight():
    terms = terms_of(made(OrthogonalAutoencoder, Point, weight=0.0))
    same = terms_of(made(Autoencoder, Point))
    torch.testing.assert_close(terms["reconstruction"], same["reconstruction"])
    assert terms["cosines"].item() == 0

"""Closed forms and figures 6 and 7 of the CVPR 2019 paper, from the weights of finished runs."""

from typing import Any

import torch
from scipy.stats import spearmanr

from vaescope.alignment import (
    active_by_mean,
    axis_cosines,
    decoder_gram,
    decoder_jacobian,
    linear_vae_optimum,
    norm_spectrum_error,
    order_agreement,
)
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.models import LatentModel
from vaescope.reproduction.paper import Opened


@torch.no_grad()
def closed_forms(run: Opened, num_samples: int = 200) -> dict[str, list[float]]:
    """What theory says of a run's optimum, for each seed.

    Returns:
        ``norm_spectrum_error`` (theory 0) and ``order_agreement`` (theory 1) on active latents; for
        a linear decoder ``axis_cosine`` to the principal axes and ``variance_ratio`` of the
        posterior to its prediction (theory 1). Empty without a diagonal posterior.
    """
    found: dict[str, list[float]] = {}
    if run.models[0].posterior is not DiagonalGaussian:
        return {}
    images = run.batch(5000).image
    for model in run.models:
        posterior = model.encode(images)
        active = active_by_mean(posterior.mean)
        if active.sum() >= 2:
            codes = posterior.mean[:num_samples]
            gram = decoder_gram(model.decode, codes)[:, active][:, :, active]
            norms = gram.diagonal(dim1=1, dim2=2)
            numbers = {
                "norm_spectrum_error": norm_spectrum_error(gram),
                "order_agreement": order_agreement(posterior.variance[:num_samples, active], norms),
            }
            for name, values in numbers.items():
                found.setdefault(name, []).append(float(values.mean()))
        if len(run.data.image_shape) == 1 and _is_linear(model):
            for name, value in _against_pca(model, posterior, run).items():
                found.setdefault(name, []).append(value)
    return found


def _is_linear(model: LatentModel) -> bool:
    layers = [m for m in model.decoder.modules() if not list(m.children())]
    return all(isinstance(layer, torch.nn.Linear | torch.nn.Unflatten) for layer in layers)


def _against_pca(model: LatentModel, posterior: DiagonalGaussian, run: Opened) -> dict[str, float]:
    images = run.data.dataset.batch(run.data.rows["train"]).image.double()
    beta = float(model.beta_at(run.step) or 0)
    optimum = linear_vae_optimum(torch.cov(images.T), beta, model.latent_dim)
    jacobian = decoder_jacobian(model.decode, posterior.mean[:1])[0].double()
    longest = jacobian.norm(dim=0).argsort(descending=True)
    variance = posterior.variance.double().mean(0)[longest]
    return {
        "axis_cosine": float(axis_cosines(jacobian, optimum.axes).min()),
        "variance_ratio": float((variance / optimum.posterior_variance).mean()),
    }


@torch.no_grad()
def embeddings(run: Opened, num_models: int = 4, num_samples: int = 800) -> list[dict[str, Any]]:
    """Codes ``[N, 2]`` of the first two latents and factors ``[N, K]`` of the first seeds."""
    batch = run.batch(num_samples)
    return [
        {
            "seed": model.seed,
            "codes": model.encode(batch.image).mean[:, :2].numpy(),
            "factors": batch.factors.numpy(),
        }
        for model in run.models[:num_models]
    ]


@torch.no_grad()
def change_by_precision(run: Opened, extent: float = 2.5) -> dict[str, list[float]]:
    """Whether precise latents move images far, for each seed.

    Returns:
        ``change_order``, in [-1, 1]: rank correlation, over active latents (mean variance below
        0.8), of 1/sigma with the distance of the images at -extent and +extent from the mean code;
        theory 1. Seeds with less than three active latents are left out.
    """
    images = run.batch(300).image
    found = []
    for model in run.models:
        posterior = model.encode(images)
        active = (posterior.variance.mean(0) < 0.8).nonzero().flatten()
        if len(active) < 3:
            continue
        steps = extent * torch.eye(model.latent_dim)[active].to(posterior.mean)
        centre = posterior.mean.mean(0)
        change = model.decode_mean(centre + steps) - model.decode_mean(centre - steps)
        precision = 1 / posterior.variance.sqrt().mean(0)[active]
        found.append(float(spearmanr(precision, change.flatten(1).norm(dim=1)).statistic))
    return {"change_order": found}


@torch.no_grad()
def sorted_traversals(run: Opened, num_latents: int = 5, extent: float = 2.5) -> dict[str, Any]:
    """Expected images as the most precise latents leave the mean code by ``extent``.

    Returns:
        ``order`` and mean ``sigma`` of the latents, most precise first; ``images [L, 3, ...]`` at
        -extent, 0 and +extent.
    """
    model = run.models[0]
    posterior = model.encode(run.batch(300).image)
    sigma = posterior.variance.sqrt().mean(0)
    order = sigma.argsort()[:num_latents].tolist()
    centre = posterior.mean.mean(0)
    codes = centre.expand(len(order), 3, -1).clone()
    for row, latent in enumerate(order):
        codes[row, :, latent] += torch.tensor([-extent, 0.0, extent])
    images = model.decode_mean(codes.flatten(0, 1)).unflatten(0, (len(order), 3))
    return {"order": order, "sigma": sigma[order].tolist(), "images": images.float().numpy()}

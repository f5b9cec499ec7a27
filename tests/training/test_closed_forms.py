"""A trained linear beta-VAE is probabilistic PCA: axes, variances and pruning as predicted."""

import pytest
import torch

from vaescope.alignment import axis_cosines, linear_vae_optimum
from vaescope.data import SyntheticLinear
from vaescope.experiment.assembly import load_model
from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them


@pytest.fixture
def trained(config, tmp_path):
    """Factory: train with one beta, give model, encoded posterior and the theory's optimum."""

    def make(beta, latent_dim=2):
        words = (
            *("experiment=synthetic_linear", "trainer=float32", "logger=[]"),
            *(f"model.beta={beta}", f"latent_dim={latent_dim}", "data.batch_size=1024"),
            *("optimizer.lr=0.02", "trainer.max_steps=4000", "callbacks=[evaluation,checkpoint]"),
            *("callbacks.evaluation.every_n_steps=4000", "callbacks.checkpoint.every_n_steps=4000"),
            "statistics=[latents,alignment,local_pca]",
        )
        row = train(config(*words, f"output_dir='{tmp_path}'"))[0]
        model, _ = load_model(tmp_path / "checkpoints" / "last.ckpt")
        points = SyntheticLinear()
        images = points.batch(torch.arange(len(points))).image
        with torch.no_grad():
            q = model.encode(images)
        optimum = linear_vae_optimum(torch.cov(images.T.double()), beta, latent_dim)
        return model, q, optimum, row

    return make


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim", [2, 4])
def test_axes_and_variances_of_a_trained_linear_vae(trained, latent_dim):
    model, q, optimum, row = trained(0.04, latent_dim)
    columns = model.decoder[0].weight.detach().double()
    order = columns.norm(dim=0).argsort(descending=True)[:2]
    assert optimum.num_active == 2
    assert axis_cosines(columns[:, order], optimum.axes[:, :2]).min() > 0.99
    expected = 0.02 / optimum.eigenvalues[:2]
    assert q.variance[:, order].mean(0).double() == pytest.approx(expected, rel=0.05)
    assert q.variance[:, order[1:]].std() < 1e-2  # the same for every observation
    assert row["test/variance_relation"] == pytest.approx(1, abs=0.05)
    assert row["test/dto_active"] < 0.1 * row["test/dto_active_chance"]
    assert row["test/local_pca_cosine"] > 0.99
    assert 0.8 < row["test/local_pca_cosine_chance"] < 0.92
    assert row["test/global_pca_correlation"] > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "num_active"), [(0.12, 2), (0.22, 1), (0.8, 0)])
def test_pruning_at_the_predicted_beta(trained, beta, num_active):
    """The eigenvalues 1/3 and 1/12 are pruned from beta = 2/3 and 1/6 on."""
    _, q, optimum, _ = trained(beta)
    assert optimum.num_active == num_active
    explained = q.mean.var(0).double().sort(descending=True).values
    predicted = (1 - optimum.posterior_variance).clamp(min=0).sort(descending=True).values
    assert explained == pytest.approx(predicted, abs=0.03)
    assert ((q.variance.mean(0) < 0.95).sum()) == num_active

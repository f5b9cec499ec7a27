"""Every method of ``conf/model``: it learns, and its loss curve is on file."""

from pathlib import Path

import pytest
import torch

from builders.thinned import thinned
from vaescope.config.loading import config_dir, resolved
from vaescope.experiment.assembly import build_data, build_model

METHODS = sorted(path.stem for path in (Path(config_dir()) / "model").glob("*.yaml"))
GOLDEN = Path(__file__).parents[1] / "golden"


# longer than the tiny run: what is minimised hardly moves meanwhile; the curves were made so.
# sequences: shorter than by default; networks of their own: smaller
LENGTHS = {
    "enc_diff": ("model.channels=8",),
    "principal_flow": ("model.num_components=48", "model.num_layers=2"),
    "annealed_vae": ("model.anneal_steps=100000",),
    "beta_vae_annealed": ("model.anneal_steps=4000",),
    "control_vae": ("model.anneal_steps=100000",),
    "ds_vae": ("data.view.length=3",),
    "jl1_vae": ("model.anneal_steps=100000",),
}


# players of a game do not lower their losses together, and a denoiser finds images sooner than the
# noise in them: what is judged is what they make
JUDGED_BY = {"enc_diff": "reconstruction", "weakly_supervised_gan": "reconstruction"}


def losses(plain, num_steps, seed=0, judged_by=None):
    """Losses of a plain loop in float64, without a trainer; or a term."""
    data = build_data(plain)
    torch.manual_seed(seed)
    model = build_model(plain, data.image_shape).double()
    model.num_images = len(data.rows["train"])
    optimizer = model.configure_optimizers()
    batches = data.epoch_batches()
    curve = []
    for step in range(num_steps):
        batch = data.dataset.gather(batches.plan(step)).like(next(model.parameters()))
        noise = model.noise_for(len(batch.image), step)
        outcome = model.update_outcome(batch, step, noise)
        loss = outcome["loss"]
        optimizer.zero_grad()
        loss.backward()
        moved = (p for p in model.parameters() if p.requires_grad)
        assert all(torch.isfinite(p.grad).all() for p in moved)
        optimizer.step()
        curve.append((outcome["terms"][judged_by] if judged_by else loss).item())
    return curve


@pytest.mark.parametrize("method", thinned(METHODS))
def test_golden_loss_curve(config, method, update_golden):
    """A change of these numbers has to be explained in the CHANGELOG."""
    words = ("experiment=tiny", f"model={method}", "latent_dim=4", *LENGTHS.get(method, ()))
    plain = resolved(config(*words))
    curve = losses(plain, 20)
    path = GOLDEN / f"{method}.txt"
    if update_golden:
        path.write_text("".join(f"{loss!r}\n" for loss in curve))
    assert curve == pytest.approx([float(line) for line in path.read_text().split()], rel=1e-7)


@pytest.mark.parametrize("method", thinned(METHODS))
def test_method_learns_the_tiny_set(config, method):
    words = (
        "experiment=tiny",
        "network=mlp",
        "network.encoder_sizes=[64]",
        "network.decoder_sizes=[64]",
    )
    words = (*words, f"model={method}", "latent_dim=3", *LENGTHS.get(method, ()))
    curve = losses(resolved(config(*words)), 150, judged_by=JUDGED_BY.get(method))
    assert sum(curve[-10:]) < 0.5 * sum(curve[:10])

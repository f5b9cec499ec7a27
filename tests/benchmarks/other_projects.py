"""Updates per CPU second: the same beta-VAE by vaescope, pythae and disent, in one process.

All train the networks of vaescope's conv64 with the same initial weights on the same dSprites
images, which lie in memory, with batches of 64, 10 latents, beta = 4, the Bernoulli likelihood,
Adam and float32, each by its own trainer and loader: ``vaescope train`` with the default callbacks
and without any; pythae's ``BaseTrainer``; disent's ``BetaVae`` under Lightning's ``Trainer``
without logger, checkpoints and bar. Memory layout is each project's own: channels last in vaescope.
Timed are ``--steps`` updates after ``--warmup``, not what comes before and after. Let ``--steps``
be a multiple of 1,000, so that vaescope's evaluations have their share of the default. Rounds go
A B C A B C ...; ratios are medians over rounds. A project that cannot be imported is left out.

Run: pip install --no-deps pythae==0.1.2 imageio, beside vaescope in an environment of its own; on
     Python 3.12 also disent==0.9.3 lightning==2.6.6 torchvision (disent 0.9 wants 3.12)
     python tests/benchmarks/other_projects.py --threads 1 --steps 200 --rounds 5 2>/dev/null
"""

import argparse
import importlib
import importlib.metadata
import logging
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Clock, elapsed, head, interleaved, now, plain_config, ratios, ready_to_fit, table
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vaescope.data import DSprites
from vaescope.experiment import trainers
from vaescope.networks import conv64

LATENTS, BETA, BATCH, RATE = 10, 4.0, 64, 1e-3
NEEDED = {
    "pythae": ("pythae.models", "pythae.trainers"),
    "disent": ("lightning", "disent.dataset.data", "disent.frameworks.vae"),
}
Taken = tuple[float, float]


class Updates:
    """Counts updates; wall and CPU seconds between two of them."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self.first, self.last = settings.warmup, settings.warmup + settings.steps
        self.count, self.taken = 0, (0.0, 0.0)

    def made(self) -> None:
        self.count += 1
        if self.count == self.first:
            self.start = now()
        elif self.count == self.last:
            self.taken = elapsed(self.start)


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return conv64((1, 64, 64), 2 * LATENTS, LATENTS)


def by_vaescope(settings: argparse.Namespace, images: Tensor, *words: str) -> Taken:
    last = settings.warmup + settings.steps
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npz")
        values = np.arange(len(images))[:, None] % 10
        np.savez(path, images=255 * images[:, 0].numpy(), latents_values=values)
        plain = plain_config(
            folder,
            *("data=arrays", f"data.path='{path}'", f"data.batch_size={BATCH}", "network=conv64"),
            *("model=beta_vae", f"model.beta={BETA}", f"latent_dim={LATENTS}"),
            *("trainer.precision=32-true", "trainer.accelerator=cpu", f"optimizer.lr={RATE}"),
            *(f"threads={settings.threads}", f"trainer.max_steps={last + 1}", *words),
        )
        trainer, model, data = ready_to_fit(plain)
        clock = Clock(settings.warmup, last)
        trainer.callbacks.append(clock)
        trainers.fit(trainer, model, data, None)
    return clock.taken


def by_pythae(settings: argparse.Namespace, images: Tensor) -> Taken:
    from pythae.data.datasets import BaseDataset
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Encoder(BaseEncoder):
        def __init__(self, layers: nn.Module) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Tensor) -> Any:
            mean, log_variance = self.layers(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self, layers: nn.Module) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z).sigmoid())

    updates = Updates(settings)

    class Count(TrainingCallback):
        def on_train_step_end(self, *args: Any, **others: Any) -> None:
            updates.made()

    sizes = {"input_dim": (1, 64, 64), "latent_dim": LATENTS}
    config = BetaVAEConfig(**sizes, beta=BETA, reconstruction_loss="bce")
    encoder, decoder = networks()
    model = BetaVAE(config, Encoder(encoder), Decoder(decoder))
    rows = BaseDataset(images, torch.zeros(len(images)))
    with tempfile.TemporaryDirectory() as folder:
        own = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=RATE,
            no_cuda=True,
        )
        BaseTrainer(model, rows, training_config=own, callbacks=[Count()]).train()
    return updates.taken


def by_disent(settings: argparse.Namespace, images: Tensor) -> Taken:
    import lightning
    from disent.dataset import DisentDataset
    from disent.dataset.data import ArrayGroundTruthData
    from disent.dataset.transform import ToImgTensorF32
    from disent.frameworks.vae import BetaVae
    from disent.model import AutoEncoder, DisentDecoder, DisentEncoder

    class Encoder(DisentEncoder):
        def __init__(self, layers: nn.Module) -> None:
            super().__init__((1, 64, 64), LATENTS, z_multiplier=2)
            self.layers = layers

        def encode(self, x: Tensor) -> Tensor:
            return self.layers(x)

    class Decoder(DisentDecoder):
        def __init__(self, layers: nn.Module) -> None:
            super().__init__((1, 64, 64), LATENTS)
            self.layers = layers

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z)

    updates = Updates(settings)

    class Count(lightning.Callback):
        def on_train_batch_end(self, *args: Any, **others: Any) -> None:
            updates.made()

    encoder, decoder = networks()
    config = BetaVae.cfg(
        optimizer="adam",
        optimizer_kwargs={"lr": RATE},
        recon_loss="bce",
        loss_reduction="mean_sum",
        beta=BETA,
    )
    model = BetaVae(AutoEncoder(Encoder(encoder), Decoder(decoder)), config)
    array = 255 * images.permute(0, 2, 3, 1).numpy()
    rows = ArrayGroundTruthData(array, ("image",), (len(images),))
    loader = DataLoader(DisentDataset(rows, transform=ToImgTensorF32()), BATCH, shuffle=True)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[Count()],
        enable_model_summary=False,
        **quiet,
    )
    trainer.fit(model, loader)
    return updates.taken


def chosen(settings: argparse.Namespace, images: Tensor) -> dict[str, Callable[[], Taken]]:
    """What is compared, by name."""
    bare = ("callbacks=[]", "logger=[]")
    cases: dict[str, Callable[[], Taken]] = {
        "vaescope, bare": lambda: by_vaescope(settings, images, *bare),
        "vaescope, default callbacks": lambda: by_vaescope(settings, images, "logger=[csv]"),
    }
    for name, train in (("pythae", by_pythae), ("disent", by_disent)):
        try:
            for module in NEEDED[name]:
                importlib.import_module(module)
        except ImportError as error:
            print(f"{name} is left out, it cannot be imported here: {error}")
            continue
        version = importlib.metadata.version(name)
        cases[f"{name} {version}"] = partial(train, settings, images)
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    logging.disable(logging.WARNING)
    head("The same updates by several projects", vars(settings))
    dataset = DSprites(cache=True)
    needed = BATCH * (settings.warmup + settings.steps + 1)
    rows = torch.arange(needed) * (len(dataset) // needed)
    images = dataset.batch(rows).image.to(torch.uint8)
    cases = chosen(settings, images)
    taken = interleaved(cases, settings.rounds)
    others = [name for name in taken if not name.startswith("vaescope")]
    table_rows = []
    for name, times in taken.items():
        wall, cpu = (statistics.median(t[clock] for t in times) for clock in (0, 1))
        than = [" (".join(ratios(taken, name, base, 1)) + ")" for base in others]
        table_rows.append([name, settings.steps / wall, settings.steps / cpu, *than])
    columns = [f"CPU, times {name} (range)" for name in others]
    table(["trained by", "updates/s", "updates/CPU s", *columns], table_rows)


if __name__ == "__main__":
    main()

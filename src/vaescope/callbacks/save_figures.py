"""Figures of the model when training ends: traversals and reconstructions."""

from pathlib import Path
from typing import Annotated

import pytorch_lightning as pl
import torch
from annotated_types import Interval
from pytorch_lightning.loggers import WandbLogger

from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.files import replacing
from vaescope.models import LatentModel
from vaescope.ranges import Columns, in_range
from vaescope.report.figures import reconstruction_figure, traversal_figure, traversals
from vaescope.report.html.render import save_figure
from vaescope.statistics.encoded_split import encode_split


class SaveFigures(pl.Callback):
    """Writes ``traversals.png`` and ``reconstructions.png`` and hands them to wandb.

    Args:
        num_steps: images a latent.
        extent: a latent moves from ``-extent`` to ``extent``.
    """

    @in_range
    def __init__(
        self,
        folder: str,
        num_images: Columns = 12,
        num_steps: Columns = 11,
        extent: Annotated[float, Interval(gt=0, le=100)] = 2.0,
    ) -> None:
        self.folder, self.num_images = Path(folder), num_images
        self.num_steps, self.extent = num_steps, extent

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw them from the first validation images; of an ensemble, the first member's."""
        assert isinstance(pl_module, LatentModel | Ensemble)
        model = next(pl_module.members(), None)
        if model is None:  # all of them diverged
            return
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        index = data.evaluation_rows("val", min(1000, len(data.rows["val"])))
        step = trainer.global_step
        single = EvaluationBatches(data.dataset, None, data.split_seed)
        encoded = encode_split(model, single, index, split="val", step=step, num_losses=0)
        if encoded.kl is not None and encoded.by_latent:
            weight, unit = encoded.kl.mean(0), "nats"
        else:
            weight, unit = encoded.mean.std(0), "std"
        order = weight.argsort(descending=True).tolist()
        rows = traversals(
            model, encoded.mean[0], order, extent=self.extent, num_steps=self.num_steps
        )
        labels = [f"z{j}  {weight[j]:.2f} {unit}" for j in order]
        which = f"seed {model.seed}: " if len(pl_module.seeds) > 1 else ""
        title = f"{which}each latent from {-self.extent:g} to {self.extent:g}, by {unit}"
        images = data.dataset.batch(index[: self.num_images]).image.to(torch.float32)
        figures = {
            "traversals": traversal_figure(rows, labels, title, extent=self.extent),
            "reconstructions": reconstruction_figure(model, images.cpu()),
        }
        for name, figure in figures.items():
            path = self.folder / f"{name}.png"
            with replacing(path) as temporary:
                save_figure(figure, temporary, "png")
            for logger in trainer.loggers:
                if isinstance(logger, WandbLogger):
                    logger.log_image(f"figures/{name}", [str(path)], step=trainer.global_step)

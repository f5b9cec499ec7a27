"""Figures of the model when training ends: traversals, reconstructions and two heat maps."""

from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from annotated_types import Interval

from vaescope.callbacks.objective import evaluation_of
from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.files import replacing
from vaescope.loggers import show_image
from vaescope.models import LatentModel
from vaescope.ranges import Columns, in_range
from vaescope.report.figures import (
    Figure,
    matrix_figure,
    reconstruction_figure,
    save_traversal_gif,
    traversal_figure,
    traversals,
)
from vaescope.report.html.render import save_figure
from vaescope.statistics.encoded_split import EncodedSplit, encode_split
from vaescope.statistics.heat_maps import active_first, information_shares, jacobian_cosines
from vaescope.timing import spent_on


class SaveFigures(pl.Callback):
    """Writes figures into the run's folder and hands them to the dashboards.

    ``traversals.png`` and ``.gif``, ``reconstructions.png``, ``jacobian.png`` and, of data with
    factors, ``information.png``.

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

    @spent_on("report")
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw them from the first validation images; of an ensemble, the first member's."""
        assert isinstance(pl_module, LatentModel | Ensemble)
        model = next(pl_module.members(), None)
        if model is None:  # all of them diverged
            return
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        step, evaluation = trainer.global_step, evaluation_of(trainer)
        encoded = evaluation.encoded(model, step) if evaluation else None
        if encoded is None:
            index = data.evaluation_rows("val", min(1000, len(data.rows["val"])))
            single = EvaluationBatches(data.dataset, None, data.split_seed)
            about: dict[str, Any] = {"num_losses": 0, "num_jacobians": 64}
            encoded = encode_split(model, single, index, split="val", step=step, **about)
        which = f"seed {model.seed}: " if len(pl_module.seeds) > 1 else ""
        for path in self.draw(encoded, which):
            moving = "_moving" if path.suffix == ".gif" else ""
            show_image(trainer.loggers, f"figures/{path.stem}{moving}", path, step)

    def draw(self, encoded: EncodedSplit, which: str = "") -> list[Path]:
        """Write all figures of an encoded split; titles begin with ``which`` model it is."""
        order, _, _ = active_first(encoded)
        rows = traversals(
            encoded.model, encoded.mean[0], order, extent=self.extent, num_steps=self.num_steps
        )
        paths, factors = [], encoded.dataset.factors.names
        for name, figure in self._figures(encoded, rows, factors, which).items():
            paths.append(self.folder / f"{name}.png")
            with replacing(paths[-1]) as temporary:
                save_figure(figure, temporary, "png")
        if rows.ndim == 5:
            paths.append(self.folder / "traversals.gif")
            with replacing(paths[-1]) as temporary:
                save_traversal_gif(rows, temporary)
        return paths

    def _figures(
        self, encoded: EncodedSplit, rows: torch.Tensor, factors: tuple[str, ...], which: str
    ) -> dict[str, Figure]:
        """By the names of their files."""
        order, weight, unit = active_first(encoded)
        latents = [f"z{j}" for j in order]
        labels = [f"z{j}  {weight[j]:.2f} {unit}" for j in order]
        title = f"{which}each latent from {-self.extent:g} to {self.extent:g}, by {unit}"
        images = encoded.images(self.num_images)
        cosines = jacobian_cosines(encoded)[order][:, order]
        figures = {
            "traversals": traversal_figure(rows, labels, title, extent=self.extent),
            "reconstructions": reconstruction_figure(encoded.model, images.cpu()),
            "jacobian": matrix_figure(
                cosines, labels, latents, f"{which}|cosine| of the Jacobian's columns, mean"
            ),
        }
        if factors:
            shares, told = information_shares(encoded)[order], "share of a factor's entropy"
            figures["information"] = matrix_figure(shares, labels, factors, f"{which}{told}")
        return figures

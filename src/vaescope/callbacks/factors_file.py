"""``factors.json``: entropies and mutual information of the factors that training shows."""

import logging
from pathlib import Path

import pytorch_lightning as pl

from vaescope.data import FactorDataModule
from vaescope.data.factor_distribution import factor_statistics
from vaescope.files import read_json, write_json

log = logging.getLogger(__name__)


class FactorsFile(pl.Callback):
    """Writes ``factors.json`` at the start of training; nothing for data without factors.

    It holds names, kinds and sizes of the factors, rows of every part, and, counting each training
    row as often as training shows it, entropies and pairwise mutual information in nats.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write it: the data are there, and no batch has been drawn."""
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined]
        factors = data.factors
        if not len(factors):
            return
        self._warn_of_other_images(data.dataset.source)
        values = data.dataset.values(data.rows["train"])
        found = factor_statistics(values, data.training_weights(), factors)
        about = {
            "data_source": data.dataset.source,
            **{key: list(getattr(factors, key)) for key in ("names", "sizes", "kinds")},
            "rows": {part: len(rows) for part, rows in data.rows.items()},
        }
        write_json(self.path, about | found)
        if largest := found.get("largest_mutual_information"):
            told = f"{largest['nats']:.3g} nats, of {' and '.join(largest['factors'])}"
            log.info("factors in training: the largest mutual information is %s", told)

    def _warn_of_other_images(self, source: str) -> None:
        """Tell where a resumed run would go on with other images than it began with."""
        before = read_json(self.path) if self.path.is_file() else {}
        if (known := before.get("data_source", source)) != source:
            log.warning("the run began with other images: %s; now they are %s", known, source)

"""Range check: observations in [0, 1] for a Bernoulli likelihood."""

import pytorch_lightning as pl

from vaescope.data import FactorDataModule
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.ensemble import Ensemble
from vaescope.errors import ConfigError
from vaescope.models import LatentModel

_LOOKED_AT = 256


class CheckObservations(pl.Callback):
    """Refuses numbers outside [0, 1] where the likelihood takes them for probabilities."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the first training observations.

        Raises:
            ConfigError: a Bernoulli likelihood cannot have made them.
        """
        assert isinstance(pl_module, LatentModel | Ensemble)
        one = pl_module.stacked if isinstance(pl_module, Ensemble) else pl_module
        if not isinstance(one.likelihood, Bernoulli):
            return
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        image = data.dataset.batch(data.rows["train"][:_LOOKED_AT]).image
        low, high = (float(bound) for bound in image.aminmax())
        if low < 0 or high > 1:
            raise ConfigError(
                f"config.likelihood: bernoulli takes observations in [0, 1], these go from "
                f"{low:.3g} to {high:.3g}; choose likelihood=gaussian"
            )

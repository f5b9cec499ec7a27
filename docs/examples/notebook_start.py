"""vaescope in a notebook: data, a method, a plain trainer, scores, the alignment of a decoder."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping

import vaescope
from vaescope.models import BetaVAE, PartsFor

pl.seed_everything(0)
data = vaescope.load_data("xy_squares", side=8)  # or your own: load_data(images, factors=...)
model = BetaVAE(PartsFor(data, network="mlp_64", latent_dim=4), beta=1)  # or BetaVAE(data)
often = {"val_check_interval": 100, "limit_val_batches": 8}
trainer = pl.Trainer(max_steps=600, callbacks=[EarlyStopping("val/loss")], logger=False, **often)
trainer.fit(model, data)

test = data.dataset.batch(data.evaluation_rows("test", 2000))  # images and their factors
codes = model.encode(test.image).mean.detach()
print(vaescope.evaluate(codes, test.factors, scores=["mig", "mcc", "explained_variance"]))
print(vaescope.alignment.dto(model.decode_mean, codes))  # any torch.nn.Module will do
moved = model.traverse(test.image[:3], latent=0, values=torch.linspace(-2, 2, 7))
print("reconstructions", model.reconstruct(test.image).shape, "traversals", moved.shape)

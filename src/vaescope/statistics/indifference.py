"""PIPE of a split: a classifier of the model's own images, trained for it."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaescope.metrics import pipe_score
from vaescope.models import LatentModel
from vaescope.ranges import Count
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options
from vaescope.streams import stream

_AT_A_TIME = 256


@dataclass
class PIPE(Options):
    """Can images of codes whose latents are mixed be told from reconstructions? No factors needed.

    The classifier is an encoder like the model's with new weights, and one layer more. It is
    trained at every evaluation, which takes as long as so many updates of an encoder: choose it
    for ``vaescope evaluate``.
    """

    num_images: Count = 5000  # the first ones, half of which the classifier is trained on
    updates: Count = 1562  # of the classifier, of 32 images each

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``pipe`` in [0, 1]: 1, good, where a coin tells them as well; nothing below 4 images."""
        codes = encoded.sampled[: self.num_images]
        if len(codes) < 4:
            return {}
        rng = stream(0, "mixed codes")
        columns = [z[torch.from_numpy(rng.permutation(len(z)))] for z in codes.unbind(1)]
        model = encoded.model
        found = pipe_score(
            _decoded(model, codes),
            _decoded(model, torch.stack(columns, 1)),
            _fresh_classifier(model),
            updates=self.updates,
        )
        return encoded.by_log_key({"pipe": found})


@torch.no_grad()
def _decoded(model: LatentModel, codes: Tensor) -> Tensor:
    parts = codes.to(next(model.parameters())).split(_AT_A_TIME)
    return torch.cat([model.decode_mean(part) for part in parts])


def _fresh_classifier(model: LatentModel) -> nn.Module:
    """An encoder like the model's, its weights drawn anew, and a logit ``[B, 1]``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = copy.deepcopy(model.encoder).cpu()
        for module in features.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.GroupNorm):
                module.reset_parameters()
        size = model.posterior.num_parameters(model.latent_dim)
        classifier = nn.Sequential(features, nn.Linear(size, 1))
    return classifier.to(next(model.parameters())).requires_grad_()

"""TCL: time-contrastive learning, which segment does an image come from?"""

import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms, require_label
from vaescope.ranges import Classes, in_range


class TCL(PointModel):
    """TCL: multinomial logistic regression of the segment's label from features h(x), in nats.

    0: every label is told; log of the number of labels: none is. Features are absolute values of
    what the encoder gives out. The decoder learns to reconstruct from codes that are held fixed, so
    that its statistics can be told; the encoder does not feel it.

    Args:
        num_labels: number of segments, at least 2; labels are 0 .. num_labels - 1.

    Source: Hyvarinen & Morioka 2016, https://arxiv.org/abs/1605.06336, section 3 and theorem 1.
    Differs: the encoder is the network that was chosen, without the paper's maxout layers and PCA
    whitening; the weights of the first label are learned, too, which leaves the probabilities as
    they are; no weight decay. The linear ICA that the theorem needs after it is not done: codes
    are the sources' |s| up to a linear map, and not theirs one by one.
    """

    needs = ("a label",)

    @in_range
    def __init__(self, parts: PartsOrData, *, num_labels: Classes = 10) -> None:
        super().__init__(parts)
        self.num_labels = num_labels
        self.regression = nn.Linear(self.latent_dim, num_labels)

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Cross-entropy of the labels, and the decoder's own reconstruction."""
        h, label = self.encode(batch.image).mean, require_label(batch.known.label, "labels")
        return {
            "cross_entropy": F.cross_entropy(self.regression(h), label),
            "reconstruction": self.nll(h.detach(), batch.image),
        }

    def encode(self, image: Tensor) -> Point:
        """Features h(x) of images ``[B, ...]``, at least 0."""
        return Point(super().encode(image).mean.abs())

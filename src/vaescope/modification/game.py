"""The game that learns a modification: an image that pays for one alignment and costs the other.

Two decoders reconstruct x' = x + epsilon m(w) from noisy codes: one from the factors w themselves,
one from rotated factors R w, both with the same KL. Each lowers its own loss; the modification m,
bounded by 1 in every pixel, lowers the loss of the one and raises that of the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

Direction = Literal["entangle", "align"]
ReconstructionLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Losses:
    """Reconstruction losses of both references, per image [B] or their means."""

    disentangled: Tensor
    entangled: Tensor

    @property
    def margin(self) -> Tensor:
        """L_dis - L_ent: above 0 where the entangled latents are the better choice for a VAE."""
        return self.disentangled - self.entangled


class Bounded(nn.Module):
    """tanh of a decoder: a learnt modification w [B, K] -> m [B, *image_shape] in [-1, 1]."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, w: Tensor) -> Tensor:
        """The modification of standardised factors."""
        return self.decoder(w).tanh()


class Sparing(nn.Module):
    """A modification that leaves what images show along some directions as it is.

    Its part along them is taken away; what is left is scaled, image by image, where it exceeds 1.

    Args:
        modification: w [B, K] -> m [B, *image_shape] in [-1, 1].
        axes: orthonormal directions [C, *image_shape].
    """

    axes: Tensor

    def __init__(self, modification: nn.Module, axes: Tensor) -> None:
        super().__init__()
        self.modification = modification
        self.register_buffer("axes", axes.flatten(1).float(), persistent=False)

    def forward(self, w: Tensor) -> Tensor:
        """The rest of the modification of standardised factors, in [-1, 1]."""
        m = self.modification(w)
        flat = m.flatten(1)
        flat = flat - flat @ self.axes.T @ self.axes
        return (flat / flat.abs().amax(1, keepdim=True).clamp(min=1)).view_as(m)


class Reference(nn.Module):
    """An imagined VAE: a decoder of noisy codes whose KL term stays what it is.

    Args:
        decoder: codes [B, K] -> output for the likelihood.
        widths: sigma of the noise, [K], above 0 and up to 1.
        adapts: let each width follow the gradient, as a VAE's posterior would, while their product
            stays: the reference then shares its nats out as suits its own loss.
    """

    def __init__(self, decoder: nn.Module, widths: Tensor, adapts: bool = True) -> None:
        super().__init__()
        self.decoder = decoder
        self.log_shares = nn.Parameter(widths.float().log(), requires_grad=adapts)
        self.log_product = float(widths.double().log().sum())

    def widths(self) -> Tensor:
        """Widths sigma [K] of the noise, of the product that they had first, none above 1."""
        logs: Tensor = self.log_shares
        free = torch.ones_like(logs)
        for _ in range(len(logs)):  # each round may bring one more to 1
            logs = logs + free * (self.log_product - logs.sum()) / free.sum().clamp(min=1)
            free, logs = (logs < 0).float(), logs.clamp(max=0)
        return logs.exp()

    def forward(self, codes: Tensor, noise: Tensor) -> Tensor:
        """Output for codes [B, K] with noise of unit variance, likewise."""
        return self.decoder(codes + self.widths() * noise)


class Game(nn.Module):
    """The modification and the two decoders that it plays with.

    Args:
        modification: w [B, K] -> m [B, *image_shape] in [-1, 1]; without parameters it is fixed.
        disentangled: the reference whose codes are the factors.
        entangled: the reference whose codes are rotated.
        nll: (output, image) -> reconstruction loss [B].
        rotation: R [K, K]; the entangled code is R w.
        epsilon: largest change of a pixel, in (0, 1].
        direction: ``entangle`` makes the rotated latents pay, ``align`` the factors.
        clip: keep x' in [0, 1], as pixels are.
        price: what each nat of 1/2 |x' - x|^2 costs the modification, at least 0; without a price
            it takes all that epsilon allows in every pixel.

    Source: Zietlow, Rolinek, Martius 2021, "Demystifying Inductive Biases for (Beta-)VAE Based
    Architectures", https://arxiv.org/abs/2102.06822. Differs: how the references are made (their
    codes, noise and networks) is our choice; ``align`` is new.
    """

    rotation: Tensor

    def __init__(
        self,
        modification: nn.Module,
        disentangled: Reference,
        entangled: Reference,
        nll: ReconstructionLoss,
        *,
        rotation: Tensor,
        epsilon: float,
        direction: Direction = "entangle",
        clip: bool = False,
        price: float = 0.0,
    ) -> None:
        super().__init__()
        self.modification, self.disentangled, self.entangled = modification, disentangled, entangled
        self.nll, self.epsilon, self.clip, self.price = nll, epsilon, clip, price
        self.sign = 1.0 if direction == "entangle" else -1.0
        self.register_buffer("rotation", rotation.float())

    def modified(self, images: Tensor, w: Tensor) -> Tensor:
        """X' = x + epsilon m(w) [B, *image_shape], clipped if asked for."""
        changed = images + self.epsilon * self.modification(w)
        return clipped(changed) if self.clip else changed

    def outputs(self, w: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What both references decode of standardised factors [B, K] with noise, likewise.

        The rotated codes have the rotated noise: with equal widths both know the same.
        """
        turned = (each @ self.rotation.T for each in (w, noise))
        return self.disentangled(w, noise), self.entangled(*turned)

    def losses(self, outputs: tuple[Tensor, Tensor], target: Tensor) -> Losses:
        """Reconstruction losses [B] of both outputs."""
        return Losses(self.nll(outputs[0], target), self.nll(outputs[1], target))

    def loss_of_decoders(self, target: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """Sum of both references' mean losses on images as they are given."""
        own = self.losses(self.outputs(w, noise), target.detach())
        return (own.disentangled + own.entangled).mean()

    def loss_of_modification(self, images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """L_ent - L_dis, mean, of decoders as they are; for ``align`` the other sign."""
        with torch.no_grad():
            outputs = self.outputs(w, noise)
        target = self.modified(images, w)
        margin = self.losses(outputs, target).margin.mean()
        return self._cost(images, target) - self.sign * margin

    def objective(self, images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """One loss for all players, whose gradient is each player's own.

        Decoders see the modified images as given, the modification sees the decoders' outputs so.
        """
        target, outputs = self.modified(images, w), self.outputs(w, noise)
        own = self.losses(outputs, target.detach())
        paid = self.losses((outputs[0].detach(), outputs[1].detach()), target)
        decoders = (own.disentangled + own.entangled).mean()
        return decoders + self._cost(images, target) - self.sign * paid.margin.mean()

    def _cost(self, images: Tensor, modified: Tensor) -> Tensor:
        """What a change costs the modification, on average."""
        if self.price == 0:
            return modified.new_zeros(())
        return self.price * (modified - images).square().flatten(1).sum(1).mean() / 2


def clipped(images: Tensor) -> Tensor:
    """Images within [0, 1], with the gradient of a projected descent.

    Where a pixel is clipped, a step that would lead further out has no gradient, one that leads
    back has all of it: a pixel that is out of range is not stuck there.
    """
    result: Tensor = _Clip.apply(images)
    return result


class _Clip(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        context.save_for_backward(images)
        return images.clamp(0, 1)

    @staticmethod
    def backward(context: Any, grad: Tensor) -> Tensor:
        (images,) = context.saved_tensors
        outward = ((images < 0) & (grad > 0)) | ((images > 1) & (grad < 0))
        return grad.masked_fill(outward, 0)

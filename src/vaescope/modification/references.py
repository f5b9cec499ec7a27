"""Two imagined VAEs of equal KL: latents that are the factors, or a rotation of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.errors import ConfigError
from vaescope.ranges import Seed, check_fields, fits
from vaescope.run_folder.scores import NAME, has_scores, read_scores

MOST_FACTORS = 12
BY_NORM, NEIGHBOURS, HAAR, JACOBIAN = "by_norm", "neighbours", "haar", "jacobian"
Width = Annotated[float, Interval(gt=0, le=1)]


def standardise(factors: Factors, values: Tensor) -> Tensor:
    """Factor values in standard deviations of their uniform distribution, mean 0.

    Args:
        factors: names, sizes and kinds.
        values: of points [..., L], in the data set's own units.

    Returns:
        w [..., K] of the K factors that vary, float32; classes and angles as their numbers, as in
        the paper: a shape of three classes is -1.22, 0 or 1.22.

    Example:
        >>> factors = Factors(("shape", "colour"), (3, 1), ("categorical", "categorical"))
        >>> w = standardise(factors, torch.tensor([[0, 0], [2, 0]]))
        >>> [[round(x, 2) for x in row] for row in w.tolist()]
        [[-1.22], [1.22]]
    """
    sizes = torch.tensor(factors.sizes, dtype=torch.float64, device=values.device)
    mean = torch.where(sizes > 0, (sizes - 1) / 2, 0.5)
    spread = torch.where(sizes > 0, ((sizes**2 - 1) / 12).sqrt(), math.sqrt(1 / 12))
    varies = sizes != 1
    return ((values.double() - mean) / spread)[..., varies].float()


def varying(factors: Factors) -> tuple[str, ...]:
    """Names of the factors of more than one value.

    Raises:
        ConfigError: there are none, one, or more than 12.
    """
    named = zip(factors.names, factors.sizes, strict=True)
    names = tuple(name for name, size in named if size != 1)
    if not 2 <= len(names) <= MOST_FACTORS:
        what = f"{len(names)} ({', '.join(names)})" if names else "no known ones"
        raise ConfigError(
            f"a modification mixes 2 to {MOST_FACTORS} factors that vary, but the data set has "
            f"{what}; choose another data set"
        )
    return names


@dataclass(frozen=True)
class Rotation:
    """The rotation R between the factors w and the entangled latents R w.

    Args:
        pairs: of factors whose plane is turned, as positions or names, each factor in one pair at
            most; ``by_norm``: of all factors in the order of |dx / dw_k|, the first two, the next
            two, ..., where least change is needed; ``neighbours``: in the order of the data set;
            of an odd number one stays as it is; ``haar``: no pairs, a random rotation of all.
        angle: degrees by which each plane is turned, no multiple of 90.
        seed: of the random rotation.
    """

    pairs: Any = BY_NORM
    angle: Annotated[float, Interval(ge=-180, le=180)] = 45.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.pairs, str | Sequence) or (
            isinstance(self.pairs, str) and self.pairs not in (BY_NORM, NEIGHBOURS, HAAR)
        ):
            raise ConfigError(
                f"pairs={self.pairs!r} was given; give by_norm, neighbours, haar or a list of pairs"
            )
        if self.pairs != HAAR and self.angle % 90 == 0:
            raise ConfigError(
                f"angle={self.angle:g} was given, by which nothing is mixed; give one that is no "
                "multiple of 90, 45 mixes most"
            )

    def planes(self, names: Sequence[str], norms: Tensor | None = None) -> list[tuple[int, int]]:
        """Pairs of positions of factors whose plane is turned; of ``haar`` none.

        Args:
            names: of the factors.
            norms: |dx / dw_k| of each, for ``by_norm``.

        Raises:
            ConfigError: the pairs do not fit the factors.
        """
        if self.pairs == HAAR:
            return []
        order = list(range(len(names)))
        if self.pairs == BY_NORM and norms is not None:
            order = norms.argsort(descending=True, stable=True).tolist()
        if isinstance(self.pairs, str):
            return [(order[k], order[k + 1]) for k in range(0, len(names) - 1, 2)]
        if any(not fits(pair, Sequence[Any]) or len(pair) != 2 for pair in self.pairs):
            raise ConfigError(self._refusal("give pairs like [[0, 1], [2, 3]]"))
        factors = Factors(tuple(names), (2,) * len(names), ("ordinal",) * len(names))
        found = [(factors.position_of(a), factors.position_of(b)) for a, b in self.pairs]
        named = [k for pair in found for k in pair]
        if not named or len(set(named)) < len(named):
            raise ConfigError(self._refusal("name each factor once at most, and one pair at least"))
        return found

    def matrix(self, names: Sequence[str], norms: Tensor | None = None) -> Tensor:
        """R, orthogonal [K, K], float64; arguments as of ``planes``.

        Example:
            >>> turned = Rotation("neighbours", angle=30).matrix(("a", "b"))
            >>> [[round(x, 3) for x in row] for row in turned.tolist()]
            [[0.866, -0.5], [0.5, 0.866]]
        """
        if self.pairs == HAAR:
            rng = np.random.default_rng(self.seed)
            normal = torch.from_numpy(rng.standard_normal((len(names), len(names))))
            basis, upper = torch.linalg.qr(normal)
            return basis * upper.diagonal().sign()
        rotation = torch.eye(len(names), dtype=torch.float64)
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        for i, j in self.planes(names, norms):
            rotation[[i, i, j, j], [i, j, i, j]] = torch.tensor([cos, -sin, sin, cos]).double()
        return rotation

    def _refusal(self, advice: str) -> str:
        return f"config.rotation.pairs: {self.pairs!r}; {advice}"


@dataclass(frozen=True)
class Widths:
    """Posterior widths sigma of both references, in standard deviations of the factors.

    Args:
        of: ``jacobian``: by the variance relation, of the factor Jacobian's norms; a list: of each
            factor that varies; a folder of a trained run: of its latents' KL terms, the sharpest
            latent for the factor of the largest norm. The rotated latents always get the widths of
            the variance relation that have the same KL.
        mean: geometric mean of the factors' widths, for ``jacobian``.
        scale: width of the ball over which the factor Jacobian is taken; 0: between neighbours.
        adapt: let each reference change its widths while it learns, at the same KL. Without it a
            modification wins where the widths no longer fit its images, and VAEs, whose widths do,
            are less impressed.
    """

    of: Any = JACOBIAN
    mean: Width = 0.15
    scale: Annotated[float, Interval(ge=0, le=1)] = 0.25
    adapt: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.of, str) and not fits(self.of, Sequence[Width]):
            raise ConfigError(
                f"of={self.of!r} was given; give jacobian, the folder of a trained run, or a width "
                "above 0 and up to 1 for each factor that varies"
            )

    def of_factors(self, gram: Tensor) -> Tensor:
        """Widths sigma [K] of the factors, from their mean Gram matrix F^T F [K, K].

        Raises:
            ConfigError: the list or the run does not fit.
        """
        squares = gram.diagonal().clamp(min=0).double()
        if self.of == JACOBIAN:
            return widths_of_mean(squares, self.mean)
        if isinstance(self.of, str):
            given = _widths_of_run(Path(self.of).expanduser(), len(squares))
            order = squares.argsort(descending=True, stable=True)
            return given[order.argsort()]
        if len(self.of) != len(squares):
            raise ConfigError(
                f"config.widths.of: {len(self.of)} widths were given, {self.of}; give one for each "
                f"of the {len(squares)} factors that vary"
            )
        return torch.tensor(self.of, dtype=torch.float64)


def widths_of_mean(squares: Tensor, mean: float) -> Tensor:
    """Widths by the variance relation sigma_j^2 = 1 / (1 + |F_j|^2 / t), of a geometric mean.

    Args:
        squares: |F_j|^2 of each direction [K], not all 0.
        mean: geometric mean of the widths, above 0 and up to 1: the KL term is -K log(mean) nats
            where codes have variance 1 - sigma^2.

    Returns:
        sigma [K], float64, in (0, 1]; the noise level t follows from ``mean``.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775: sigma_j |column j| is constant
    at the optimum, where latents are active. Differs: columns are averaged over the data set.

    Example:
        >>> widths = widths_of_mean(torch.tensor([4.0, 1.0]), mean=0.1)
        >>> [round(x, 3) for x in widths.tolist()], round(float(widths.prod()), 4)
        ([0.071, 0.141], 0.01)
    """
    squares = squares.double()
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        widths = (1 + squares / squares.amax() * math.exp(-middle)).rsqrt()
        low, high = (middle, high) if widths.log().mean().exp() < mean else (low, middle)
    return widths


def widths_of_rotated(widths: Tensor, gram: Tensor, rotation: Tensor) -> Tensor:
    """Widths [K] of the latents R w by the variance relation, with the KL term of the factors'."""
    turned = (rotation.double() @ gram.double() @ rotation.double().T).diagonal().clamp(min=0)
    return widths_of_mean(turned, float(widths.log().mean().exp()))


def _widths_of_run(folder: Path, count: int) -> Tensor:
    """Widths of a trained run's latents, sharpest first, 1 for factors beyond their number."""
    if not has_scores(folder):
        raise ConfigError(
            f"config.widths.of: {str(folder)!r} is no folder of a trained run (it has no {NAME}); "
            "give one, jacobian, or a list of widths"
        )
    rows = read_scores(folder).rows
    found = [
        sorted((float(row[key]) for key in row if "/kl_latent_" in key), reverse=True)
        for row in rows
    ]
    if not found or not found[0]:
        raise ConfigError(
            f"config.widths.of: the run in {folder} has no KL terms of single latents; train it "
            "with statistics that have them (latents)"
        )
    mean = [sum(column) / len(column) for column in zip(*found, strict=True)][:count]
    nats = torch.tensor([*mean, *[0.0] * (count - len(mean))], dtype=torch.float64)
    return (-nats).exp().clamp(1e-3, 1)

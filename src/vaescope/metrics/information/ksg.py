"""KSG estimator: mutual information from distances to nearest neighbours, without bins."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.information.information_matrix import continuous_columns
from vaescope.metrics.kinds import angle_columns
from vaescope.metrics.sorting import ascending, places_in, stable_order
from vaescope.tensor_checks import check_finite, misfit

# What rounding can do to a distance of standardised values; ties are broken far above it.
_SLACK = 1e-14
_TIE_BREAK = 1e-8


def nearest_information(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    neighbours: int = 3,
    seed: int = 0,
) -> Tensor:
    """Mutual information of each latent with each factor in nats, 0 and up, by nearest neighbours.

    Classes (all factors but continuous ones and angles) go by Ross, the others by Kraskov et al.
    with the largest difference as distance; angles, circular factors with fractions in radians,
    stand as their cosine and sine. The order of classes plays no role.

    Args:
        codes, factors, kinds: as in `vaescope.metrics`.
        neighbours: k; fewer in classes of at most k rows.
        seed: of the noise, 1e-8 of a standard deviation, that breaks ties; columns without ties
            stay as they are.

    Returns:
        Estimates [D, K], float64, at least 0. A constant latent or factor has 0. A class with one
        row is left out.

    Raises:
        NoScoreError: if there are not more rows than neighbours.

    Source: Ross 2014, "Mutual Information between Discrete and Continuous Data Sets",
    https://doi.org/10.1371/journal.pone.0087357, eq. 2; Kraskov et al. 2004, "Estimating mutual
    information", https://arxiv.org/abs/cond-mat/0305641, eq. 8. Differs: negative estimates are 0,
    so that N independent rows have about 0.3 / sqrt(N) by chance with k = 3. The neighbours of
    continuous pairs are found on the CPU.

    Example:
        >>> line = torch.linspace(0, 1, 100)[:, None]
        >>> round(float(nearest_information(line, line)), 3)
        3.677
    """
    regressed = continuous_columns(factors, kinds)
    angular = angle_columns(factors, kinds)
    regressed |= angular
    if not 1 <= neighbours < len(codes):
        raise NoScoreError(
            f"{neighbours} neighbours of {len(codes)} rows: give 1 to N - 1, or more rows"
        )
    if codes.ndim != 2 or len(codes) != len(factors):
        raise misfit("finite [N, D] and [N, K]", codes=codes, factors=factors)
    check_finite("finite codes are needed", codes=codes)
    generator = torch.Generator().manual_seed(seed)
    columns = []
    values, ordered, order = _standardised(codes.detach().double().T.contiguous(), generator)
    for column, factor in enumerate(factors.T):
        if not regressed[column]:
            columns.append(_information_of_classes(ordered, order, factor, neighbours))
            continue
        target = factor.double()[None]
        target = torch.cat([target.cos(), target.sin()]) if angular[column] else target
        target = _standardised(target, generator)[0]
        columns.append(_information_of_numbers(values, ordered, target, neighbours))
    alive = (values != 0).any(1)
    return torch.stack(columns, 1).clamp(min=0).where(alive[:, None], 0.0)


def _standardised(columns: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Columns [M, N] with mean 0 and deviation 1, ties broken; constant ones are all 0.

    With them the columns in ascending order, and their places.
    """
    low, high = columns.aminmax(dim=1, keepdim=True)
    spread, mean = torch.std_mean(columns, 1, correction=0, keepdim=True)
    values = ((columns - mean) / spread.where(high > low, 1.0)).where(high > low, 0.0)
    ordered, order = ascending(values)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(1, keepdim=True) & (high > low)
    noise = torch.randn(values.shape, generator=generator, dtype=torch.float64)
    if bool(tied.any()):
        values = torch.where(tied, values + _TIE_BREAK * noise.to(values.device), values)
        ordered, order = ascending(values)
    return values, ordered, order


def _information_of_classes(
    ordered: Tensor, order: Tensor, factor: Tensor, neighbours: int
) -> Tensor:
    """Ross' estimate [D] for latents [D, N], sorted, with their rows, and one factor [N]."""
    _, labels, sizes = torch.unique(factor, return_inverse=True, return_counts=True)
    kept = sizes[labels] > 1
    if int((sizes > 1).sum()) < 2:
        return ordered.new_zeros(len(ordered))
    present = kept[order]
    labels = labels[order][present].view(len(ordered), -1)
    ordered = ordered[present].view(labels.shape)
    by_class = stable_order(labels)
    inside, of_class = ordered.gather(1, by_class), labels[0, by_class[0]]
    wanted = (sizes[of_class] - 1).clamp(max=neighbours)
    radius = _radius_in_class(inside, of_class, wanted)
    counts = _count_within(ordered, inside, radius).maximum(wanted)
    digamma = _digammas(ordered)
    constant = digamma[-1] + (digamma[wanted] - digamma[sizes[of_class]]).mean()
    return constant - digamma[counts].mean(1)


def _digammas(columns: Tensor) -> Tensor:
    """The digamma function of 0 to N, for columns [D, N]: a look-up is quicker than its sum."""
    whole = torch.arange(columns.shape[1] + 1, dtype=torch.float64, device=columns.device)
    return torch.special.digamma(whole)


def _radius_in_class(inside: Tensor, of_class: Tensor, wanted: Tensor) -> Tensor:
    """Distance [D, N] to the wanted-th neighbour of the same class; values sorted by class."""
    radius = torch.empty_like(inside)
    for k in wanted.unique().tolist():
        columns = (wanted == k).nonzero().flatten()
        values, labels, windows = inside[:, columns], of_class[columns], len(columns) - k
        # The neighbours are k values in a row: `below` of them under the point, the rest above.
        whole = labels[k:] == labels[:windows]
        low, high = values[:, :windows].where(whole, float("-inf")), values[:, k:]
        nearest = torch.full_like(values, float("inf"))
        for below in range(k + 1):
            part = slice(below, below + windows)
            reach = torch.maximum(values[:, part] - low, high - values[:, part])
            nearest[:, part] = torch.minimum(nearest[:, part], reach)
        radius[:, columns] = nearest
    return radius


def _information_of_numbers(
    values: Tensor, ordered: Tensor, target: Tensor, neighbours: int
) -> Tensor:
    """Kraskov's first estimate for latents [D, N], also sorted, and one factor [1 or 2, N], [D]."""
    from scipy.spatial import cKDTree

    if not bool(target.any()):
        return values.new_zeros(len(values))
    radii = []
    for value in values:
        points = torch.cat([value[None], target]).T.cpu().numpy()
        found, _ = cKDTree(points).query(points, neighbours + 1, p=float("inf"))
        radii.append(torch.from_numpy(found[:, -1]))
    radius = torch.stack(radii).to(values.device)
    near_code = _count_within(ordered, values, radius)
    if len(target) == 1:
        target = target.expand(len(values), -1)
        near_target = _count_within(target.sort(1).values.contiguous(), target.contiguous(), radius)
    else:
        points = target.T.cpu().numpy()
        tree = cKDTree(points)
        near = [
            tree.query_ball_point(points, (r - _SLACK).cpu(), p=float("inf"), return_length=True)
            for r in radius
        ]
        near_target = torch.stack([torch.from_numpy(n) for n in near]).to(values.device)
    digamma = _digammas(values)
    counts = torch.stack([near_code, near_target]).clamp(min=neighbours)
    return digamma[-1] + digamma[neighbours] - digamma[counts].sum(0).mean(1)


def _count_within(ordered: Tensor, values: Tensor, radius: Tensor) -> Tensor:
    """How many of the sorted values [D, N] are nearer than the radius [D, M], itself included."""
    reach = radius - _SLACK
    return places_in(ordered, values + reach, right=True) - places_in(ordered, values - reach)

"""``vaescope modify``: from a configuration to a modified set, its picture and its record."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from vaescope.config.loading import build
from vaescope.data import FactorDataModule, FactorDataset, stays_in_range, write_modified
from vaescope.data.sets.modified.originals import name_of
from vaescope.diagnosis import factor_grams, principal_components
from vaescope.distributions.likelihoods import Likelihood
from vaescope.errors import ConfigError, DataError, Mistakes, first_line
from vaescope.files import read_json, write_json
from vaescope.hardware import device_of, set_threads
from vaescope.modification.closed_form import Patterns
from vaescope.modification.examples import Examples
from vaescope.modification.game import Bounded, Direction, Game, Reference, Sparing
from vaescope.modification.learning import Training
from vaescope.modification.references import (
    Rotation,
    Widths,
    standardise,
    varying,
    widths_of_rotated,
)
from vaescope.modification.schedule import (
    GAME,
    MODIFIED,
    ORIGINAL,
    Measurement,
    Schedule,
    State,
    from_plain,
)
from vaescope.modification.sheet import save_sheet
from vaescope.run_folder.locking import locked
from vaescope.run_folder.modification import (
    RECORD,
    SET,
    SHEET,
    STATE,
    refuse_other_settings,
    refuse_others,
    settings_of,
)
from vaescope.streams import stream

log = logging.getLogger(__name__)

METHODS = ("learnt", "closed_form")
_POINTS, _DRAWS = 200, 64  # of the factor Jacobian


@dataclass(frozen=True)
class Modification:
    """A modified set that was made.

    Attributes:
        path: its folder, for ``data=modified data.path=...``.
        before: losses of both references on the original images, on rows that were kept back.
        during: likewise, at the end of the game; None of a closed form.
        after: likewise on the modified images, both decoders trained on them to the end.
        history: all measurements.
        seconds: of training.
    """

    path: Path
    before: Measurement | None
    during: Measurement | None
    after: Measurement | None
    history: tuple[Measurement, ...]
    seconds: float


def modify(plain: Mapping[str, Any]) -> Modification:
    """Learn or compute a modification of a data set and write the modified set.

    The same settings go on where a stopped process has left off; if all is there, nothing is done.

    Args:
        plain: resolved configuration of ``modify.yaml``.

    Returns:
        What was made, in ``output_dir``: the set in ``set``, of images ``sheet.png``, and the
        record ``modification.json``.

    Raises:
        ConfigError: settings cannot work, all that is wrong at once.
        RunFolderError: ``output_dir`` holds something else.
        DataError: the disk is full or files are damaged.
        TrainingDivergedError: a loss is not finite.
    """
    folder = Path(plain["output_dir"]).expanduser()
    identity = settings_of(plain)
    refuse_others(folder)
    if (folder / RECORD).is_file():
        refuse_other_settings(folder, _record(folder)["settings"], identity)
    module, likelihood, parts = _build(plain)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if (folder / RECORD).is_file() and (folder / SET).is_dir():
            return _read(folder)
        set_threads(plain["threads"])
        module.setup()
        game, state = _trained(plain, identity, module.dataset, likelihood, parts)
        return _write(plain, folder, module, game, state)


@dataclass(frozen=True)
class _Parts:
    """What a configuration chooses, built."""

    network: Any
    optimizer: Any
    rotation: Rotation
    widths: Widths
    patterns: Patterns
    schedule: Schedule


def _build(plain: Mapping[str, Any]) -> tuple[FactorDataModule, Likelihood, _Parts]:
    """Everything that needs no images; all refusals are told together.

    Raises:
        ConfigError: settings cannot work.
    """
    mistakes = Mistakes()
    with mistakes.noted():
        device_of(plain["device"])
    for key, allowed in (("method", METHODS), ("direction", get_args(Direction))):
        with mistakes.noted():
            if plain[key] not in allowed:
                raise ConfigError(f"config.{key}: {plain[key]!r}; choose {' or '.join(allowed)}")
    built: dict[str, Any] = {}
    for name in ("likelihood", *_Parts.__annotations__):
        with mistakes.noted():
            built[name] = build(plain[name], name)
    with mistakes.noted():
        module: FactorDataModule = build(plain["data"], "data")
        name_of(module)  # else the set could not be stored in the end
        names = varying(module.factors)
        if "rotation" in built:
            built["rotation"].matrix(names)
        if "network" in built:
            _check_network(built["network"], module.image_shape, len(names))
    mistakes.tell()
    return module, built.pop("likelihood"), _Parts(**built)


def _check_network(network: Any, image_shape: Sequence[int], count: int) -> None:
    try:
        network(image_shape, 1, count)
    except ValueError as error:
        raise ConfigError(f"config.network: {error}") from error


def _trained(
    plain: Mapping[str, Any],
    identity: Mapping[str, Any],
    dataset: FactorDataset,
    likelihood: Likelihood,
    parts: _Parts,
) -> tuple[Game, State]:
    """The game after all updates, those of an earlier process included."""
    device = device_of(plain["device"])
    game = make_game(plain, dataset, likelihood, parts).to(device)
    examples = Examples(dataset.to(device), parts.schedule.kept_back, plain["seed"])
    likelihood.mean_curvature(examples.at(examples.kept[:256])[0])  # refuses what it cannot have
    training = Training(
        game,
        examples,
        parts.optimizer,
        parts.schedule,
        Path(plain["output_dir"]).expanduser() / STATE,
        identity,
    )
    return game, training.run(bar=plain["bar"])


def make_game(
    plain: Mapping[str, Any], dataset: FactorDataset, likelihood: Likelihood, parts: _Parts
) -> Game:
    """The players before the first update."""
    names, seed = varying(dataset.factors), plain["seed"]
    gram = mean_gram(dataset, parts.widths.scale, seed)
    norms = gram.diagonal().sqrt()
    rotation = parts.rotation.matrix(names, norms)
    widths = parts.widths.of_factors(gram)
    shown = zip(names, norms.tolist(), widths.tolist(), strict=True)
    told = ", ".join(f"{name} {norm:.3g} {width:.3g}" for name, norm, width in shown)
    log.info("factors by |dx/dw| and width: %s", told)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        players = [parts.network(dataset.image_shape, 1, len(names))[1] for _ in range(3)]
    modification: nn.Module = Bounded(players[0])
    if plain["method"] == "closed_form":
        planes = parts.rotation.planes(names, norms)
        modification = parts.patterns.modification(
            dataset.factors, rotation, planes, dataset.image_shape, plain["direction"]
        )
    if number := plain["spared_components"]:
        axes = principal_components(dataset, 1.0, seed=seed).axes[:number]
        modification = Sparing(modification, axes)
    both = (widths, widths_of_rotated(widths, gram, rotation))
    disentangled, entangled = (
        Reference(decoder, sigma, parts.widths.adapt)
        for decoder, sigma in zip(players[1:], both, strict=True)
    )
    return Game(
        modification,
        disentangled,
        entangled,
        likelihood.nll,
        rotation=rotation,
        epsilon=plain["epsilon"],
        direction=plain["direction"],
        clip=stays_in_range(dataset.image_shape),
        price=plain["price"],
    )


def mean_gram(dataset: FactorDataset, scale: float, seed: int) -> Tensor:
    """Mean of F^T F [K, K] over random rows, F the factor Jacobian of the factors that vary.

    Raises:
        ConfigError: images do not change with the factors.
    """
    rng = stream(seed, "modification/jacobian")
    rows = torch.from_numpy(rng.integers(len(dataset), size=_POINTS))
    gram = factor_grams(dataset, rows, scale, _DRAWS, 1.0, rng).mean(0)
    if not gram.diagonal().amax() > 0:
        raise ConfigError("the images do not change with any factor; check the order of the rows")
    return gram


def _write(
    plain: Mapping[str, Any], folder: Path, module: FactorDataModule, game: Game, state: State
) -> Modification:
    """The set, the picture and, last, the record by which a folder is known to be whole."""
    device = next(game.parameters()).device
    module.dataset.to("cpu")

    @torch.no_grad()
    def change_of(values: Tensor, rows: Tensor) -> Tensor:
        return game.modification(standardise(module.factors, values).to(device))

    facts = {"settings": settings_of(plain), "history": [asdict(each) for each in state.history]}
    write_modified(folder / SET, module, change_of, plain["epsilon"], facts)
    if len(module.image_shape) == 3:
        save_sheet(folder / SHEET, module.dataset, change_of, plain["epsilon"], plain["seed"])
    write_json(folder / RECORD, {**facts, "seconds": state.seconds})
    return _read(folder)


def _read(folder: Path) -> Modification:
    """What was made, from its record."""
    record = _record(folder)
    history = tuple(Measurement(**each) for each in record["history"])
    last = {each.part: each for each in history}
    return Modification(
        folder / SET,
        last.get(ORIGINAL),
        last.get(GAME),
        last.get(MODIFIED),
        history,
        record["seconds"],
    )


def _record(folder: Path) -> dict[str, Any]:
    """Content of the record.

    Raises:
        DataError: it is damaged.
    """
    try:
        record = dict(read_json(folder / RECORD))
        _ = record["settings"].items(), record["seconds"]
        _ = [from_plain(Measurement, each) for each in record["history"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{folder / RECORD} is damaged ({first_line(error)}); remove it, and the same command "
            "writes it again"
        ) from error
    return record

"""Every score of known codes, each with the time that it takes; kept on disk, code by code."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vaescope.audit.codes import KnownCode, factor_grid, known_codes
from vaescope.errors import ConfigError, NoScoreError
from vaescope.files import read_json, write_json
from vaescope.metrics.information.family import information_family
from vaescope.panel.context import score_names
from vaescope.panel.repetitions import REFUSALS, compute_family
from vaescope.panel.sample import Sample
from vaescope.panel.side_by_side import call_side_by_side
from vaescope.scores import FAMILIES, INFORMATION_SCORES

log = logging.getLogger(__name__)
NAME = "measured.json"
# the same scores by other trees, minutes a code: only if they are asked for
SLOW = ("dci_gbt", "dci_forest")


@dataclass(frozen=True)
class Measurement:
    """What was measured on one known code."""

    name: str
    change: str
    amount: float
    num_rows: int
    scores: Mapping[str, float]  # by name; infinite where a score is
    # processor seconds of the computation that each score comes from, with the others that do
    seconds: Mapping[str, float]
    left_out: Sequence[str]  # a sentence for each score that these rows do not allow


_Answer = tuple[dict[str, float], float, list[str]]  # scores, seconds, what is left out


def measure_codes(
    folder: Path, sizes: Sequence[int], rows: int, scores: Sequence[str] | None, seed: int
) -> list[Measurement]:
    """Measure all scores on all known codes; what the folder holds of it is not made again.

    Args:
        folder: where ``measured.json`` lies, written after each code.
        sizes: values of each factor.
        rows: at most.
        scores: names of the panel; None: all but the slow repetitions of DCI.
        seed: of codes and scores.

    Raises:
        ConfigError: an unknown score, or a folder of other settings.
    """
    try:
        every = tuple(name for name in (*INFORMATION_SCORES, *FAMILIES) if name not in SLOW)
        names = score_names(every if scores is None else scores)
    except ValueError as error:
        raise ConfigError(f"scores={list(scores or ())}: {error}") from error
    settings = {"sizes": list(sizes), "rows": rows, "scores": list(names), "seed": seed}
    grid = factor_grid(sizes, rows, seed)
    done = _done(folder / NAME, settings)
    codes = list(known_codes(grid))
    for number, code in enumerate(codes, 1):
        if code.name not in done:
            start = time.perf_counter()
            done[code.name] = measure(code, names, seed)
            _keep(folder / NAME, settings, done)
            took = time.perf_counter() - start
            log.info("%d of %d: %s, %.1f s", number, len(codes), code.name, took)
    return [done[code.name] for code in codes]


def measure(code: KnownCode, names: Sequence[str], seed: int = 0) -> Measurement:
    """All these scores of one known code, as many computations at a time as torch has threads."""
    kinds = ("ordinal",) * code.factors.shape[1]
    sample = Sample(code.codes, code.factors, kinds, variance=code.variance, seed=seed)
    families = [name for name in names if name in FAMILIES]
    calls: list[Callable[[], _Answer]] = [
        partial(_timed, name, partial(compute_family, FAMILIES[name], sample)) for name in families
    ]
    if of_table := [name for name in names if name in INFORMATION_SCORES]:
        calls.insert(0, partial(_timed, "information", partial(_of_table, sample, of_table)))
    scores: dict[str, float] = {}
    seconds: dict[str, float] = {}
    left_out: list[str] = []
    for found, took, reasons in call_side_by_side(calls):
        scores |= found
        seconds |= dict.fromkeys(found, took)
        left_out += reasons
    return Measurement(
        code.name, code.change, code.amount, len(code.codes), scores, seconds, left_out
    )


def _timed(name: str, compute: Callable[[], Mapping[str, float | NoScoreError]]) -> _Answer:
    start = time.thread_time()
    try:
        answers = compute()
    except REFUSALS as error:
        return {}, 0.0, [f"{name}: {error}"]
    took = time.thread_time() - start
    found, reasons = {}, []
    for key, answer in answers.items():
        if isinstance(answer, NoScoreError):
            reasons.append(f"{key}: {answer}")
        elif math.isnan(answer):
            reasons.append(f"{key}: it is no number")
        else:
            found[key] = float(answer)
    return found, took, reasons


def _of_table(sample: Sample, names: Sequence[str]) -> dict[str, float]:
    every = information_family(
        sample.codes, sample.factors, kinds=sample.kinds, repeats=0, seed=sample.seed
    )
    return {name: every[name].score for name in names}


def _keep(path: Path, settings: Mapping[str, Any], done: Mapping[str, Measurement]) -> None:
    codes = [_texts(asdict(measurement)) for measurement in done.values()]
    write_json(path, {"settings": settings, "codes": codes})


def _done(path: Path, settings: Mapping[str, Any]) -> dict[str, Measurement]:
    """What an audit of the same settings has measured already."""
    if not path.exists():
        return {}
    try:
        content = read_json(path)
        others = content["settings"]
        found = [_measurement(each) for each in content["codes"]]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigError(f"{path} is damaged; remove it, or take another output_dir") from error
    if others != settings:
        differing = [key for key in settings if others.get(key) != settings[key]]
        said = ", ".join(f"{key}={others.get(key)}" for key in differing)
        raise ConfigError(f"{path.parent} holds an audit with {said}; take another output_dir")
    return {each.name: each for each in found}


def _measurement(content: Mapping[str, Any]) -> Measurement:
    scores = {str(key): float(value) for key, value in content["scores"].items()}
    seconds = {str(key): float(value) for key, value in content["seconds"].items()}
    numbers = float(content["amount"]), int(content["num_rows"])
    words = str(content["name"]), str(content["change"])
    left_out = [str(sentence) for sentence in content["left_out"]]
    return Measurement(*words, *numbers, scores, seconds, left_out)


def _texts(content: dict[str, Any]) -> dict[str, Any]:
    """Infinite numbers as text, which JSON has no number for."""
    scores = content["scores"].items()
    return content | {"scores": {k: v if math.isfinite(v) else str(v) for k, v in scores}}

"""``results.json`` of a reproduction: all that its page is made of, without the runs.

A small file to keep: of every run the scores, evaluations and numbers of weights that the page
asked for, its setting, and what it was made with.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from vaescope.errors import ConfigError, DataError
from vaescope.files import read_json, write_text
from vaescope.nested import flat_settings
from vaescope.reproduction.claims import Verdict
from vaescope.reproduction.collected import Evidence, FromPage, by_reason
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result
from vaescope.reproduction.tables import Line
from vaescope.run_folder.metrics import Metrics
from vaescope.run_folder.scores import UNREADABLE
from vaescope.scores import OVER_PRUNED, chief_keys

OF_CONFIG = (  # settings that claims and figures ask for, beside the numbers of the model
    *("latent_dim", "optimizer.lr", "data.batch_size"),
    "callbacks.evaluation.every_n_steps",
)


def write_results(
    path: Path, paper: str, every: Sequence[Evidence], texts: Mapping[str, Any]
) -> None:
    """Write the file whole or not at all.

    Args:
        path: of the file.
        paper: its name.
        every: what was measured, after its page has been made: it then knows what that asked for.
        texts: tables and verdicts, for who reads the file; `read_evidence` makes them anew.
    """
    content = {"paper": paper, **texts, "reproductions": [_packed(one) for one in every]}
    write_text(path, f"{_in_lines(_finite(content))}\n")


def read_evidence(path: Path, paper: str) -> list[Evidence]:
    """What was measured for a paper.

    Raises:
        DataError: the file is none that ``vaescope reproduce`` writes.
        ConfigError: it is of another paper.
    """
    try:
        content = read_json(path)
        of, every = str(content["paper"]), [_unpacked(one) for one in content["reproductions"]]
    except UNREADABLE as error:
        raise DataError(
            f"results={path}: {error!r}; give the results.json of a reproduction, or a list of them"
        ) from error
    if of != paper:
        raise ConfigError(f"results={path}: it is of {of}; vaescope reproduce {of} reads it")
    return every


def _packed(evidence: Evidence) -> dict[str, Any]:
    runs = {
        name: _packed_run(result) | {"measured": evidence.measured.get(name, {})}
        for name, result in evidence.finished.items()
    }
    return {
        "scale": evidence.scale,
        "command": evidence.command,
        "date": evidence.date,
        "machine": evidence.machine,
        "runs": runs,
        "left_out": by_reason(evidence.left_out),
        "from_page": asdict(evidence.from_page),
    }


def _packed_run(result: Result) -> dict[str, Any]:
    asked = result.asked_scores | {f"test/{OVER_PRUNED.name}"}
    keys = {key for row in result.rows for key in row if key in asked}
    keys |= set(chief_keys(result.rows))
    evaluations = {}
    for key, steps in sorted(result.asked_evaluations.items()):
        every = [result.evaluations(key, only) for only in ({None} if None in steps else steps)]
        values = {step: values.tolist() for one in every for step, values in one.items()}
        found = dict(sorted(values.items()))
        evaluations[key] = {"steps": [*found], "values": [*found.values()]}
    return {
        "experiment": result.run.experiment,
        "words": result.run.words,
        "reduced": result.run.reduced,
        "differs": result.run.differs,
        "made": result.made,
        "config": _settings(result.config),
        "published": result.published,
        "diverged": result.diverged,
        "scores": {k: [row.get(k) for row in result.rows] for k in ["seed", *sorted(keys)]},
        "evaluations": {key: each for key, each in evaluations.items() if each["steps"]},
        "beside": result.beside,
    }


def _settings(config: Mapping[str, Any]) -> dict[str, float]:
    """Dotted keys and values of the settings that are kept."""
    return {
        key: value
        for key, value in flat_settings(config)
        if isinstance(value, int | float) and (key in OF_CONFIG or key.startswith("model."))
    }


def _unpacked(packed: Mapping[str, Any]) -> Evidence:
    runs = {str(name): _unpacked_run(str(name), run) for name, run in packed["runs"].items()}
    left_out = {
        str(name): Result(Run(str(name), ""), Path(), error=str(reason))
        for reason, names in packed["left_out"].items()
        for name in names
    }
    measured = {
        name: {
            str(key): _numbers(values) for key, values in packed["runs"][name]["measured"].items()
        }
        for name in runs
    }
    page = packed["from_page"]
    return Evidence(
        str(packed["scale"]),
        runs | left_out,
        {name: numbers for name, numbers in measured.items() if numbers},
        str(packed["command"]),
        str(packed["date"]),
        dict(packed["machine"]),
        FromPage(
            {
                str(part): [_texts(line, Line) for line in page["tables"][part]]
                for part in page["tables"]
            },
            [_texts(verdict, Verdict) for verdict in page["judged"]],
        ),
    )


def _unpacked_run(name: str, packed: Mapping[str, Any]) -> Result:
    scores = {str(key): list(values) for key, values in packed["scores"].items()}
    for key, values in scores.items():
        if len(values) != len(scores["seed"]):
            raise ValueError(f"{name}: {len(values)} values of {key}, {len(scores['seed'])} seeds")
        if not all(value is None or isinstance(value, int | float) for value in values):
            raise TypeError(f"{name}: {key} has what is no number")
    reduced, words = tuple(map(str, packed["reduced"])), tuple(map(str, packed["words"]))
    return Result(
        Run(name, str(packed["experiment"]), words, reduced, str(packed["differs"])),
        Path(),
        [dict(zip(scores, row, strict=True)) for row in zip(*scores.values(), strict=True)],
        {str(key): _numbers(values) for key, values in packed["published"].items()},
        [int(seed) for seed in packed["diverged"]],
        config=_nested(packed["config"]),
        beside=dict(packed["beside"]),
        recorded=_metrics(packed["evaluations"]),
        made=dict(packed["made"]),
    )


def _metrics(packed: Mapping[str, Mapping[str, Sequence[Any]]]) -> Metrics:
    """Evaluations by step and place among the seeds."""
    found: Metrics = {}
    for key, each in packed.items():
        for step, values in zip(each["steps"], each["values"], strict=True):
            for place, value in enumerate(_numbers(values)):
                found.setdefault((int(step), place), {})[str(key)] = value
    return dict(sorted(found.items()))


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key as nested mappings."""
    found: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = str(key).split(".")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value if isinstance(value, int) else float(value)
    return found


def _numbers(values: Iterable[Any]) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]


def _texts(node: Mapping[str, Any], kind: type[Line] | type[Verdict]) -> dict[str, Any]:
    """The fields of a line or a verdict, all of them and no other."""
    types = {field.name: field.type for field in fields(kind)}
    return {name: int(node[name]) if types[name] is int else str(node[name]) for name in types}


def _finite(node: Any) -> Any:
    """The same with None for what is no finite number, which JSON has no word for."""
    if isinstance(node, Mapping):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def _in_lines(node: Any, indent: str = "\n") -> str:
    """JSON with a line for each entry, but for lists of numbers and mappings without any list."""
    inner = indent + " "
    if isinstance(node, dict) and any(isinstance(value, dict | list) for value in node.values()):
        lines = (f"{json.dumps(key)}: {_in_lines(value, inner)}" for key, value in node.items())
        return "{" + inner + f",{inner}".join(lines) + indent + "}"
    if isinstance(node, list) and any(isinstance(value, dict) for value in node):
        lines = (_in_lines(value, inner) for value in node)
        return "[" + inner + f",{inner}".join(lines) + indent + "]"
    return json.dumps(node, ensure_ascii=False, separators=(",", ":"))

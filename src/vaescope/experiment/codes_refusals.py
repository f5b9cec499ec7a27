"""What is no file of codes: refused in a sentence that says how to come by codes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.data.files.array_files import SUFFIXES
from vaescope.files import read_json

PARQUET, TENSORS = ".parquet", (".pt", ".pth")
SAVE = "encode with it, where it runs, and save codes [N, D] and factors [N, K]"
AS_NPZ = f"{SAVE}: numpy.savez(path, codes=codes, factors=factors)"


class Refusal(Exception):
    """What is wrong with a file, without its name."""


def require_both(found: Mapping[str, Any], known: Sequence[str], hint: str) -> None:
    """Refuse what lacks codes or factors; ``known`` is what is there instead."""
    for name in ("codes", "factors"):
        if name not in found:
            raise Refusal(f"has {list(known)}, but not {name}; {hint}")


def refuse_models(path: Path) -> None:
    """Say what a folder without codes is, and how to come by codes of it."""
    there = {each.name for each in path.iterdir()}
    if "state.json" in there:
        return
    if "dataset_dict.json" in there:
        parts = sorted(each.name for each in path.iterdir() if each.is_dir())
        raise Refusal(f"holds several data sets; give one, such as {path / (parts or ['test'])[0]}")
    if {"tfhub", "saved_model.pb", "tfhub_module.pb"} & there or (path / "model/tfhub").is_dir():
        told = f" ({scores})" if (scores := _published_scores(path)) else ""
        raise Refusal(
            f"is a model of disentanglement_lib{told}, whose TF-Hub module cannot be run here; "
            f"{AS_NPZ}"
        )
    if {"model.pt", "model_config.json"} <= there:
        raise Refusal(
            f"is a model of pythae, which cannot be run here; {SAVE}: "
            "torch.save({'codes': model.embed(images), 'factors': factors}, 'codes.pt')"
        )
    raise Refusal("is a folder without state.json: no data set that save_to_disk has written")


def _published_scores(path: Path) -> str:
    """Scores that disentanglement_lib left in a folder of results, in a few words."""
    found: dict[str, float] = {}
    for file in sorted(path.glob("**/results/json/evaluation_results.json"))[:20]:
        try:
            found |= _numbers_of(read_json(file))
        except (OSError, ValueError, AttributeError):
            continue
    return ", ".join(f"{name} {value:.3g}" for name, value in list(found.items())[:6])


def _numbers_of(content: Mapping[str, Any]) -> dict[str, float]:
    return {
        str(key).rpartition(".")[2]: float(value)
        for key, value in content.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def refuse_others(path: Path) -> None:
    """Refuse files that hold no codes, with what they are."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        scores = ""
        try:
            pairs = list(_numbers_of(read_json(path)).items())[:6]
            scores = ", ".join(f"{name} {value:.3g}" for name, value in pairs)
        except (OSError, ValueError, AttributeError):
            pass
        raise Refusal(f"holds scores or settings ({scores or 'no numbers'}), no codes; {AS_NPZ}")
    if suffix == ".gin":
        raise Refusal(f"is a configuration of disentanglement_lib, which holds no codes; {AS_NPZ}")
    if suffix not in SUFFIXES:
        known = ", ".join((*SUFFIXES, PARQUET, *TENSORS))
        raise Refusal(f"choose a file that ends in {known}, or a folder of save_to_disk")

"""Labels of a run on a dashboard: its name, its group and its tags, from what was chosen."""

from dataclasses import dataclass
from pathlib import Path

from vaescope.run_folder.hydra_record import read_hydra_record

TAGGED = ("data", "model", "network", "posterior", "likelihood", "experiment")
# settings that say nothing about what was trained
_OF_PLACES = (
    "output_dir",
    "data_dir",
    "resume",
    "threads",
    "objective",
    "logger",
    "callbacks.",
    "sweep.",
)
_LONGEST = 120, 64  # of a name, of a tag


@dataclass(frozen=True)
class Labels:
    """How a run is found among others."""

    name: str  # data, method and the settings that were given: `dsprites-beta_vae seed=1`
    group: str  # its sweep, else its experiment, else the folder above the run's
    tags: list[str]  # chosen options


def labels_of(folder: Path) -> Labels:
    """Labels from Hydra's record in the run's folder, or from the folder's name alone."""
    record, name = read_hydra_record(folder), f"{folder.parent.name}-{folder.name}"
    chosen = {group: record.choices[group] for group in TAGGED if group in record.choices}
    if chosen.keys() >= {"data", "model"}:
        words = [word.lstrip("+") for word in record.words]
        settings = [w for w in words if not w.startswith(_OF_PLACES) and not _chooses(w, chosen)]
        name = " ".join([f"{chosen['data']}-{chosen['model']}", *sorted(settings)])
    group = record.sweep or chosen.get("experiment") or folder.parent.name
    tags = [option[: _LONGEST[1]] for option in dict.fromkeys(chosen.values())]
    return Labels(name[: _LONGEST[0]], group, tags)


def _chooses(word: str, chosen: dict[str, str]) -> bool:
    """Whether a word is the choice of data or method, which begins the name already."""
    return word.split("=")[0] in ("data", "model") and word.split("=")[0] in chosen

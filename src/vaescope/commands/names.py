"""Names on the command line: commands, what each takes as plain words, flags."""

from pathlib import Path

import vaescope

COMMANDS = {
    "train": "train a model, measure it while it trains, and write a report",
    "evaluate": "measure a trained model again: evaluate RUN",
    "diagnose": "what a data set will do to a VAE, before any training: diagnose NAME",
    "audit": "what every score makes of codes that are known",
    "reproduce": "a paper's tables and figures beside the published values: reproduce cvpr2019",
    "modify": "images that a VAE disentangles no more: modify panels epsilon=0.15",
    "sweep": "a sweep as a whole: sweep status|resume|retry|table DIR",
    "report": "compare finished runs: report FOLDER ...",
    "export": "a trained model as ONNX or weights, with a model card: export RUN",
    "dashboard": "wandb's workspace and report of a project, as code: dashboard project=NAME",
    "data": "list, show, fetch, verify or render data sets: data list|show|fetch|verify|render",
}
# each a folder of claims and drawings
PAPERS = tuple(
    sorted(
        path.parent.name
        for path in Path(vaescope.__file__).parent.glob("reproduction/*/__init__.py")
    )
)
SWEEP_ACTIONS = ("status", "resume", "retry", "table")
DATA_ACTIONS = ("list", "show", "fetch", "verify", "render")
# commands whose first word is a value: its key, what it may be, what is said without it
FIRST_WORDS = {
    "data": ("action", DATA_ACTIONS, "vaescope data needs an action"),
    "reproduce": ("paper", PAPERS, "vaescope reproduce needs a paper"),
}
# words without a key that a command takes, and what they are
PLAIN_WORDS = {
    "train": ("", ""),
    "evaluate": ("RUN", "folder of a run, one of its checkpoints, or a file of codes"),
    "diagnose": ("[DATA]", "name of a data set"),
    "reproduce": ("PAPER", ", ".join(PAPERS)),
    "audit": ("", ""),
    "modify": ("[DATA]", "name of a data set"),
    "report": ("[FOLDER ...]", "of runs, at any depth; outputs/ without one"),
    "export": ("RUN", "folder of a run, or one of its checkpoints"),
    "dashboard": ("", ""),
    "data": ("ACTION [DATA]", f"{', '.join(DATA_ACTIONS)}; name of a data set"),
}
OF_DATA = ("data", "diagnose", "modify")
OF_RUN = ("evaluate", "export")

# flags of Hydra's that are followed by a value
VALUED = {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"}
VALUED |= {"--config-dir", "-cd", "--experimental-rerun", "--info", "-i"}
FLAGS = VALUED | {"--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r"}
FLAGS |= {"--multirun", "-m", "--shell-completion", "-sc"}
SHOWN = ("job", "hydra", "all")  # by --cfg
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")  # by --info
HELP = {"--help", "-h"}
SHOW_ONLY = {"--cfg", "-c", "--info", "-i", "--hydra-help", "--version"}
COMPLETION = {"--shell-completion", "-sc"}


def is_of_flag(before: str, word: str) -> bool:
    """Whether a word is a flag, or the value of the one before it."""
    may_stand_alone = before in ("--info", "-i") and "=" in word
    return word[:1] == "-" or (before in VALUED and not may_stand_alone)

"""Kill commands at random moments, go on with the same commands, compare with straight runs.

Every command is the public one, ``vaescope.cli.main``, in a process of its own that is forked from
one with all imports, so that a start takes milliseconds. SIGKILL comes at a moment drawn evenly
from the time that the straight command took; some runs get SIGTERM or SIGINT instead. After that
the same command, or ``resume=RUN``, goes on, and is killed again, up to five times.
"""

import argparse
import collections
import contextlib
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "WANDB_MODE": "offline"}

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from vaescope.cli import main
from vaescope.report.run.page import is_reported

SMALL = (
    *("experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]", "threads=1"),
    *("trainer.accelerator=cpu", "callbacks.progress.bar=false"),
    *("callbacks.progress.every_n_steps=3", "callbacks.finite.every_n_steps=4"),
    *("callbacks.evaluation.every_n_steps=5", "callbacks.checkpoint.every_n_steps=7"),
    *("trainer.max_steps=34", "statistics=[latents,polarized,disentanglement]"),
)
RUNS = {  # what is trained: checkpoints with and between evaluations, moments, members, buffers
    "beta_vae": ("model=beta_vae", "seed=3"),
    "annealed": ("model=beta_vae_annealed", "callbacks.checkpoint.every_n_steps=1"),
    "factor_vae": ("model=factor_vae", "trainer.accumulate_grad_batches=2"),
    "ensemble": ("model=vae", "ensemble.size=2"),
}
MOST_KILLS = 5


class Campaign:
    """One folder of straight and of killed commands, and the counts."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.kills: collections.Counter[str] = collections.Counter()
        self.signals: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self.seconds: dict[str, float] = {}

    def run(self, words: list[str], after: float | None = None, number: int = 9) -> int | None:
        """Exit code of a command; None: it was killed ``after`` seconds."""
        child = os.fork()
        if child == 0:
            os.chdir(self.folder)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup's is to ignore it
            log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            code = 0
            try:
                main(words)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException as error:
                os.write(2, repr(error).encode())
                code = 99
            sys.stdout.flush()
            os._exit(code or 0)
        sent = False
        if after is not None:
            deadline = time.monotonic() + after
            while time.monotonic() < deadline:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.005)
            os.kill(child, number)
            sent = True
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return None if sent and code in (-number, 128 + number) else code

    def straight(self, kind: str, words: list[str]) -> None:
        """Run a command that nothing interrupts, and take its time."""
        began = time.monotonic()
        self.expect(self.run(words) == 0, kind, f"the straight command fails: {words}")
        self.seconds[kind] = time.monotonic() - began
        print(f"straight {kind}: {self.seconds[kind]:.1f} s", flush=True)

    def killed(self, kind: str, ways: list[list[str]], share: float = 1.0) -> None:
        """Start a command, kill it, go on in one of several ways, at last to the end."""
        words = ways[0]
        for _ in range(self.random.randint(2, MOST_KILLS)):
            after = self.random.uniform(0, self.seconds[kind] * share)
            number = self.random.choice([9, 9, 9, 9, signal.SIGTERM, signal.SIGINT])
            code = self.run(words, after, number)
            if code is None:
                self.kills[kind] += 1
                self.signals[signal.Signals(number).name] += 1
            elif code == 0:
                break
            else:
                self.expect(False, kind, f"exit code {code} of {words}")
            words = self.next_way(ways)
        else:
            code = self.run(words)
            self.expect(code == 0, kind, f"exit code {code} at the end of {words}")

    def next_way(self, ways: list[list[str]]) -> list[str]:
        """Any of the ways that is open: ``resume=`` needs a state."""
        folder = Path(ways[-1][1].removeprefix("resume=")) if len(ways) > 1 else None
        begun = folder is not None and any((folder / "checkpoints").glob("*.ckpt"))
        return self.random.choice(ways) if begun else ways[0]

    def expect(self, holds: bool, kind: str, what: str) -> None:
        """Note and print what does not hold."""
        if not holds:
            self.faults.append(f"{kind}: {what}")
            print("FAULT", self.faults[-1], flush=True)

    def compare_runs(self, kind: str, one: Path, other: Path) -> None:
        """Weights, moments, scores and curves are equal to the bit; nothing is left over."""
        states = []
        for folder in (one, other):
            names = {path.name for path in folder.rglob("*")}
            missing = {"scores.json", "report.html", "config.yaml", "metrics.csv", "factors.json"}
            self.expect(missing <= names, kind, f"{folder} lacks {missing - names}")
            over = [n for n in names if n.endswith((".new", ".tmp", ".part"))]
            over += sorted(names & {"error.txt", ".lock"})
            self.expect(not over, kind, f"{folder} has {over}")
            self.expect(is_reported(folder), kind, f"{folder}: the report shows other scores")
            states.append(
                {n: torch.load(folder / f"checkpoints/{n}.ckpt") for n in ("last", "best")}
            )
        for name in ("last", "best"):
            a, b = (state[name] for state in states)
            keys = ("state_dict", "optimizer_states", "callbacks", "global_step", "epoch")
            for key in keys:
                self.expect(equal(a[key], b[key]), kind, f"{other}: {key} of {name}.ckpt differs")
        best = states[1]["last"]["callbacks"]["Checkpoint"]["best_step"]
        self.expect(states[1]["best"]["global_step"] == best, kind, f"{other}: best is stale")
        rows = [json.loads((f / "scores.json").read_text())["rows"] for f in (one, other)]
        self.expect(repr(rows[0]) == repr(rows[1]), kind, f"{other}: scores differ")
        self.expect(curves(one) == curves(other), kind, f"{other}: metrics.csv differs")


def equal(a: object, b: object) -> bool:
    """Whether nested containers hold equal tensors and values."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(equal, a, b))
    return a == b or (a != a and b != b)


def curves(folder: Path) -> list[dict[str, str]]:
    """Everything logged but the speed."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if v and "per_second" not in k}
            for row in csv.DictReader(file)
        ]


def digests(folder: Path) -> dict[str, str]:
    """Checksums of the converted arrays."""
    files = sorted(folder.rglob("*.npy"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_pictures(folder: Path, count: int) -> None:
    """Pictures of noise in two folders."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, 96, 96, 3), dtype=np.uint8)
    for number, pixels in enumerate(drawn):
        path = folder / str(number % 2) / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def warm_up() -> None:
    """What every forked process would do once: read Hydra's grammar, find the fonts."""
    with contextlib.redirect_stdout(io.StringIO()):
        main(["train", *SMALL, "--cfg", "job"])
    figure = Figure()
    figure.subplots().set(title="a", xlabel="b")
    figure.savefig(io.BytesIO())


def trains(campaign: Campaign, trials: int) -> None:
    """Single runs and ensembles."""
    for name, words in RUNS.items():
        one = campaign.folder / "straight" / name
        campaign.straight("train", ["train", *SMALL, *words, f"hydra.run.dir={one}"])
        for trial in range(trials):
            other = campaign.folder / "killed" / f"{name}-{trial}"
            begin = ["train", *SMALL, *words, f"hydra.run.dir={other}"]
            campaign.killed("train", [begin, ["train", f"resume={other}"]])
            campaign.compare_runs("train", one, other)
            shutil.rmtree(other)


def continued(campaign: Campaign, trials: int) -> None:
    """Finished runs that go on with more updates and another learning rate."""
    one = campaign.folder / "straight" / "longer"
    shutil.copytree(campaign.folder / "straight" / "beta_vae", one)
    changes = ["trainer.max_steps=51", "optimizer.lr=0.002"]
    campaign.straight("resume", ["train", f"resume={one}", *changes])
    for trial in range(trials):
        other = campaign.folder / "killed" / f"longer-{trial}"
        shutil.copytree(campaign.folder / "straight" / "beta_vae", other)
        campaign.killed("resume", [["train", f"resume={other}", *changes]])
        campaign.compare_runs("resume", one, other)
        shutil.rmtree(other)


def evaluations(campaign: Campaign, trials: int) -> None:
    """Scores of a checkpoint."""
    state = campaign.folder / "straight" / "beta_vae" / "checkpoints" / "best.ckpt"
    words = ["evaluate", f"checkpoint={state}", "metrics=[mig,sap,modularity]", "threads=1"]
    one = campaign.folder / "straight" / "evaluation"
    campaign.straight("evaluate", [*words, f"hydra.run.dir={one}"])
    for trial in range(trials):
        other = campaign.folder / "killed" / f"evaluation-{trial}"
        campaign.killed("evaluate", [[*words, f"hydra.run.dir={other}"]])
        texts = [(folder / "scores.json").read_text() for folder in (one, other)]
        campaign.expect(texts[0] == texts[1], "evaluate", f"{other}: scores differ")
        left = [p.name for p in other.rglob("*") if p.name.endswith(".new") or p.name == ".lock"]
        campaign.expect(not left, "evaluate", f"{other} has {left}")


def reports(campaign: Campaign, trials: int) -> None:
    """Comparisons of runs, one of which lacks its report."""
    runs = [campaign.folder / "straight" / name for name in ("beta_vae", "annealed")]
    one = campaign.folder / "straight" / "comparison"
    campaign.straight("report", ["report", *map(str, runs), f"output_dir={one}"])
    for trial in range(trials):
        other = campaign.folder / "killed" / f"comparison-{trial}"
        (runs[0] / "report.html").unlink()
        campaign.killed("report", [["report", *map(str, runs), f"output_dir={other}"]])
        pages = [json.loads((f / "comparison.json").read_text()) for f in (one, other)]
        same = all(
            a == b
            for (k, a), b in zip(pages[0].items(), pages[1].values(), strict=True)
            if k != "environment"
        )
        campaign.expect(same, "report", f"{other}: the comparison differs")
        campaign.expect(is_reported(runs[0]), "report", "the run's own report is missing")
        for folder in (other, *runs):
            left = [
                p.name for p in folder.rglob("*") if p.name.endswith(".new") or p.name == ".lock"
            ]
            campaign.expect(not left, "report", f"{folder} has {left}")


def sweeps(campaign: Campaign, trials: int) -> None:
    """Three jobs each."""
    words = ["train", "-m", *SMALL, "model.beta=1,2,4"]
    one = campaign.folder / "straight" / "sweep"
    campaign.straight("sweep", [*words, f"hydra.sweep.dir={one}"])
    for trial in range(trials):
        other = campaign.folder / "killed" / f"sweep-{trial}"
        campaign.killed("sweep", [[*words, f"hydra.sweep.dir={other}"]])
        for job in "012":
            campaign.compare_runs("sweep", one / job, other / job)
        tables = [json.loads((f / "scores.json").read_text()) for f in (one, other)]
        campaign.expect(repr(tables[0]) == repr(tables[1]), "sweep", f"{other}: the table differs")
        shutil.rmtree(other)


def conversions(campaign: Campaign, trials: int) -> None:
    """A folder of pictures, converted to one array."""
    pictures = campaign.folder / "pictures"
    write_pictures(pictures, 3000)
    base = ["data.path=" + str(pictures), "num_images=4", "num_statistics=100"]

    def words(folder: Path, action: str = "render") -> list[str]:
        where = [f"data_dir={folder}/cache", f"hydra.run.dir={folder}/out"]
        return ["data", action, "data=image_folder", *base, *where]

    one = campaign.folder / "straight" / "conversion"
    campaign.straight("conversion", words(one))
    for trial in range(trials):
        other = campaign.folder / "killed" / f"conversion-{trial}"
        campaign.killed("conversion", [words(other)])
        code = campaign.run(words(other, "verify"))
        campaign.expect(code == 0, "conversion", f"{other}: verify ends with {code}")
        same = digests(one / "cache") == digests(other / "cache") != {}
        campaign.expect(same, "conversion", f"{other}: the converted array differs")
        left = [p.name for p in other.rglob("*") if p.suffix in (".new", ".tmp", ".part")]
        campaign.expect(not left, "conversion", f"{other} has {left}")
        shutil.rmtree(other)


PARTS = {
    "train": trains,
    "resume": continued,
    "evaluate": evaluations,
    "report": reports,
    "sweep": sweeps,
    "conversion": conversions,
}


def campaign() -> int:
    """Run all parts; 1 if anything was lost, wrong or left over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="new; some 100 MB")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of trials")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True)
    state = Campaign(chosen.folder.resolve(), chosen.seed)
    trials = {"train": 7, "resume": 10, "evaluate": 22, "report": 22, "sweep": 5, "conversion": 10}
    warm_up()
    print(
        f"seed {chosen.seed}, trials {trials} x {chosen.scale:g}; train: of each of {[*RUNS]}",
        flush=True,
    )
    for name, part in PARTS.items():
        part(state, max(1, round(trials[name] * chosen.scale)))
        print(f"{name}: {state.kills[name]} kills, {len(state.faults)} faults so far", flush=True)
    print(
        f"kills: {dict(state.kills)}, {sum(state.kills.values())} in all, by {dict(state.signals)}"
    )
    print(f"faults: {len(state.faults)}", *state.faults, sep="\n")
    return bool(state.faults)


if __name__ == "__main__":
    raise SystemExit(campaign())

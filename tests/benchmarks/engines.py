"""One sweep on every engine that is installed: time, overhead a job, and what a kill costs.

Two data sets, three methods and four seeds: 24 short trainings. Of the kind ``killed`` a worker and
then the launcher get SIGKILL half-way, and the same command completes the sweep; its weights and
scores have to equal those of ``basic``, straight, to the bit. Each result is added to
``FOLDER/engines.json`` as soon as it is there, and what is there is not measured again, so that the
engines may be run one by one; those that ``--engines`` names are.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common import head

from builders.killed_sweeps import at_work, content, lines, num_finished
from builders.slurm import Cluster, why_not
from vaescope.config.loading import config_dir
from vaescope.run_folder.timing_file import read_sessions, seconds_of
from vaescope.sweeps.forking import cores_here

JOBS = 24
WORDS = (
    *("train", "-m", "experiment=tiny", "network=mlp_60_40_20", "latent_dim=4", "logger=[csv]"),
    *("data=tiny,digits", "model=vae,beta_vae,factor_vae", "seed=0,1,2,3", "statistics=[latents]"),
    *("callbacks=[evaluation,checkpoint]", "callbacks.evaluation.every_n_steps=200"),
    *("callbacks.checkpoint.every_n_steps=20", "updates_per_call=1"),
    *("trainer.accelerator=cpu", "trainer.precision=32-true"),
)


def engines(at_a_time: int) -> dict[str, tuple[str, ...]]:
    """Words that choose each engine that can run here, with so many jobs at a time."""
    n, cores = at_a_time, max(1, cores_here() // at_a_time)
    found = {
        "basic": (),
        "fork": ("hydra/launcher=fork", f"hydra.launcher.n_jobs={n}"),
        "joblib": ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={n}"),
        "submitit_local": (
            "hydra/launcher=submitit_local",
            f"hydra.launcher.cpus_per_task={cores}",
        ),
        "submitit_slurm": (
            *("hydra/launcher=submitit_slurm", f"hydra.launcher.array_parallelism={n}"),
            f"hydra.launcher.cpus_per_task={cores}",
        ),
        "ray": ("hydra/launcher=ray", f"hydra.launcher.num_cpus={cores}"),
        "dask": ("hydra/launcher=dask", f"hydra.launcher.n_jobs={n}"),
    }
    needed = {"joblib": "hydra_plugins.hydra_joblib_launcher", "ray": "ray", "dask": "distributed"}
    needed |= dict.fromkeys(("submitit_local", "submitit_slurm"), "submitit")
    for name, package in needed.items():
        ours = name in ("ray", "dask")
        file = Path(config_dir(), "hydra", "launcher", f"{name}.yaml")
        if not _is_there(package) or (ours and not file.is_file()):
            print(f"{name}: not installed", flush=True)
            del found[name]
    if "submitit_slurm" in found and (reason := why_not()):
        print(f"submitit_slurm: {reason}", flush=True)
        del found["submitit_slurm"]
    return found


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


class Engine:
    """One engine and the folder of its sweep.

    Args:
        folder: of all sweeps.
        name: of the engine.
        words: that choose it.
        before: words before the command: of the network in which it runs.
        steps: updates of a job.
    """

    def __init__(
        self, folder: Path, name: str, words: Sequence[str], before: Sequence[str], steps: int
    ) -> None:
        self.folder, self.name, self.before = folder, name, before
        self.words = (*WORDS, f"trainer.max_steps={steps}", *words)

    def start(self, sweep: str, resume: bool = False) -> subprocess.Popen[bytes]:
        """Start the command; what it prints goes to ``SWEEP.log``."""
        place = f"sweep.resume={sweep}" if resume else f"hydra.sweep.dir={sweep}"
        command = [*self.before, sys.executable, "-m", "vaescope", *self.words, place]
        with (self.folder / f"{sweep}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def straight(self, at_a_time: int) -> dict[str, Any]:
        """Seconds of the sweep, and what of them is not the jobs' own work."""
        sweep = self._fresh(self.name)
        began = time.monotonic()
        code = self.start(sweep.name).wait()
        seconds = time.monotonic() - began
        work = [sum(seconds_of(read_sessions(job)).values()) for job in _jobs(sweep)]
        slots = 1 if self.name == "basic" else at_a_time
        return {
            "exit code": code,
            "finished": num_finished(sweep),
            "seconds": round(seconds, 1),
            "work a job": round(sum(work) / JOBS, 2),
            "overhead a job": round((slots * seconds - sum(work)) / JOBS, 2),
        } | self._compared(sweep)

    def killed(self) -> dict[str, Any]:
        """The same sweep, of which a worker and then the launcher are killed half-way."""
        sweep = self._fresh(f"{self.name}-killed")
        began = time.monotonic()
        process = self.start(sweep.name)
        if self.name != "basic":
            pid, _ = _wait_for(lambda: num_finished(sweep) >= JOBS // 3 and at_work(sweep), process)
            os.kill(pid, signal.SIGKILL)
        _wait_for(lambda: num_finished(sweep) >= JOBS // 2 and at_work(sweep), process)
        process.kill()
        process.wait()
        done = {path: path.stat().st_mtime_ns for path in sweep.glob("*/report.html")}
        code = self.start(sweep.name, resume=True).wait()
        numbers = [line["job"]["number"] for line in lines(sweep) if "job" in line]
        return {
            "exit code": code,
            "finished": num_finished(sweep),
            "finished before the kill": len(done),
            "made again": sum(path.stat().st_mtime_ns != when for path, when in done.items()),
            "on record": len({*numbers}),
            "seconds": round(time.monotonic() - began, 1),
        } | self._compared(sweep)

    def _fresh(self, name: str) -> Path:
        for old in (self.folder / name, self.folder / f"{name}.log"):
            shutil.rmtree(old, ignore_errors=True)
            old.unlink(missing_ok=True)
        return self.folder / name

    def _compared(self, sweep: Path) -> dict[str, Any]:
        """How many jobs have the weights and scores of ``basic``, to the bit."""
        basic = self.folder / "basic"
        if sweep == basic or num_finished(basic) < JOBS:
            return {}
        return {"equal to basic": sum(_same(basic / job.name, job) for job in _jobs(sweep))}


def _jobs(sweep: Path) -> list[Path]:
    return [report.parent for report in sweep.glob("*/report.html")]


def _same(one: Path, other: Path) -> bool:
    (step, weights, rows), (other_step, others, other_rows) = map(content, (one, other))
    return (step, rows) == (other_step, other_rows) and all(
        torch.equal(weights[name], others[name]) for name in weights
    )


def _wait_for(condition: Any, process: subprocess.Popen[bytes]) -> Any:
    while not (found := condition()):
        if process.poll() is not None:
            raise SystemExit(f"the sweep ended with {process.returncode} before it was killed")
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def cluster(name: str, folder: Path) -> Iterator[Sequence[str]]:
    """Words before a command that uses Slurm; of another engine none."""
    if name != "submitit_slurm":
        yield ()
        return
    shutil.rmtree(folder, ignore_errors=True)
    made = Cluster(folder)
    os.environ |= made.environment
    try:
        made.start()
        yield made.words()
    finally:
        made.close()


def print_table(results: dict[str, Any]) -> None:
    """Print the results as Markdown."""
    print("\n| engine | seconds | work a job, s | overhead a job, s | equal to basic | killed: |")
    print("|---|---|---|---|---|---|")
    for name, by_kind in results.items():
        one, two = by_kind.get("straight", {}), by_kind.get("killed", {})
        cells = [one.get(k, "") for k in ("seconds", "work a job", "overhead a job")]
        equal = f"{one['equal to basic']} of {JOBS}" if "equal to basic" in one else ""
        killed = (
            f"{two['finished before the kill']} of {JOBS} before, {two['finished']} at the end, "
            f"{two['made again']} made again, "
            f"{two.get('equal to basic', 0)} equal, {two['seconds']} s"
            if two
            else ""
        )
        print(f"| `{name}` | {' | '.join(map(str, cells))} | {equal} | {killed} |")


def main() -> None:
    """Measure what is missing and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("outputs/engines"))
    parser.add_argument("--engines", help="some of them, with commas; measured anew")
    parser.add_argument("--kinds", default="straight", help="straight, killed, or both, by a comma")
    parser.add_argument("--steps", type=int, default=200, help="of a job, more than 40")
    parser.add_argument("--at-a-time", type=int, default=2)
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"jobs": JOBS, "at a time": given.at_a_time, "updates": given.steps}
    head("one sweep on every engine", settings)
    file = folder / "engines.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    known = engines(given.at_a_time)
    for name in given.engines.split(",") if given.engines else known:
        if name not in known:
            raise SystemExit(f"{name} cannot run here; there are {', '.join(known)}")
        there = {} if given.engines else results.get(name, {})
        for kind in (kind for kind in given.kinds.split(",") if kind not in there):
            with cluster(name, folder / "cluster") as before:
                engine = Engine(folder, name, known[name], before, given.steps)
                made = engine.killed() if kind == "killed" else engine.straight(given.at_a_time)
            results.setdefault(name, {})[kind] = made
            file.write_text(json.dumps(results, indent=1))
            print(f"{name}, {kind}: {made}", flush=True)
    print_table(results)


if __name__ == "__main__":
    main()

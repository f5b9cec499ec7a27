"""How many bad inputs end in anything but one message: options x values through the command.

Every try is a child forked from one process that has imported everything, so that it costs what it
does and not what importing costs. ``python tests/benchmarks/bad_input.py --tries 400 --seed 0``
prints what failed and ends with 1 if anything did.
"""

import argparse
import collections
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

TINY = (
    *("experiment=tiny", "network=mlp", "network.encoder_sizes=[8]", "network.decoder_sizes=[8]"),
    *("latent_dim=3", "logger=[csv]", "trainer.max_steps=2", "trainer.accelerator=cpu"),
    *("threads=1", "callbacks.progress.bar=false", "trainer.precision=32-true"),
)
VALUES = (
    *("-1", "0", "-0.5", "0.5", "1.5", "nan", "inf", "-inf", "1e30", "-1e30", "1000000000000"),
    *("text", "null", "[]", "[1]", "[-1,nan]", "[a]", "{}", "{a:1}", "true", "''", "' '", "/"),
    *("???", "${nope}", "'${oc.env:NOPE}'", "x" * 300, "${", "[1", "2147483648", "4294967296"),
)
GROUPED = ("train", "evaluate", "data")
SECONDS = 60
GIB = 2**30
WRITTEN = ("config.yaml", "checkpoints", "metrics.csv", "scores.json", "report.html")


def leaves(node, path=""):
    """Dotted paths of all values of a composed configuration."""
    from omegaconf import DictConfig

    for key in node:
        at = f"{path}.{key}" if path else str(key)
        raw = node._get_node(key)
        if isinstance(raw, DictConfig) and not raw._is_none() and not raw._is_interpolation():
            yield from leaves(raw, at)
        yield at


def options(command, base):
    """Keys that a user may set for a command, and its groups."""
    from hydra import compose, initialize_config_dir

    from vaescope.config.loading import config_dir, register_schemas

    register_schemas()
    words = [word for word in base if "=" in word]
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="bad_input"):
        found = list(leaves(compose(command, [*words, "output_dir=x"])))
    groups = [path.name for path in Path(config_dir()).iterdir() if path.is_dir()]
    return [key for key in found if key != "output_dir"] + (groups if command in GROUPED else [])


def tries(rng, bases, number):
    """Random pairs of an option and a value, each with the command that it is given to."""
    keys = {command: options(command, base) for command, base in bases.items()}
    models = [f"model={p.stem}" for p in Path(_conf(), "model").glob("*.yaml")]
    data = [f"data={p.stem}" for p in Path(_conf(), "data").glob("synthetic*.yaml")]
    views = [f"view={p.stem}" for p in Path(_conf(), "view").glob("*.yaml")]
    for _ in range(number):
        command = rng.choices(list(bases), [12, 4, 3, 1, 1])[0]
        words, known = list(bases[command]), keys[command]
        if command == "train" and rng.random() < 0.6:
            more = rng.choice([[rng.choice(models)], [rng.choice(data)], [rng.choice(views)]])
            known = options(command, [*words, *more])
            words += more
        key, value = rng.choice(known), rng.choice(VALUES)
        sign = rng.choices(["", "+", "++", "~"], [20, 2, 2, 1])[0]
        key = f"{key}x" if rng.random() < 0.03 else key
        yield [command, *words, f"{sign}{key}={value}"]


def _conf():
    from vaescope.config.loading import config_dir

    return config_dir()


def one(words, folder, seconds=SECONDS):
    """Run one command line in a child; returns its exit code, output and seconds."""
    folder.mkdir(parents=True)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(words, folder)
    code = None
    while code is None and time.monotonic() - began < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.01)
    if code is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return code, (folder / "printed").read_text(errors="replace"), time.monotonic() - began


def _child(words, folder):
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        out = os.open("printed", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (24 * GIB, 24 * GIB))
        from vaescope.cli import main

        main(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def verdict(code, text, folder):
    """``accepted``, ``refused``, or what is wrong."""
    if "Traceback (most recent call last)" in text:
        return "TRACEBACK"
    if code is None:
        return "HANGS"
    if code < 0:
        return f"KILLED by {-code}"
    if code == 0:
        return "accepted"
    runs = [path.parent for path in folder.glob("outputs/*/*/.hydra")]
    left = [name for run in runs for name in WRITTEN if (run / name).exists()]
    if left and "not a finite number" not in text and "never logged" not in text:
        return f"WRITTEN: {left}"
    return "refused" if len(text.strip()) > 10 else "SILENT"


def warm():
    """Import all that any command uses."""
    import torch

    torch.set_num_threads(1)
    import matplotlib.pyplot  # noqa: F401

    import vaescope.sweeps.preloaded  # noqa: F401


def main():
    """Make the tries and count what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    os.environ |= {"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    warm()
    place = Path(tempfile.mkdtemp(prefix="bad_input_"))
    run = place / "run"
    code, text, _ = one(["train", *TINY, f"hydra.run.dir={run}/out"], run, 300)
    assert code == 0, text
    last = run / "out" / "checkpoints" / "last.ckpt"
    bases = {
        "train": TINY,
        "evaluate": (f"checkpoint={last}", "num_samples=16", "num_jacobians=2", "threads=1"),
        "data": ("show", "data=tiny", "num_images=4", "num_statistics=8"),
        "report": (f"runs=[{run}]",),
        "reproduce": ("cvpr2019", "only=none_of_them"),
    }
    counted, failed = collections.Counter(), []
    pairs = set()
    for number, words in enumerate(tries(random.Random(given.seed), bases, given.tries)):
        folder = place / str(number)
        code, text, seconds = one(words, folder, given.seconds)
        found = verdict(code, text, folder)
        counted[found.split(":")[0]] += 1
        pairs.add(words[-1])
        if found not in ("accepted", "refused"):
            failed.append(words)
            shown = [words[0], *[w for w in words[1:] if w not in bases[words[0]]]]
            print(f"{found} ({seconds:.1f} s): {' '.join(shown)}\n{text[-1500:]}\n", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    print(f"seed {given.seed}: {given.tries} tries, {len(pairs)} pairs of option and value:")
    print(", ".join(f"{count} {name}" for name, count in counted.most_common()))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()

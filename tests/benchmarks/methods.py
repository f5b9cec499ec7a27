"""Updates per second of every method, relative to the beta-VAE's, in one process.

Plain loops of ``terms``, backward and optimiser step with each method's own YAML, on the images and
views that it needs, without trainer, callbacks or loggers; under bfloat16 where the processor
multiplies it natively. A round runs all methods one after the other; ratios are medians over
rounds of the ratio to the beta-VAE of the same round.

Run: python tests/benchmarks/methods.py --threads 2 --steps 20 --rounds 3 2>/dev/null
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from common import elapsed, head, interleaved, now, plain_config, ratios, table

from vaescope.config.loading import config_dir
from vaescope.experiment.assembly import build_data, build_model


def loop(method: str, settings: argparse.Namespace) -> Callable[[], tuple[float, float]]:
    """A function that makes some updates and returns what they took."""
    plain = plain_config("/unused", f"data={settings.data}", f"model={method}", *settings.overrides)
    data = build_data(plain)
    torch.manual_seed(0)
    model = build_model(plain, data.image_shape)
    model.num_images = len(data.rows["train"])
    if plain["channels_last"]:
        model.to(memory_format=torch.channels_last)
    optimizer, batches = model.configure_optimizers(), data.epoch_batches()
    low = plain["trainer"]["precision"] == "bf16-mixed"

    def updates() -> tuple[float, float]:
        for step in range(settings.warmup + settings.steps):
            if step == settings.warmup:
                start = now()
            batch = data.dataset.gather(batches.plan(step))
            noise = model.noise_for(len(batch.image), step)
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                loss = model.loss(model.terms(batch, step, noise), step)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return elapsed(start)

    return updates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="dsprites")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", help="default: all of conf/model")
    parser.add_argument("overrides", nargs="*", help="more settings of the configuration")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("Updates per second of every method", vars(settings))
    known = sorted(path.stem for path in (Path(config_dir()) / "model").glob("*.yaml"))
    chosen = ["beta_vae", *(m for m in settings.methods or known if m != "beta_vae")]
    taken = interleaved({name: loop(name, settings) for name in chosen}, settings.rounds)
    rows = []
    for name, times in taken.items():
        speed = settings.steps / statistics.median(wall for wall, _ in times)
        rows.append([name, speed, *ratios(taken, name, "beta_vae", 0)])
    table(["method", "updates/s", "of the beta-VAE's", "range"], rows)


if __name__ == "__main__":
    main()

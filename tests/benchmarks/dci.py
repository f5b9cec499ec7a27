"""How long do the probes of DCI take, and does the quick one rank codes as the field's does?

python tests/benchmarks/dci.py times --rows 10000 --test 5000 --gbt-rounds 5
python tests/benchmarks/dci.py ranks --rows 1500 --test 1000

`times`: every probe on codes [N, 10] of the sizes of dSprites. scikit-learn's boosting takes
minutes; with `--gbt-rounds R` it makes R of its 100 rounds and the time is multiplied by 100 / R,
which is said in the table. `ranks`: rank correlation of D, C and I of `boosted` and of `gbt` over
44 representations of five factors with 3, 4, 6, 8 and 10 values, from perfect to useless.
"""

import argparse
from functools import partial

import numpy as np
import torch
from common import elapsed, head, now, table
from scipy.stats import spearmanr
from sklearn.ensemble import GradientBoostingClassifier

from vaescope.metrics.prediction.dci_scores import dci
from vaescope.metrics.prediction.probes import PROBES, Probe, boosted_probe
from vaescope.streams import stream

DSPRITES = (3, 6, 40, 32, 32)
SIZES = (3, 4, 6, 8, 10)
SETTINGS = ((30, 0.3, 64), (30, 0.3, 256), (100, 0.1, 64))


def factors_and_units(rows, sizes, rng):
    """Factors [N, K] and the same with mean 0 and variance 1."""
    factors = np.stack([rng.integers(size, size=rows) for size in sizes], 1)
    return factors, (factors - factors.mean(0)) / factors.std(0)


def representations(rows, rng):
    """Factors [N, 5] and named codes [N, D] of many kinds between perfect and useless."""
    factors, unit = factors_and_units(rows, SIZES, rng)
    noise = rng.standard_normal((rows, 10))
    near = np.roll(unit, 1, 1)
    pairs = [factors[:, 0] + 3 * factors[:, 4], factors[:, 1] + 4 * factors[:, 3], factors[:, 2]]
    codes = {
        "perfect": unit,
        "with_noise": np.hstack([unit, noise[:, :5]]),
        "with_dead": np.hstack([np.zeros((rows, 3)), unit, np.ones((rows, 2))]),
        "twice": np.hstack([unit, unit]),
        "twice_noisy": np.hstack([unit, unit]) + 0.3 * noise,
        "thrice_two": np.hstack([unit, unit[:, :2], -unit[:, :2]]),
        "sums": unit + near,
        "weighted_sums": unit + 0.3 * near + 0.1 * noise[:, :5],
        "products": unit * near,
        "two_in_one": np.stack(pairs, 1).astype(float),
        "all_in_one": np.hstack([unit.sum(1, keepdims=True), noise[:, :3]]),
        "bent": np.hstack([np.abs(unit), unit**3, noise[:, :1]]),
        "circle": np.hstack([np.cos(2 * unit), np.sin(2 * unit)]),
        "halves": np.hstack([np.minimum(unit, 0), np.maximum(unit, 0)]),
        "binary": np.sign(unit),
        "coarse": np.round(unit + 0.3 * np.roll(unit, 2, 1)),
        "noise": noise,
        "one_latent": unit[:, 3:4] + 0.1 * noise[:, :1],
    }
    for missing in (1, 2, 3, 4):
        codes[f"missing_{missing}"] = np.hstack([unit[:, missing:], noise[:, : missing + 2]])
    for sigma in (0.1, 0.25, 0.5, 1.0, 2.0):
        clean = np.hstack([unit, noise[:, :2]])
        codes[f"noisy_{sigma}"] = clean + sigma * rng.standard_normal((rows, 7))
    return factors, codes | turned(unit) | mixed(unit, noise, rng)


def turned(unit):
    """Rotations of pairs of factors by an angle; one factor stays."""
    codes = {}
    for degrees in (3, 7, 12, 20, 30, 45):
        cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn = np.array([[cos, -sin], [sin, cos]])
        codes[f"turned_{degrees}"] = np.hstack(
            [unit[:, 1:3] @ turn, unit[:, 3:] @ turn, unit[:, :1]]
        )
    return codes


def mixed(unit, noise, rng):
    """Rotations of all latents and nonlinear mixes."""
    codes = {}
    skew = rng.standard_normal((10, 10))
    for strength in (0.03, 0.1, 0.25, 1.0):
        turn = np.linalg.qr(np.eye(10) + strength * (skew - skew.T))[0]
        codes[f"rotated_{strength}"] = np.hstack([unit, 0.3 * noise[:, :5]]) @ turn
    for gain in (0.3, 1.0, 3.0):
        first, second = rng.standard_normal((5, 20)), rng.standard_normal((20, 8))
        codes[f"mixed_{gain}"] = np.tanh(gain * unit @ first) @ second
        nearly = np.eye(5) + 0.2 * gain * rng.standard_normal((5, 5))
        codes[f"nearly_{gain}"] = np.tanh(unit @ nearly) + 0.05 * noise[:, :5]
    tilt = np.eye(5) + 0.15 * rng.standard_normal((5, 5))
    codes["vae_like"] = np.hstack([unit @ tilt + 0.2 * noise[:, :5], 0.9 * noise[:, 5:]])
    return codes


def scored(codes, factors, fitted, probe):
    """D, C, I of one probe, and its wall and CPU seconds."""
    codes, factors = torch.from_numpy(codes), torch.from_numpy(factors)
    since = now()
    found = dci(codes[:fitted], factors[:fitted], codes[fitted:], factors[fitted:], probe=probe)
    parts = (found.disentanglement, found.completeness, found.informativeness)
    return np.array([*parts, *elapsed(since)])


def ranks(options):
    """Table of rank correlations and differences with `gbt`."""
    factors, codes = representations(options.rows + options.test, stream(0, "dci_benchmark"))
    names = list(codes)[: options.representations]
    probes = {
        f"boosted {rounds} x {rate}, {bins} bins": Probe(
            "boosted", partial(boosted_probe, rounds=rounds, rate=rate, bins=bins), False, True
        )
        for rounds, rate, bins in SETTINGS
    }
    wanted = [*probes.items(), ("gbt", PROBES["gbt"])]
    found = {name: [] for name, _ in wanted}
    for place, name in enumerate(names):
        for label, probe in wanted:
            found[label].append(scored(codes[name], factors, options.rows, probe))
        print(place + 1, name, *(f"{x:.4g}" for x in found["gbt"][-1]), flush=True)
    base = np.array(found["gbt"])
    lines = []
    for label in probes:
        own = np.array(found[label])
        rho = [float(spearmanr(base[:, part], own[:, part])[0]) for part in range(3)]
        gap = np.abs(own - base)[:, :3]
        faster = base[:, 4] / own[:, 4]
        span = f"{faster.min():.1f} to {faster.max():.1f}"
        lines.append([label, len(names), *rho, *gap.mean(0), *gap.max(0), span])
    parts = [f"{what} {part}" for what in ("rank", "mean gap", "most gap") for part in "DCI"]
    table(["probe", "n", *parts, "times faster, CPU"], lines)


def limited_gbt(codes, factors, fitted, rounds):
    """Wall and CPU seconds of gradient boosting's first rounds on all factors."""
    since = now()
    for labels in factors[:fitted].T:
        model = GradientBoostingClassifier(n_estimators=rounds, random_state=0)
        model.fit(codes[:fitted], labels)
    return elapsed(since)


def times(options):
    """Table of seconds of all probes on perfect, turned and useless codes."""
    rng = stream(1, "dci_benchmark")
    factors, unit = factors_and_units(options.rows + options.test, DSPRITES, rng)
    noise = rng.standard_normal((len(unit), 10))
    turn = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    perfect = np.hstack([unit, noise[:, :5]])
    lines = []
    for kind, codes in (("perfect", perfect), ("turned", perfect @ turn), ("noise", noise)):
        quick = scored(codes, factors, options.rows, "boosted")
        for name in options.probes:
            if name == "gbt" and options.gbt_rounds < 100:
                scale = 100 / options.gbt_rounds
                wall, cpu = (
                    x * scale for x in limited_gbt(codes, factors, options.rows, options.gbt_rounds)
                )
                shown, label = ["-"] * 3, f"gbt, {options.gbt_rounds} rounds x {scale:g}"
            else:
                *shown, wall, cpu = scored(codes, factors, options.rows, name)
                label = name
            lines.append([kind, label, *shown, float(wall), float(cpu), float(cpu / quick[4])])
            print(*lines[-1], flush=True)
    table(["codes", "probe", "D", "C", "I", "wall s", "CPU s", "CPU / boosted"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=("times", "ranks"))
    parser.add_argument("--rows", type=int, default=1500, help="training rows")
    parser.add_argument("--test", type=int, default=1000, help="test rows")
    parser.add_argument("--gbt-rounds", type=int, default=100, help="of 100, in `times`")
    parser.add_argument("--probes", nargs="+", default=list(PROBES), choices=list(PROBES))
    parser.add_argument("--representations", type=int, default=None, help="the first so many")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    head(f"DCI: {options.study}", vars(options))
    {"times": times, "ranks": ranks}[options.study](options)


if __name__ == "__main__":
    main()

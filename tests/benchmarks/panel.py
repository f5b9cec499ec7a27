"""How long each score of the panel takes, with its chance level, ceiling and interval.

Codes are the factors of dSprites (3, 6, 40, 32, 32 values) mixed a little, with noise, beside five
latents of noise alone. CPU time is that of all threads. Last come all scores in one call, as a user
has them: the threads that one score leaves idle work on the next.

Run: python tests/benchmarks/panel.py --threads 2
"""

import argparse

import torch
from common import elapsed, head, now, table

from vaescope.panel import DEFAULT_SCORES, FAMILIES, INFORMATION_SCORES, score_panel

SIZES = (3, 6, 40, 32, 32)
KINDS = ("categorical", "ordinal", "circular", "ordinal", "ordinal")


def made(rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes [rows, 10] and factors [rows, 5]."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(n, (rows,), generator=generator) for n in SIZES], 1)
    values = factors.double() / torch.tensor(SIZES) * 4 - 2
    mix = torch.eye(5) + 0.2 * torch.randn(5, 5, generator=generator)
    codes = torch.cat([values @ mix.double(), torch.zeros(rows, 5).double()], 1)
    return codes + 0.1 * torch.randn(codes.shape, generator=generator).double(), factors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--costly-repeats", type=int, default=5)
    parser.add_argument(
        "--scores",
        nargs="*",
        default=list(DEFAULT_SCORES),
        choices=[*INFORMATION_SCORES, *FAMILIES],
    )
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("Time of the panel's scores", vars(settings))
    codes, factors = made(settings.rows)
    rows = []
    for name in (*settings.scores, "all"):
        start = now()
        found = score_panel(
            codes,
            factors,
            kinds=KINDS,
            scores=settings.scores if name == "all" else [name],
            repeats=settings.repeats,
            costly_repeats=settings.costly_repeats,
        )
        wall, cpu = elapsed(start)
        values = " ".join(f"{m.score:.3f}" for m in found.values())
        rows.append([name, wall, cpu, "in one call" if name == "all" else values])
    table(["score", "wall s", "CPU s", "values"], rows)


if __name__ == "__main__":
    main()

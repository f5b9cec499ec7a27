"""Distance to orthogonality of 1,000 codes: batched Gram matrices against per-sample Jacobians.

The decoder is conv64 (10 latents, 4,096 pixels; logits), with its initial weights or those of
``--checkpoint``; the codes are standard normal.

* ours: ``decoder_gram`` (forward mode, all tangents of many codes at once), eigenvectors of all
  Gram matrices at once, ``distance_to_orthogonality``; all ``--num-codes`` are computed;
* loops: for each code its Jacobian, ``torch.linalg.svd`` in float64 and the distance, with
  - reverse: ``torch.autograd.functional.jacobian``, as one would write it first;
  - forward: the same with ``strategy="forward-mode", vectorize=True``;
  - jacfwd: ``torch.func.jacfwd``.
  They run on the first few codes and are **extrapolated linearly** to ``--num-codes``.

Rounds go ours, reverse, forward, jacfwd, ours ...; the best round counts. "max difference" is the
largest difference in the distance of one code, over the codes that the loop computed.

Run: python tests/benchmarks/jacobian_speed.py --threads 1 --rounds 3
"""

import argparse
from collections.abc import Callable

import torch
from common import elapsed, head, interleaved, now, plain_config, table
from torch import Tensor
from torch.autograd.functional import jacobian

from vaescope.alignment import decoder_gram, distance_to_orthogonality, right_singular_vectors
from vaescope.experiment.assembly import build_model, load_model

Derivative = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
LOOPS: dict[str, Derivative] = {
    "reverse": jacobian,
    "forward": lambda f, z: jacobian(f, z, strategy="forward-mode", vectorize=True),
    "jacfwd": lambda f, z: torch.func.jacfwd(f)(z),
}


def batched(decode: Callable[[Tensor], Tensor], codes: Tensor, memory_mb: int) -> Tensor:
    vectors, _ = right_singular_vectors(decoder_gram(decode, codes, memory_mb=memory_mb))
    return distance_to_orthogonality(vectors)


def looped(decode: Callable[[Tensor], Tensor], codes: Tensor, derivative: Derivative) -> Tensor:
    distances = []
    for code in codes:
        j = derivative(lambda z: decode(z[None]).flatten(), code).detach()
        vectors = torch.linalg.svd(j.double(), full_matrices=False).Vh.mT
        distances.append(distance_to_orthogonality(vectors[None])[0])
    return torch.stack(distances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-codes", type=int, default=1000)
    parser.add_argument("--subset", type=int, default=5, help="codes of the reverse loop")
    parser.add_argument("--forward-subset", type=int, default=50, help="codes of the other loops")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory-mb", type=int, default=256)
    parser.add_argument("--layout", choices=["nhwc", "nchw"], default="nhwc")
    parser.add_argument("--checkpoint", help="RUN/checkpoints/last.ckpt")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head(f"Distance to orthogonality of {settings.num_codes} codes; best round", vars(settings))

    torch.manual_seed(0)
    if settings.checkpoint:
        model, _ = load_model(settings.checkpoint)
    else:
        model = build_model(plain_config("/unused"), (1, 64, 64)).eval()
    if settings.layout == "nhwc":
        model.to(memory_format=torch.channels_last)
    codes = torch.randn(settings.num_codes, model.latent_dim)
    sizes = dict.fromkeys(LOOPS, settings.forward_subset) | {"reverse": settings.subset}
    found: dict[str, Tensor] = {}

    def case(name: str, codes: Tensor, distances: Callable[[Tensor], Tensor]) -> Callable:
        def run() -> tuple[float, float]:
            start = now()
            found[name] = distances(codes)
            wall, cpu = elapsed(start)
            scale = settings.num_codes / len(codes)
            return wall * scale, cpu * scale

        return run

    cases = {"ours": case("ours", codes, lambda c: batched(model.decode, c, settings.memory_mb))}
    for name, derivative in LOOPS.items():
        subset = codes[: sizes[name]]
        cases[name] = case(name, subset, lambda c, d=derivative: looped(model.decode, c, d))
    batched(model.decode, codes[:8], settings.memory_mb)  # warm-up
    looped(model.decode, codes[:1], LOOPS["jacfwd"])
    taken = interleaved(cases, settings.rounds)
    rows = []
    for name, times in taken.items():
        n = len(found[name])
        wall, cpu = (min(t[clock] for t in times) for clock in (0, 1))
        ours, ours_cpu = (min(t[clock] for t in taken["ours"]) for clock in (0, 1))
        difference = float((found[name] - found["ours"][:n]).abs().max())
        label = f"loop, {name}" if name in LOOPS else "ours, batched"
        compared = f"{difference:.2g}" if name in LOOPS else "-"
        rows.append([label, n, wall, cpu, wall / ours, cpu / ours_cpu, compared])
    columns = ["way", "codes run", f"s for {settings.num_codes}", "CPU s", "times ours", "in CPU s"]
    table([*columns, "max difference"], rows)
    print(
        f"\nLoops are extrapolated linearly from their codes to {settings.num_codes}. "
        f"Mean distance: {float(found['ours'].mean()):.4f}"
    )


if __name__ == "__main__":
    main()

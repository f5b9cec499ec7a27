"""Updates a second on a GPU, through `vaescope train`'s own objects and in a plain loop."""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from common import Clock, elapsed, now, plain_config, ready_to_fit

from vaescope.experiment import trainers
from vaescope.experiment.assembly import build_model
from vaescope.files import write_json

BARE = ("callbacks=[]", "logger=[]")
QUIET = ("logger=[csv]", "callbacks.progress.bar=false")
MLP = ("network=mlp", "latent_dim=5", "data.batch_size=256", "ensemble.size=20")
TABLE1 = (
    *(*BARE, *MLP[:-1], "optimizer=adagrad", "ensemble.size=5"),
    *("trainer.precision=32-true", "tf32=true"),
)
LINEAR = ("experiment=synthetic_linear", "trainer.precision=32-true", "ensemble.size=20")
EAGER = ("cuda_graph=false", "compile=false", "updates_per_call=1")
COMPILED = ("compile=true",)
# updates of the whole program a second that are wanted, times members
TARGETS = {
    "conv64 x 1": 2_000,
    "conv64 x 1, default callbacks": 2_000,
    "conv64 x 16": 5_000,
    "1200s x 20, batch 256": 300 * 20,
}


def updates_per_second(updates: int, *words: str) -> float:
    """Through vaescope's own training, once it runs at its speed; times the members."""
    first = max(8, updates // 5)
    with tempfile.TemporaryDirectory() as folder:
        plain = plain_config(folder, f"trainer.max_steps={first + updates + 1}", *words)
        trainer, model, data = ready_to_fit(plain)
        clock = Clock(first, first + updates)
        trainer.callbacks.append(clock)
        trainers.fit(trainer, model, data, None)
    return updates * plain["ensemble"]["size"] / clock.taken[0]


def plain_loop(updates: int, precision: str, graph: bool, members: int = 1) -> float:
    """Updates a second of the conv64 β-VAE written out, its images drawn on the device.

    Several members have a CUDA stream each, so that their kernels share the device.
    """
    plain = plain_config("/unused", f"trainer.precision={precision}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.randint(2, (20_000, 1, 64, 64), device=device, dtype=torch.uint8)
    low = precision == "bf16-mixed"

    def member() -> Callable[[], None]:
        model = build_model(plain, (1, 64, 64)).to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=1e-3, fused=True, capturable=device == "cuda"
        )

        def update() -> None:
            x = images.index_select(0, torch.randint(len(images), (64,), device=device)).float()
            with torch.autocast(device, torch.bfloat16, enabled=low, cache_enabled=False):
                mean, log_variance = model.encoder(x).float().chunk(2, dim=1)
                z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
                decoded = model.decoder(z).float()
                nll = F.binary_cross_entropy_with_logits(decoded, x, reduction="none")
                kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
                loss = nll.flatten(1).sum(1).mean() + 10 * kl.sum(1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        return update

    each = [member() for _ in range(members)]
    update = each[0] if members == 1 else partial(_side_by_side, each)
    once: Callable[[], Any] = _captured(update) if graph else update
    for _ in range(10):
        once()
    start = now()
    for _ in range(updates):
        once()
    return members * updates / elapsed(start)[0]


def _side_by_side(functions: Sequence[Callable[[], None]]) -> None:
    """Each on a stream of its own; in a CUDA graph the streams are branches."""
    if not torch.cuda.is_available():
        for function in functions:
            function()
        return
    current = torch.cuda.current_stream()
    streams = [torch.cuda.Stream() for _ in functions]
    for function, stream in zip(functions, streams, strict=True):
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            function()
    for stream in streams:
        current.wait_stream(stream)


def _captured(update: Callable[[], None]) -> Callable[[], None]:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            update()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        update()
    replay: Callable[[], None] = graph.replay
    return replay


def matrix_product(precision: str, size: int) -> float:
    """Tera-operations a second of a large product of matrices: what there is to be had."""
    kind = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.randn(size, size, device=device, dtype=kind)
    for _ in range(3):
        a @ a
    start = now()
    for _ in range(10):
        a @ a
    return 10 * 2 * size**3 / elapsed(start)[0] / 1e12


def cases(rehearse: bool) -> Iterator[tuple[str, Callable[[], float]]]:
    """By name what is measured, the most important first."""
    on_gpu = torch.cuda.is_available()

    def case(updates: int, *words: str) -> Callable[[], float]:
        count = 8 if rehearse else updates
        smaller = ("ensemble.size=2", "data.batch_size=8") if rehearse and _many(words) else ()
        return partial(updates_per_second, count, *words, *smaller)

    yield "conv64 x 1, default callbacks", case(3000, *QUIET)
    for precision in ("bf16-mixed", "32-true"):
        own = (*BARE, f"trainer.precision={precision}")
        sixteen = (*own, "ensemble.size=16")
        yield f"conv64 x 1, {precision}", case(3000, *own)
        yield f"conv64 x 16, {precision}", case(200, *sixteen)
        yield f"1200s x 20, batch 256, {precision}", case(200, *own, *MLP)
        yield (
            f"conv64 x 1, {precision}, plain loop",
            partial(plain_loop, 2 if rehearse else 300, precision, False),
        )
        if on_gpu:
            yield (
                f"conv64 x 1, {precision}, plain loop as a graph",
                partial(plain_loop, 3000, precision, True),
            )
            yield (
                f"conv64 x 16, {precision}, plain loops on streams as a graph",
                partial(plain_loop, 100, precision, True, 16),
            )
        yield (
            f"matrix product, {precision}, TFLOP/s",
            partial(matrix_product, precision, 256 if rehearse else 8192),
        )
    yield "1200s x 5, batch 256, Adagrad, 32-true", case(300, *TABLE1, "tf32=false")
    yield "1200s x 5, batch 256, Adagrad, TF32", case(300, *TABLE1)
    yield "synthetic_linear x 20", case(3000, *LINEAR, *BARE)
    for precision in ("bf16-mixed", "32-true"):
        own = (*BARE, f"trainer.precision={precision}")
        yield f"conv64 x 1, {precision}, as before", case(300, *own, *EAGER)
        yield f"conv64 x 16, {precision}, as before", case(40, *own, *EAGER, "ensemble.size=16")
        yield f"1200s x 20, batch 256, {precision}, as before", case(60, *own, *EAGER, *MLP)
    yield "synthetic_linear x 20, as before", case(500, *LINEAR, *BARE, *EAGER)
    if rehearse:
        return
    low = (*BARE, "trainer.precision=bf16-mixed", *COMPILED)
    yield "synthetic_linear x 20, compiled", case(3000, *LINEAR, *BARE, *COMPILED)
    yield "conv64 x 1, bf16-mixed, compiled", case(3000, *low)
    yield "1200s x 20, batch 256, bf16-mixed, compiled", case(200, *low, *MLP)
    yield "conv64 x 16, bf16-mixed, compiled", case(200, *low, "ensemble.size=16")


def _many(words: tuple[str, ...]) -> bool:
    return any(word.startswith("ensemble.size") for word in words)


def speed(settings: argparse.Namespace, _: Any) -> dict[str, Any]:
    """Updates a second, members counted, and their share of what is wanted."""
    found: dict[str, Any] = {}
    for name, measure in cases(settings.rehearse):
        if not any(fnmatch(name, pattern) for pattern in settings.cases):
            continue
        if time.perf_counter() > settings.end:
            found[name] = "not begun: no time left"
            continue
        try:
            found[name] = round(measure(), 1)
        except Exception as error:  # a case that fails is a result
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        wanted = [target for case, target in TARGETS.items() if name.startswith(case)]
        share = isinstance(found[name], float) and wanted and found[name] / wanted[-1]
        print(
            f"  {name}: {found[name]}{f', {share:.0%} of the target' if share else ''}", flush=True
        )
        write_json(settings.out / "speed.json", found)
        free()
    return found


def kernels(settings: argparse.Namespace, _: Any) -> dict[str, str]:
    """What the device does in an update, by torch's profiler: a file of text for each case."""
    low = "trainer.precision=bf16-mixed"
    profiled = {
        "conv64_x_1": (low,),
        "conv64_x_16": (low, "ensemble.size=16"),
        "1200s_x_5": TABLE1[len(BARE) :],
    }
    files = {}
    for name, words in profiled.items():
        if settings.rehearse and name != "conv64_x_1":
            continue
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        with torch.profiler.profile(activities=activities) as profiler:
            updates_per_second(8 if settings.rehearse else 40, *BARE, *words)
        by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        path = settings.out / f"kernels_{name}.txt"
        path.write_text(profiler.key_averages().table(sort_by=by, row_limit=60), encoding="utf-8")
        files[name] = path.name
        free()
    return files


def free() -> None:
    """Give memory of what is no longer used back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

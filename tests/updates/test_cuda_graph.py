"""Updates from memory that stays where it is are the same updates; rehearsed without a GPU."""

import contextlib
import copy

import pytest
import torch
from pytorch_lightning.plugins.precision import Precision
from torch.optim import SGD, Adagrad, Adam

from builders.methods import batch_of, made
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.ensemble import Ensemble
from vaescope.minibatch import on_tensors
from vaescope.models import AnnealedVAE
from vaescope.updates import cuda_graph
from vaescope.updates.cuda_graph import WARM_UP, CallBuffers, Replays
from vaescope.updates.functional_optimizer import why_not_replayed
from vaescope.updates.program import UpdateProgram, named_weights

OPTIMIZERS = {
    "Adam": lambda weights: Adam(weights, lr=0.01, fused=True),
    "Adagrad": lambda weights: Adagrad(weights, lr=0.01),
    "SGD": lambda weights: SGD(weights, lr=1e-4, momentum=0.9),
}


def module_of(size):
    members = [made(AnnealedVAE, DiagonalGaussian, seed=seed) for seed in range(size)]
    return members[0] if size == 1 else Ensemble(members)


def call_of(module, first, updates):
    """Batches and noise of a call, ``[U, S * B, ...]`` and ``[U, S, B, ...]``."""
    size = 4 * len(module.seeds)
    each = [batch_of(seed=step, size=size) for step in range(first, first + updates)]
    batches = on_tensors(lambda *columns: torch.stack(columns), *each)
    return batches, module.noise_of(4, first, updates)


def program_of(module, optimizer, replayed):
    """With the state of an update that was made."""
    weights = named_weights(module)
    for weight in weights.values():
        weight.grad = torch.full_like(weight, 0.1)
    optimizer.step()
    return UpdateProgram(
        module, optimizer, Precision(), set(weights), compiled=False, replayed=replayed
    )


def one_by_one(program, batches, noise, first):
    outcomes = []
    for number in range(len(batches.image)):
        batch = on_tensors(lambda column, n=number: column[n], batches)
        if isinstance(program.module, Ensemble):
            batch = program.module.by_member(batch)
        own = {name: rows[number] for name, rows in noise.items()}
        outcomes.append(program(batch, torch.tensor(first + number), own))
    return outcomes


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_calls_of_any_length_make_the_updates_of_the_program(name, size):
    plain = module_of(size)
    twin = copy.deepcopy(plain)
    optimizers = [OPTIMIZERS[name](list(named_weights(m).values())) for m in (plain, twin)]
    program = program_of(plain, optimizers[0], replayed=False)
    buffered = program_of(twin, optimizers[1], replayed=True)
    buffers, first = None, 1
    for updates in (3, 1, 2, 3):
        call = call_of(plain, first, updates)
        buffers = buffers or CallBuffers(buffered, *call, repeated=lambda function: function)
        expected, found = one_by_one(program, *call, first), buffers.make(*call, first)
        assert len(found) == updates
        for (losses, terms), made_ in zip(expected, found, strict=True):
            assert torch.equal(losses, made_["losses"])
            assert terms.keys() == made_["terms"].keys()
            assert all(torch.equal(terms[key], made_["terms"][key]) for key in terms)
        first += updates
    weights = [named_weights(module) for module in (plain, twin)]
    for key, weight in weights[0].items():
        other = weights[1][key]
        assert torch.equal(weight, other)
        states = optimizers[0].state[weight], optimizers[1].state[other]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][kind], states[1][kind]) for kind in states[0])


def test_outcomes_of_a_call_are_not_changed_by_the_next():
    module = module_of(1)
    optimizer = Adam(module.parameters(), lr=0.1, fused=True)
    program = program_of(module, optimizer, replayed=True)
    call = call_of(module, 1, 2)
    buffers = CallBuffers(program, *call, repeated=lambda function: function)
    made_ = buffers.make(*call, 1)
    before = [outcome["losses"].item() for outcome in made_]
    buffers.make(*call_of(module, 3, 2), 3)
    assert [outcome["losses"].item() for outcome in made_] == before


class Graph:
    """Stands for torch's graph, which records a function instead of running it."""

    def __init__(self, log):
        self.log = log

    def replay(self):
        self.log.append("replay")


def test_a_function_is_warmed_up_then_captured_then_replayed(monkeypatch):
    log, streams = [], []

    class Stream:
        def wait_stream(self, other):
            log.append("wait")

    @contextlib.contextmanager
    def on_stream(stream):
        streams.append(stream)
        yield

    @contextlib.contextmanager
    def capture(graph, capture_error_mode):
        log.append("capture")
        yield
        log.append("captured")

    cuda = cuda_graph.torch.cuda
    current = Stream()
    monkeypatch.setattr(cuda, "Stream", Stream)
    monkeypatch.setattr(cuda, "current_stream", lambda: current)
    monkeypatch.setattr(cuda, "stream", on_stream)
    monkeypatch.setattr(cuda, "graph", capture)
    monkeypatch.setattr(cuda, "CUDAGraph", lambda: Graph(log))
    repeated = Replays(lambda: log.append("run"))
    for _ in range(WARM_UP + 2):
        repeated()
    assert log[: 3 * WARM_UP] == ["wait", "run", "wait"] * WARM_UP
    assert log[3 * WARM_UP :] == ["capture", "run", "captured", "replay", "replay"]
    assert current not in streams


REFUSED = {
    "bias correction": Adam([torch.zeros(1)], fused=False),
    "learning rate": Adagrad([torch.zeros(1)], lr_decay=0.1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_an_optimiser_computes_on_the_host_is_told(what):
    assert what in why_not_replayed(REFUSED[what])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_default_optimisers_can_be_replayed(name):
    assert why_not_replayed(OPTIMIZERS[name]([torch.zeros(1)])) is None

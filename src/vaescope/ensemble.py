"""Many seeds of one model, trained as one batched program."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.modules.dropout import _DropoutNd

from vaescope.minibatch import Batch, on_tensors
from vaescope.models import LatentModel
from vaescope.models.drawn_numbers import stack_numbers, tensors_like
from vaescope.models.schedules import warn_of_unfinished_schedules
from vaescope.models.states import move_states
from vaescope.models.trainer_facts import batches_before, num_images_of
from vaescope.models.updating import Updating
from vaescope.streams import Rewinder

# updates between two checks for diverged members where a check makes the device wait
_LOOK_EVERY = 50
# weights a member from which batching its operations was no faster on CPUs (benchmarks/ensemble.py)
_LARGE = 2_000_000
# what all members have in common, and each that is taken out of the stack
_SHARED = ("num_images", "schedule_steps")


class Ensemble(Updating):
    """S members of one method: each as it would be alone, all of them in every operation.

    The weights are stacked along a new first axis, ``torch.func.vmap`` runs the method's ``terms``
    over it, and one elementwise optimiser updates the stacks; the loss is the sum over members, so
    that each has its own gradient. A member whose loss or weights stop being finite numbers is
    frozen: its weights stay what they were, and the others go on.

    Args:
        members: models that differ in seed and weights alone; their seeds are distinct.
        batched: whether each operation is one for all members, or one member's program follows
            the other; None: batched, but for large networks on a CPU, which do not gain by it.

    Raises:
        ValueError: if they cannot be batched, in one sentence.
    """

    diverged_at: Tensor
    in_state = "stacked."

    def __init__(self, members: Sequence[LatentModel], batched: bool | None = None) -> None:
        super().__init__()
        if problem := _problem(members):
            raise ValueError(problem)
        self._seeds = tuple(member.seed for member in members)
        self.stacked = copy.deepcopy(members[0])
        for name, weights in stack_module_state(list(members))[0].items():
            path, _, leaf = name.rpartition(".")
            stack = nn.Parameter(weights.detach(), members[0].get_parameter(name).requires_grad)
            self.stacked.get_submodule(path).register_parameter(leaf, stack)
        self.register_buffer("diverged_at", torch.full((len(members),), -1))
        self._single = [copy.deepcopy(members[0])]  # in a list: no submodule
        self._streams = Rewinder()
        self._compiled = False
        self._batched = batched
        self._frozen: dict[int, dict[str, Tensor]] = {}

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the members, in their order."""
        return self._seeds

    @property
    def diverged(self) -> dict[int, int]:
        """Step at which each frozen member was found to have no finite loss, by its seed."""
        steps = zip(self.seeds, self.diverged_at.tolist(), strict=True)
        return {seed: step for seed, step in steps if step >= 0}

    def members(self) -> Iterator[LatentModel]:
        """Every member that has not diverged, as a model of its own with copies of its weights.

        Of averaged weights, where there are such.
        """
        self._freeze(~self._finite_weights(), self.global_step)
        for number, step in enumerate(self.diverged_at.tolist()):
            if step < 0:
                yield self.member(number)

    def freeze_member(self, seed: int) -> None:
        """Hold a member's weights from now on, and leave it out of ``members``."""
        which = torch.tensor([own == seed for own in self.seeds], device=self.device)
        self._freeze(which, self.global_step)

    def member(self, number: int) -> LatentModel:
        """Member ``number``, from 0, with copies of its weights, or of their average."""
        model = copy.deepcopy(self._single[0]).to(next(self.parameters()))
        model.load_state_dict(_row(self.averages or self._weights(), number))
        model.seed = self.seeds[number]
        return model.train(self.training)

    def terms(self, batch: Batch, step: int, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The method's terms of every member, each ``[S]``; the arguments have S rows in front."""
        now = torch.tensor(step) if self._compiled else step  # a number would be compiled in
        return self.terms_of(self._weights(), batch, now, dict(noise))

    def compile_terms(self) -> None:
        """Let torch compile the batched program."""
        self._compiled = True
        torch.compiler.reset()  # else what an earlier run of this process compiled counts
        # nothing but weights, data and the step changes, and those are tensors
        self.terms_of = torch.compile(self.terms_of, dynamic=False)  # type: ignore[method-assign]

    def terms_of(
        self, weights: dict[str, Tensor], batch: Batch, step: int | Tensor, noise: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """``terms`` as a function of the stacked weights, by their names, too."""

        def of_one(weights: dict[str, Tensor], batch: Batch, noise: dict[str, Tensor]) -> Any:
            return functional_call(self.stacked, weights, (batch, step, noise))

        if self.batched:
            axes = on_tensors(lambda _: 0, batch)  # None, where there is no tensor
            return vmap(of_one, in_dims=(0, axes, 0))(weights, batch, noise)
        batches = [on_tensors(itemgetter(number), batch) for number in range(len(self.seeds))]
        parts = zip(_by_member(weights), batches, _by_member(noise), strict=True)
        each = [of_one(*part) for part in parts]
        return {name: torch.stack([terms[name] for terms in each]) for name in each[0]}

    @property
    def batched(self) -> bool:
        """Whether each operation is one for all members."""
        if self._batched is not None:
            return self._batched
        weights = self._weights().values()
        large = sum(stack[0].numel() for stack in weights) > _LARGE
        return self.device.type != "cpu" or not (large or any(w.ndim > 3 for w in weights))

    def setup(self, stage: str | None = None) -> None:
        """Tell the members' program, and every member that is taken out, the size of the data."""
        self.num_images = num_images_of(self.trainer)

    def __getattr__(self, name: str) -> Any:
        shared = (*_SHARED, "schedule_end", "settings", "loss")
        return getattr(self.stacked, name) if name in shared else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SHARED:
            setattr(self.stacked, name, value)
            setattr(self._single[0], name, value)
        else:
            super().__setattr__(name, value)

    def noise_for(self, batch_size: int, batch: int) -> dict[str, Tensor]:
        """Random numbers of every member for one batch, each as if it were alone."""
        return {k: v[0] for k, v in self.noise_of(batch_size, batch, 1).items()}

    def noise_of(self, batch_size: int, first: int, count: int) -> dict[str, Tensor]:
        """``noise_for`` of ``count`` batches, ``first`` came before, ``[count, S, ...]``."""
        each = [
            self.stacked.draw_noise(self._streams.at(seed, "noise", batch), batch_size)
            for batch in range(first, first + count)
            for seed in self.seeds
        ]
        drawn = tensors_like(next(self.parameters()), stack_numbers(each))
        shape = (count, len(self.seeds))
        return {name: rows.unflatten(0, shape) for name, rows in drawn.items()}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One summed loss; every member's terms, and the weights, go to the callbacks beside it."""
        batch_size = len(batch.image) // len(self.seeds)
        noise = self.noise_for(batch_size, batches_before(self, batch_idx))
        return self.update_outcome(batch, self.global_step, noise)

    def by_member(self, batch: Batch) -> Batch:
        """A batch of all members' rows, ``[S * B]``, with S in front."""
        rows: Batch = on_tensors(lambda column: column.unflatten(0, (len(self.seeds), -1)), batch)
        return rows

    def update_outcome(
        self, batch: Batch, step: int, noise: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        """The ``outcome`` of the update behind ``step``, with everything that it depends on."""
        terms = self.terms(self.by_member(batch), step, noise)
        outcome = self.stacked.outcome(terms, step)
        if self.device.type == "cpu" or step % _LOOK_EVERY == 0:
            self._freeze(~outcome["losses"].isfinite(), step)
        move_states(self.stacked, terms, step)
        return outcome

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser over the stacked weights; it puts frozen ones back where they were."""
        optimizer = self.stacked.configure_optimizers()
        optimizer.register_step_post_hook(self._put_back)
        return optimizer

    def _put_back(self, *_: Any) -> None:
        with torch.no_grad():
            for number, row in self._frozen.items():
                for name, weights in self._weights().items():
                    weights[number] = row[name]

    def on_train_start(self) -> None:
        """Take up the frozen members of a resumed run; say it if a schedule is longer."""
        warn_of_unfinished_schedules(self)
        self.keep_frozen()

    def keep_frozen(self) -> None:
        """Hold from now on the weights of members that are marked in ``diverged_at``."""
        for number in (self.diverged_at >= 0).nonzero().flatten().tolist():
            self._frozen.setdefault(number, _row(self._weights(), number))

    def _weights(self) -> dict[str, Tensor]:
        return dict(self.stacked.named_parameters())

    def _finite_weights(self) -> Tensor:
        """Which members have finite weights only, ``[S]``."""
        stacks = self._weights().values()
        return torch.stack([s.isfinite().reshape(len(s), -1).all(1) for s in stacks]).all(0)

    def _freeze(self, bad: Tensor, step: int) -> None:
        for number in (bad & (self.diverged_at < 0)).nonzero().flatten().tolist():
            self.diverged_at[number] = step
            self._frozen[number] = _row(self._weights(), number)


def _row(stacks: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Copies of one member's part."""
    return {name: stack[number].detach().clone() for name, stack in stacks.items()}


def _by_member(stacks: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The part of each member."""
    columns = [stack.unbind(0) for stack in stacks.values()]
    return [dict(zip(stacks, row, strict=True)) for row in zip(*columns, strict=True)]


def _problem(members: Sequence[LatentModel]) -> str | None:
    """Why these models cannot be one batched program, in one sentence; None if they can."""
    if not members:
        return "an ensemble needs at least 1 member"
    if len({member.seed for member in members}) < len(members):
        return f"the members' seeds {[member.seed for member in members]} are not distinct"
    problem = None
    if any(isinstance(module, _DropoutNd) for module in members[0].modules()):
        problem = "dropout draws numbers that are not the members' own"
    elif names := ", ".join(name for name, _ in members[0].named_buffers()):
        problem = f"its network changes state besides weights ({names}), which cannot be batched"
    kind = type(members[0]).__name__
    return problem and f"{kind}: {problem}; use a network without, or single runs"

"""Training of the game: what it sees, measures and keeps; a stop costs nothing."""

import math
import os
import signal
from functools import partial

import numpy as np
import pytest
import torch

from vaescope.data import Panels
from vaescope.distributions.likelihoods import Gaussian
from vaescope.errors import DataError, RunFolderError, TrainingDivergedError
from vaescope.modification.examples import Examples
from vaescope.modification.game import Bounded, Game, Reference
from vaescope.modification.learning import Training
from vaescope.modification.references import Rotation, standardise
from vaescope.modification.schedule import GAME, MODIFIED, ORIGINAL, Schedule
from vaescope.networks import mlp
from vaescope.stopping import Stopped, stoppable

SHORT = {
    "steps": 7,
    "decoders_before": 4,
    "decoders_after": 3,
    "every_n_steps": 2,
    "batch_size": 16,
}


def training(path, identity=None, **options):
    dataset = Panels()
    torch.manual_seed(0)
    sizes = {"encoder_sizes": (1,), "decoder_sizes": (8,)}
    players = [mlp(dataset.image_shape, 1, 2, **sizes)[1] for _ in range(3)]
    game = Game(
        Bounded(players[0]),
        *(Reference(decoder, torch.tensor([0.1, 0.2])) for decoder in players[1:]),
        Gaussian().nll,
        rotation=Rotation().matrix(("a", "b")),
        epsilon=0.15,
        clip=True,
    )
    return Training(
        game,
        Examples(dataset, 100, seed=0),
        partial(torch.optim.Adam, lr=options.pop("lr", 1e-3)),
        Schedule(**SHORT | options),
        path / "state.ckpt",
        identity or {},
    )


def weights(one):
    return torch.cat([p.detach().flatten() for p in one.game.parameters()])


def test_rows_that_are_kept_back_are_never_drawn_and_all_others_are():
    examples = Examples(Panels(), 100, seed=3)
    assert len(examples.kept) == 100
    drawn = np.concatenate([examples.rows(step, 500) for step in range(40)])
    assert not set(drawn) & set(examples.kept)
    assert set(drawn) | set(examples.kept) == set(range(1024))
    images, w = examples.at(examples.kept)
    dataset = Panels()
    values = dataset.factors.values(torch.from_numpy(examples.kept))
    assert torch.equal(w, standardise(dataset.factors, values))
    assert torch.equal(images, dataset.images(values))


def test_parts_follow_each_other_and_are_measured(tmp_path):
    state = training(tmp_path).run(bar=False)
    steps = [(m.part, m.step) for m in state.history]
    assert steps == [
        *((ORIGINAL, 2), (ORIGINAL, 4)),
        *((GAME, 6), (GAME, 8), (GAME, 10), (GAME, 11)),
        *((MODIFIED, 13), (MODIFIED, 14)),
    ]
    assert state.step == 14
    assert all(m.margin == m.disentangled - m.entangled for m in state.history)


def test_the_modification_moves_in_the_game_alone(tmp_path):
    def moved(**options):
        one = training(tmp_path / str(options), **SHORT | options)
        before = [p.clone() for p in one.game.modification.parameters()]
        one.run(bar=False)
        after = one.game.modification.parameters()
        return not all(map(torch.equal, before, after))

    assert not moved(steps=0)
    assert moved(decoders_before=0, decoders_after=0)
    # three updates of the decoders for each of the modification
    assert not moved(turns="alternating", decoder_steps=3, steps=3)
    assert moved(turns="alternating", decoder_steps=3, steps=4)


@pytest.mark.parametrize("turns", ["simultaneous", "alternating"])
@pytest.mark.parametrize("stop", [1, 5, 10, 12])
def test_a_stopped_training_goes_on_as_if_nothing_had_been(tmp_path, monkeypatch, turns, stop):
    straight = training(tmp_path / "straight", turns=turns)
    expected = straight.run(bar=False)
    stopped, update = training(tmp_path / "stopped", turns=turns), Training._update

    def signalled(self, part):
        if self.state.step == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        update(self, part)

    with monkeypatch.context() as patch, stoppable():
        patch.setattr(Training, "_update", signalled)
        with pytest.raises(Stopped):
            stopped.run(bar=False)
    again = training(tmp_path / "stopped", turns=turns)
    assert again.state.step == stop + 1
    state = again.run(bar=False)
    assert state.history == expected.history
    assert torch.equal(weights(again), weights(straight))


def test_a_killed_training_goes_on_from_the_last_measurement(tmp_path, monkeypatch):
    straight = training(tmp_path / "straight")
    straight.run(bar=False)
    killed, update = training(tmp_path / "killed"), Training._update

    def fails(self, part):
        if self.state.step == 7:
            raise KeyboardInterrupt
        update(self, part)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_update", fails)
        with pytest.raises(KeyboardInterrupt):
            killed.run(bar=False)
    again = training(tmp_path / "killed")
    assert again.state.step == 6
    again.run(bar=False)
    assert torch.equal(weights(again), weights(straight))


def test_other_settings_do_not_go_on(tmp_path):
    training(tmp_path, {"epsilon": 0.1, "seed": 0}).run(bar=False)
    with pytest.raises(RunFolderError, match=r"other settings \(epsilon=0.1\)"):
        training(tmp_path, {"epsilon": 0.2, "seed": 0})


class Touch:
    """What runs code when an unsafe reader makes it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.update(part="dinner"), "part is 'dinner'"),
        (lambda s: s.update(step="abc"), "step is 'abc'"),
        (lambda s: s.update(step_of_part=-5), "step_of_part is -5"),
        (lambda s: s.update(seconds=math.nan), "seconds is nan"),
        (lambda s: s.update(identity="[1]"), "is no state"),
        (lambda s: s.update(identity="[" * 9999), "is no state"),
        (lambda s: s.update(game=torch.zeros(3)), "dict"),
        (lambda s: s.update(game={}), "Game"),
        (lambda s: s.update(optimizer={}), "is no state"),
        (lambda s: s.update(history=[{"a": 1}]), "is no state"),
        (lambda s: s["history"][0].update(margin="z"), "margin is 'z'"),
        (lambda s: s.pop("part") and s.update(dinner=1), "dinner"),
    ],
)
def test_a_state_with_other_things_in_it_is_told(tmp_path, change, told):
    training(tmp_path).run(bar=False)
    saved = torch.load(tmp_path / "state.ckpt", weights_only=True)
    change(saved)
    torch.save(saved, tmp_path / "state.ckpt")
    with pytest.raises(DataError, match=told):
        training(tmp_path)


def test_a_state_runs_no_code_and_nobody_is_told_to_let_it(tmp_path):
    torch.save({"part": Touch(tmp_path / "touched")}, tmp_path / "state.ckpt")
    with pytest.raises(DataError, match="it holds other things than weights") as error:
        training(tmp_path)
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "touched").exists()


def test_a_damaged_state_is_told(tmp_path):
    training(tmp_path).run(bar=False)
    whole = (tmp_path / "state.ckpt").read_bytes()
    for content in (b"", b"no state", whole[: len(whole) // 2]):
        (tmp_path / "state.ckpt").write_bytes(content)
        with pytest.raises(DataError, match="is no state of a modification"):
            training(tmp_path)


def test_a_game_that_wins_nothing_ends(tmp_path, monkeypatch):
    margins = iter([0.1, 0.3, 0.2, 0.25, *[0.0] * 9])
    one, measure = training(tmp_path, steps=40, patience=2), Training._measure

    def measured(self, part):
        found = measure(self, part)
        if part == GAME:
            object.__setattr__(found, "margin", next(margins))
        return found

    monkeypatch.setattr(Training, "_measure", measured)
    state = one.run(bar=False)
    assert [m.step for m in state.history if m.part == GAME] == [6, 8, 10, 12]
    assert state.history[-1].part == MODIFIED


def test_a_game_ends_when_its_time_is_over(tmp_path):
    state = training(tmp_path, steps=1000, minutes=1e-9).run(bar=False)
    assert not [m for m in state.history if m.part == GAME]
    assert state.history[-1].part == MODIFIED


def test_a_loss_that_is_not_finite_stops_and_leaves_the_last_good_state(tmp_path):
    with pytest.raises(TrainingDivergedError, match=r"lower optimizer\.lr"):
        training(tmp_path, lr=1e30).run(bar=False)
    assert not list(tmp_path.iterdir())

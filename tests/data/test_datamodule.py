import inspect
from dataclasses import is_dataclass

import pytest
import pytorch_lightning as pl
import torch

from builders.minibatches import columns
from vaescope import data
from vaescope.data import (
    Cars3D,
    DSprites,
    DSpritesDataModule,
    EpochBatches,
    FactorDataModule,
    SyntheticLinearDataModule,
    SyntheticNonlinearDataModule,
    TinySquares,
    TinySquaresDataModule,
)
from vaescope.data.batches import MemberBatches, PlannedBatches
from vaescope.errors import ConfigError

MODULES = [
    DSpritesDataModule,
    SyntheticLinearDataModule,
    SyntheticNonlinearDataModule,
    TinySquaresDataModule,
]
PER_EPOCH = 9  # batches of 16 of the 154 training images


class Recorder(pl.LightningModule):
    """Learns nothing and remembers which rows it saw."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch):
        assert batch.image.shape == (len(batch.rows), 1, 64, 64)
        self.seen.append(batch.rows.tolist())
        return self.weight * batch.image.mean()

    def validation_step(self, batch):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class SaveAt(pl.Callback):
    """Saves a checkpoint in one hook as soon as ``step`` steps are done."""

    def __init__(self, hook, step, path):
        self.step, self.path = step, path
        setattr(self, hook, self.save)

    def save(self, trainer, *_):
        if trainer.global_step >= self.step and not self.path.exists():
            trainer.save_checkpoint(self.path)


def run(tmp_path, datamodule=None, ckpt_path=None, **flags):
    model = Recorder()
    flags = {"max_steps": 30, "max_epochs": -1} | flags
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        **flags,
    )
    trainer.fit(model, datamodule or TinySquaresDataModule(seed=3), ckpt_path=ckpt_path)
    return model.seen


def expected_batches(count, seed=3):
    datamodule = TinySquaresDataModule(seed=seed)
    datamodule.setup()
    batches = datamodule.epoch_batches()
    return [batches.plan(step).rows.tolist() for step in range(count)]


def test_epoch_batches_are_a_permutation_of_each_epoch():
    index = torch.arange(100, 123)
    batches = EpochBatches(index, batch_size=5, seed=1)
    assert len(batches) == 4
    epochs = [[batches.indices(4 * e + b) for b in range(4)] for e in range(3)]
    for epoch in epochs:
        rows = torch.cat(epoch)
        assert len(rows.unique()) == 20
        assert set(rows.tolist()) <= set(index.tolist())
    assert not torch.equal(torch.cat(epochs[0]), torch.cat(epochs[1]))


def test_epoch_batches_are_a_function_of_seed_and_step():
    index = torch.arange(50)
    straight, jumping = (EpochBatches(index, 8, seed=2) for _ in range(2))
    rows = [straight.indices(step).tolist() for step in range(20)]
    for step in (19, 0, 7, 18, 3):
        assert jumping.indices(step).tolist() == rows[step]
    assert EpochBatches(index, 8, seed=3).indices(0).tolist() != rows[0]


def test_batches_of_members_are_their_own_one_after_the_other():
    index = torch.arange(50)
    dataset = TinySquares()
    members = [
        PlannedBatches(EpochBatches(index, 8, seed), dataset, None, index) for seed in (2, 3)
    ]
    batches = MemberBatches(members)
    assert len(batches) == len(members[0]) == 6
    for step in (19, 0, 7):
        own = [EpochBatches(index, 8, seed).indices(step).tolist() for seed in (2, 3)]
        assert batches.plan(step).rows.tolist() == own[0] + own[1]


@pytest.mark.parametrize("batch_size", [0, 51])
def test_batches_must_fit_the_training_set(batch_size):
    with pytest.raises(ConfigError, match=r"choose 1\.\.50"):
        EpochBatches(torch.arange(50), batch_size, seed=0)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_training_sees_the_stream_of_its_seed_whatever_the_workers(tmp_path, num_workers):
    datamodule = TinySquaresDataModule(seed=3, num_workers=num_workers)
    assert run(tmp_path, datamodule) == expected_batches(30)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loading_leaves_the_global_random_numbers_alone(num_workers):
    datamodule = TinySquaresDataModule(num_workers=num_workers)
    datamodule.setup()
    before = torch.get_rng_state()
    assert len(list(datamodule.train_dataloader())) == PER_EPOCH
    assert torch.equal(torch.get_rng_state(), before)


HOOKS = ["on_train_batch_end", "on_train_epoch_end", "on_train_end"]
STOPS = [(hook, step, v) for hook in HOOKS for step in (1, 5, 8, 9, 10, 13, 18) for v in (0, 1.0)]


@pytest.mark.parametrize(
    ("hook", "step", "validate"),
    [*STOPS, ("on_validation_end", 9, 1.0), ("on_validation_end", 18, 1.0)],
)
def test_stop_and_resume_sees_the_batches_of_an_unbroken_run(tmp_path, hook, step, validate):
    path = tmp_path / "stopped.ckpt"
    stop = {"max_steps": step, "callbacks": [SaveAt(hook, step, path)]}
    first = run(tmp_path, limit_val_batches=validate, **stop)
    assert first == expected_batches(step)
    resumed = run(tmp_path, limit_val_batches=validate, ckpt_path=path)
    assert first + resumed == expected_batches(30)


@pytest.mark.parametrize("step", [4, 8, 13])
def test_resume_from_a_checkpoint_of_a_validation_between_batches(tmp_path, step):
    path = tmp_path / "middle.ckpt"
    save = SaveAt("on_validation_end", step, path)
    run(tmp_path, val_check_interval=4, callbacks=[save])
    resumed = run(tmp_path, val_check_interval=4, ckpt_path=path)
    assert resumed == expected_batches(30)[step:]


@pytest.mark.parametrize("step", [4, 9, 14])
def test_resume_from_a_checkpoint_of_a_longer_run(tmp_path, step):
    path = tmp_path / "middle.ckpt"
    run(tmp_path, max_steps=25, callbacks=[SaveAt("on_train_batch_end", step, path)])
    assert run(tmp_path, ckpt_path=path) == expected_batches(30)[step:]


@pytest.mark.parametrize("step", [4, 9, 14])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_resume_with_epochs_and_workers(tmp_path, step, num_workers):
    path = tmp_path / "middle.ckpt"
    flags = {"max_steps": -1, "max_epochs": 3}
    run(tmp_path, callbacks=[SaveAt("on_train_batch_end", step, path)], **flags)
    datamodule = TinySquaresDataModule(seed=3, num_workers=num_workers)
    resumed = run(tmp_path, datamodule, ckpt_path=path, **flags)
    assert resumed == expected_batches(27)[step:]


def test_resume_with_accumulated_gradients(tmp_path):
    path = tmp_path / "middle.ckpt"
    flags = {"accumulate_grad_batches": 2, "max_steps": 12}
    straight = run(tmp_path, callbacks=[SaveAt("on_train_batch_end", 7, path)], **flags)
    resumed = run(tmp_path, ckpt_path=path, **flags)
    assert straight[-len(resumed) :] == resumed
    assert straight == expected_batches(len(straight))


def test_validation_between_batches_does_not_move_the_stream(tmp_path):
    assert run(tmp_path, val_check_interval=4) == expected_batches(30)


def test_limited_epochs_go_on_with_the_stream(tmp_path):
    assert run(tmp_path, limit_train_batches=4) == expected_batches(30)


def test_overfitting_repeats_the_first_batches(tmp_path):
    assert run(tmp_path, overfit_batches=2, max_steps=6) == expected_batches(2) * 3


def test_images_gathered_on_the_device_are_the_same(tmp_path, monkeypatch):
    datamodule = TinySquaresDataModule(seed=3)
    monkeypatch.setattr(TinySquaresDataModule, "gathers_on_device", True)
    assert run(tmp_path, datamodule) == expected_batches(30)
    loaded = next(iter(datamodule.train_dataloader()))
    assert set(columns(loaded)) == {"rows"}
    gathered = datamodule.on_after_batch_transfer(loaded, 0)
    assert torch.equal(gathered.image, TinySquares().batch(loaded.rows).image)


def test_split_is_disjoint_and_shared_among_seeds():
    modules = [TinySquaresDataModule(seed=seed) for seed in (0, 1)]
    for module in modules:
        module.setup()
    rows = modules[0].rows
    assert [len(rows[name]) for name in ("train", "val", "test")] == [154, 19, 19]
    assert torch.equal(torch.cat(list(rows.values())).sort().values, torch.arange(192))
    assert all(torch.equal(rows[name], modules[1].rows[name]) for name in rows)
    other = TinySquaresDataModule(split_seed=1)
    other.setup()
    assert not torch.equal(other.rows["val"], rows["val"])


def test_without_a_split_every_part_is_the_whole_set():
    datamodule = TinySquaresDataModule(split=None)
    datamodule.setup()
    for split in ("train", "val", "test"):
        assert torch.equal(datamodule.rows[split], torch.arange(192))
    assert len(datamodule.rows["held_out"]) == 0


@pytest.mark.parametrize("name", ["val", "test"])
def test_held_out_loaders_give_their_rows_in_order(name):
    datamodule = TinySquaresDataModule(batch_size=8)
    datamodule.setup()
    loader = getattr(datamodule, f"{name}_dataloader")()
    batches = [batch.rows for batch in loader]
    assert [len(batch) for batch in batches] == [8, 8, 3]
    assert torch.equal(torch.cat(batches), datamodule.rows[name])


def test_held_out_samples_are_fixed_and_from_their_split():
    datamodule = TinySquaresDataModule()
    datamodule.setup()
    rows = datamodule.evaluation_rows("test", 10)
    assert torch.equal(rows, datamodule.evaluation_rows("test", 10))
    assert len(rows.unique()) == 10
    assert set(rows.tolist()) <= set(datamodule.rows["test"].tolist())
    with pytest.raises(ConfigError, match=r"20 samples .* has 19 examples"):
        datamodule.evaluation_rows("val", 20)
    with pytest.raises(ConfigError, match="val, test or held_out"):
        datamodule.evaluation_rows("train", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"split": (0.8, 0.2)}, "three positive shares"),
        ({"split": (0.8, 0.3, -0.1)}, "each a number above 0"),
        ({"split": [0.8, 0.1, 0.2]}, "of sum 1"),
    ],
)
def test_impossible_settings_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError, match=message):
        TinySquaresDataModule(**arguments)


def test_a_split_or_batch_too_big_for_the_set_is_refused():
    datamodule = TinySquaresDataModule(batch_size=200)
    datamodule.setup()
    with pytest.raises(ConfigError, match="batch_size=200 was given for 154"):
        datamodule.train_dataloader()
    datamodule = TinySquaresDataModule(split=(0.998, 0.001, 0.001))
    datamodule.setup()
    with pytest.raises(ConfigError, match="leaves a part empty"):
        datamodule.val_dataloader()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_explains_itself_before_reading_data(module):
    names = list(inspect.signature(FactorDataModule).parameters)
    assert names == [n for n in inspect.signature(module).parameters if n in names]
    datamodule = module()
    assert len(datamodule.factors) >= 2
    assert len(datamodule.image_shape) in (1, 3)
    with pytest.raises(RuntimeError, match="setup"):
        _ = datamodule.dataset
    datamodule.setup()
    batch = next(iter(datamodule.train_dataloader()))
    assert batch.image.shape == (datamodule.batch_size, *datamodule.image_shape)
    assert batch.factors.shape == (datamodule.batch_size, len(datamodule.factors))
    assert datamodule.dataset.source


@pytest.mark.parametrize(
    ("flags", "cache"),
    [
        ({"max_steps": 3125}, None),
        ({"max_steps": 3126}, True),
        ({"max_epochs": 1}, True),
        ({"max_epochs": 1, "limit_train_batches": 5}, None),
        ({"max_epochs": -1}, True),
        ({"fast_dev_run": 2}, None),
    ],
)
def test_only_long_runs_pack_dsprites(tmp_path, monkeypatch, flags, cache):
    datamodule = DSpritesDataModule(data_dir=tmp_path)
    datamodule.trainer = pl.Trainer(accelerator="cpu", logger=False, **flags)
    calls = []
    monkeypatch.setattr(DSprites, "load", lambda self: calls.append((self.data_dir, self.cache)))
    datamodule.build()
    assert calls == [(tmp_path, cache)]


def sets():
    """Every data set that has a data module made of it."""
    modules = {name: kind for name, kind in vars(data).items() if name.endswith("DataModule")}
    return [kind for kind in modules.values() if is_dataclass(kind.dataset_class)]


@pytest.mark.parametrize("module", sets())
def test_a_module_takes_the_options_of_its_set_which_declares_them(module):
    common = inspect.signature(FactorDataModule).parameters
    own = inspect.signature(module.dataset_class).parameters
    taken = inspect.signature(module).parameters
    assert {name for name in taken if name not in common} == set(own) - set(common)
    for name, option in own.items():
        assert (taken[name].default, taken[name].annotation) == (option.default, option.annotation)
        assert taken[name].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_set_that_is_not_loaded_knows_what_its_options_say_and_reads_no_file(tmp_path):
    described = Cars3D.unloaded(data_dir=tmp_path, side=128)
    assert (described.image_shape, len(described)) == ((3, 128, 128), 17_568)
    assert described.title == "Cars3D"
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="side=32: give one of 64, 128"):
        Cars3D.unloaded(data_dir=tmp_path, side=32)

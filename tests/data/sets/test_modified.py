"""Modified sets: what is added to which image, what is refused, what a stop leaves."""

import hashlib
import json
import math
import pickle
import resource
import shutil

import numpy as np
import pytest
import torch

from vaescope.data import (
    ArraysDataModule,
    ModifiedDataModule,
    Pairs,
    Panels,
    PanelsDataModule,
    Recombination,
    TinySquaresDataModule,
    UniformNoiseDataModule,
    write_modified,
)
from vaescope.data.files import cache
from vaescope.errors import ConfigError, DataError

EPSILON = 0.15
ROWS = torch.arange(1024)


def waves(values, rows):
    """A function of the factors in [-1, 1], another one in each pixel."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(2, 256, generator=generator)
    return torch.sin(values.float() / 4 @ directions).view(-1, 1, 16, 16)


def write(folder, change_of=waves, epsilon=EPSILON, facts=None, **options):
    facts = {"made": "waves"} if facts is None else facts
    return write_modified(
        folder, PanelsDataModule(amplitude=0.1), change_of, epsilon, facts, **options
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("modified") / "waves")


@pytest.fixture
def own(folder, tmp_path):
    """A copy of the folder that a test may spoil."""
    return shutil.copytree(folder, tmp_path / "waves")


def dataset_of(path, **options):
    module = ModifiedDataModule(path=path, **options)
    module.setup()
    return module.dataset


def rewrite(folder, **changes):
    """Change what the folder says of itself, as someone who knows how the checksum is made."""
    about = json.loads((folder / "modified.json").read_text()) | changes
    rest = {key: value for key, value in about.items() if key != "checksum"}
    about["checksum"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    (folder / "modified.json").write_text(json.dumps(about))


def rewrite_original(folder, **changes):
    """Change what it says of its original."""
    original = json.loads((folder / "modified.json").read_text())["original"]
    rewrite(folder, original=original | changes)


# what is added to which image


def test_an_image_is_the_originals_plus_the_rounded_change(folder):
    modified, original = dataset_of(folder), Panels(amplitude=0.1)
    batch, plain = modified.batch(ROWS), original.batch(ROWS)
    change = batch.image.double() - plain.image.double()
    assert 0.99 * EPSILON < change.abs().max() <= EPSILON
    rounded = (waves(plain.factors, ROWS) * 127).round() / 127 * EPSILON
    assert (change - rounded).abs().max() < 1e-6
    assert torch.equal(batch.factors, plain.factors)
    assert modified.facts == {"made": "waves"}
    assert np.load(folder / "change.npy").nbytes == 1024 * 256  # a byte for each number


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.175, 0.7, 1])
@pytest.mark.parametrize("clip", [False, True])
def test_no_pixel_changes_by_more_than_epsilon_and_images_stay_in_range(tmp_path, epsilon, clip):
    def extremes(values, rows):
        sign = rows % 2 * 2 - 1
        return sign.view(-1, 1, 1, 1).expand(-1, 1, 64, 64)

    original = TinySquaresDataModule()
    path = write_modified(tmp_path / "m", original, extremes, epsilon, {}, clip=clip)
    rows = torch.arange(192)
    image = dataset_of(path).batch(rows).image
    change = image.double() - original.dataset.batch(rows).image.double()
    assert epsilon - 1e-6 < change.abs().max() <= epsilon
    low, high = (float(bound) for bound in image.aminmax())
    assert (low, high) == pytest.approx((0, 1) if clip else (-epsilon, 1 + epsilon), abs=1e-6)


def test_images_are_clipped_and_vectors_are_not(folder, tmp_path):
    assert dataset_of(folder).clip
    np.save(tmp_path / "v.npy", np.linspace(-3, 3, 40, dtype=np.float32).reshape(10, 4))
    vectors = ArraysDataModule(path=tmp_path / "v.npy", data_dir=tmp_path)
    path = write_modified(tmp_path / "m", vectors, lambda v, r: torch.ones(len(r), 4), 0.5, {})
    image = dataset_of(path).batch(torch.arange(10)).image
    assert torch.allclose(image - vectors.dataset.batch(torch.arange(10)).image, torch.tensor(0.5))


def test_rows_of_ones_own_images_keep_their_order(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.permutation(60) % 7  # no grid, and no order
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, shape=labels)
    own = ArraysDataModule(path=tmp_path / "a.npz", factor_values="shape", data_dir=tmp_path)

    def change(values, rows):
        assert values[:, 0].tolist() == labels[rows].tolist()
        return (rows.float() / 100)[:, None, None, None].expand(-1, 1, 8, 8)

    path = write_modified(tmp_path / "m", own, change, 1.0, {}, batch_size=7)
    rows = torch.tensor([59, 0, 31, 31])
    batch = dataset_of(path, data_dir=tmp_path).batch(rows)
    plain = torch.from_numpy(images[rows.numpy()]).float()[:, None] / 255
    expected = (plain + (rows * 1.27).round()[:, None, None, None] / 127).clamp(0, 1)
    assert torch.allclose(batch.image, expected, atol=1e-6)
    assert batch.factors[:, 0].tolist() == labels[rows].tolist()


def test_plans_views_and_held_out_combinations_are_the_originals(folder):
    options = {
        "seed": 3,
        "batch_size": 32,
        "view": Pairs(),
        "hold_out": Recombination([[0, 0.4], [0.6, 1]], ["first", "second"]),
    }
    original = PanelsDataModule(amplitude=0.1, **options)
    modified = ModifiedDataModule(path=folder, **options)
    for module in (original, modified):
        module.setup()
    for split, rows in original.rows.items():
        assert torch.equal(rows, modified.rows[split])
    assert len(modified.rows["held_out"])
    for step in (0, 5):
        plan = modified.epoch_batches().plan(step)
        assert torch.equal(plan.rows, original.epoch_batches().plan(step).rows)
        batch, plain = modified.dataset.gather(plan), original.dataset.gather(plan)
        pairs = [(batch, plain), (batch.partners[0], plain.partners[0])]
        for ours, theirs in pairs:
            assert torch.equal(ours.rows, theirs.rows)
            assert torch.equal(ours.factors, theirs.factors)
            expected = theirs.image + EPSILON * waves(theirs.factors, None)
            assert (ours.image - expected).abs().max() <= EPSILON / 254 + 1e-6


def test_shuffled_changes_are_the_same_ones_at_other_rows(folder):
    plain, dealt = dataset_of(folder), dataset_of(folder, shuffle_seed=1)
    changes, others = (each.change_at(ROWS).flatten(1) for each in (plain, dealt))
    found = torch.cdist(others, changes).argmin(1)
    assert torch.equal(others, changes[found])
    assert found.sort().values.tolist() == ROWS.tolist()
    assert (found == ROWS).sum() < 10  # of a random permutation: one
    assert torch.equal(dealt.batch(ROWS).factors, plain.batch(ROWS).factors)
    assert torch.equal(dataset_of(folder, shuffle_seed=1).change_at(ROWS), dealt.change_at(ROWS))
    assert not torch.equal(
        dataset_of(folder, shuffle_seed=2).change_at(ROWS), others.view(-1, 1, 16, 16)
    )
    assert "seed 1" in dealt.source


def test_a_copy_in_a_worker_reads_the_file_and_holds_no_changes(folder):
    dataset = dataset_of(folder)
    copied = pickle.dumps(dataset)
    assert len(copied) < 20_000
    assert torch.equal(pickle.loads(copied).batch(ROWS).image, dataset.batch(ROWS).image)
    assert dataset.num_bytes == 1024 * 256
    assert dataset.files_read() == [folder / "change.npy"]


def test_on_an_accelerator_the_changes_lie_in_its_memory(folder):
    dataset = dataset_of(folder, shuffle_seed=1)
    expected = dataset.change_at(ROWS)
    assert dataset.to("meta").change_at(ROWS.to("meta")).device.type == "meta"
    assert dataset.num_bytes == 1024 * 256 + 1024 * 8  # and the order in which they are dealt
    dataset = dataset_of(folder, shuffle_seed=1)
    dataset._change = dataset._mapped.read("cpu")
    assert torch.equal(dataset.change_at(ROWS), expected)
    assert torch.equal(dataset.to("cpu").change_at(ROWS), expected)
    assert dataset._change is None  # it is mapped again


# the original


def test_the_original_is_found_by_name_with_its_options(folder):
    module = ModifiedDataModule(path=folder)
    assert isinstance(module.original_module, PanelsDataModule)
    assert (module.original_module.amplitude, module.image_shape) == (0.1, (1, 16, 16))
    assert module.factors.names == ("first", "second")
    given = ModifiedDataModule(path=folder, original=PanelsDataModule(amplitude=0.1))
    given.setup()
    assert torch.equal(given.dataset.batch(ROWS).image, dataset_of(folder).batch(ROWS).image)


@pytest.mark.parametrize(
    ("original", "message"),
    [
        (PanelsDataModule(amplitude=0.2), r"amplitude=0.2 \(not 0.1\)"),
        (TinySquaresDataModule(), "original=tiny was given, but .*waves modifies panels"),
    ],
)
def test_another_original_is_refused(folder, original, message):
    with pytest.raises(ConfigError, match=message):
        dataset_of(folder, original=original)


def test_an_original_whose_file_has_changed_is_refused_and_a_moved_one_is_not(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    own = ArraysDataModule(path=tmp_path / "a.npy", data_dir=tmp_path)
    path = write_modified(tmp_path / "m", own, lambda v, r: torch.zeros(len(r), 1, 8, 8), 0.1, {})
    (tmp_path / "a.npy").rename(tmp_path / "b.npy")
    moved = ArraysDataModule(path=tmp_path / "b.npy", data_dir=tmp_path)
    assert len(dataset_of(path, original=moved)) == 40
    np.save(tmp_path / "b.npy", 255 - pixels)
    with pytest.raises(DataError, match="its images are others now"):
        dataset_of(path, original=ArraysDataModule(path=tmp_path / "b.npy", data_dir=tmp_path))
    np.save(tmp_path / "b.npy", pixels[:30])
    with pytest.raises(DataError, match="its num_images are others now"):
        dataset_of(path, original=ArraysDataModule(path=tmp_path / "b.npy", data_dir=tmp_path))


@pytest.mark.parametrize("name", ["panelz", "os.system", "vaescope.data.PanelsDataModule"])
def test_only_our_own_sets_are_built_by_a_stored_name(own, name):
    original = json.loads((own / "modified.json").read_text())["original"]
    rewrite(own, original=original | {"name": name})
    with pytest.raises(ConfigError, match=f"no data set '{name}'"):
        dataset_of(own)


def test_stored_options_that_a_set_does_not_take_are_refused(own):
    original = json.loads((own / "modified.json").read_text())["original"]
    rewrite(own, original=original | {"options": {"colour": 1, "data_dir": "/", "seed": 3}})
    with pytest.raises(ConfigError, match="panels takes no 'colour', 'data_dir', 'seed'"):
        dataset_of(own)


def test_a_set_without_a_name_cannot_be_an_original(folder, tmp_path):
    class Lab(PanelsDataModule):
        pass

    noise = UniformNoiseDataModule(original=PanelsDataModule())
    for original in (Lab(), noise, ModifiedDataModule(path=folder)):
        with pytest.raises(ConfigError, match=f"{type(original).__name__} cannot be modified"):
            write_modified(tmp_path / "m", original, waves, 0.1, {})
    assert list(tmp_path.iterdir()) == []


# writing


@pytest.mark.parametrize("epsilon", [0, -0.1, 1.01, float("nan"), 8])
def test_epsilon_is_above_0_and_at_most_1(tmp_path, epsilon):
    with pytest.raises(ConfigError, match=r"epsilon=.*: give a number from 1e-06 to 1"):
        write(tmp_path / "m", epsilon=epsilon)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (torch.zeros(16, 16), r"gives \[16, 16\]"),
        (torch.zeros(1, 1, 16, 16), r"gives \[1, 1, 16, 16\] for 16 rows"),
        (torch.full((1024, 1, 16, 16), 1.001), "reaches 1.001"),
        (torch.full((1024, 1, 16, 16), torch.nan), "reaches nan"),
    ],
)
def test_what_is_no_modification_is_refused(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        write(tmp_path / "m", lambda v, r: change[: len(r)])
    assert list(tmp_path.iterdir()) == []


def test_facts_that_are_no_json_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="facts"):
        write(tmp_path / "m", facts={"network": object()})
    with pytest.raises(ConfigError, match="facts"):
        write(tmp_path / "m", facts={"loss": float("nan")})


def test_an_error_on_the_way_leaves_nothing(tmp_path):
    def fails(values, rows):
        if rows[0] >= 512 and len(rows) > 16:
            raise ValueError("no more")
        return waves(values, rows)

    with pytest.raises(ValueError, match="no more"):
        write(tmp_path / "m", fails)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writing_goes_on_where_it_was(folder, tmp_path):
    asked = []

    def stopped(values, rows):
        if rows[0] >= 512 and len(rows) == 64:
            raise KeyboardInterrupt
        return waves(values, rows)

    def counted(values, rows):
        asked.extend(rows.tolist())
        return waves(values, rows)

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "m", stopped, batch_size=64)
    assert not (tmp_path / "m").exists()
    write(tmp_path / "m", counted, batch_size=64)
    assert asked[16:] == list(range(512, 1024))  # behind the sample by which it is known again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]
    for name in ("change.npy", "modified.json"):
        assert (tmp_path / "m" / name).read_bytes() == (folder / name).read_bytes()


def test_a_killed_writing_of_another_modification_is_begun_anew(tmp_path):
    def stopped(values, rows):
        if rows[0] >= 512 and len(rows) == 64:
            raise KeyboardInterrupt
        return waves(values, rows)

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "m", stopped, batch_size=64)
    path = write(tmp_path / "m", lambda values, rows: -waves(values, rows))
    change = dataset_of(path).change_at(ROWS) / EPSILON
    assert (change + waves(Panels().factors.values(ROWS), ROWS)).abs().max() < 1 / 127


def test_what_is_written_already_is_not_written_again(own):
    before = (own / "change.npy").stat().st_mtime_ns
    assert write(own) == own
    assert (own / "change.npy").stat().st_mtime_ns == before
    for other in (
        {"facts": {"made": "anew"}},
        {"epsilon": 0.1},
        {"change_of": lambda v, r: -waves(v, r)},
    ):
        with pytest.raises(ConfigError, match="holds something else already"):
            write(own, **other)
    assert (own / "change.npy").stat().st_mtime_ns == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "m").mkdir()
    write(tmp_path / "m")  # it was empty
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("seed: 0")
    (tmp_path / "file").write_text("text")
    for name in ("run", "file"):
        with pytest.raises(ConfigError, match="holds something else already"):
            write(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "m", "run"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=262_000)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"262,144 bytes, 262,000 are free .*name another folder"):
        write(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"262,144 bytes.*free some, or name another folder"):
            write(tmp_path / "m", batch_size=64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


# what data.path may be


def test_a_path_that_holds_something_else_is_refused(folder, tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("hello")
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("seed: 0")
    for path, message in (
        (None, "no folder was given; say data.path=FOLDER"),
        (tmp_path / "no", "does not exist"),
        (text, "is a file"),
        (run, "holds no modified set"),
        (folder / "change.npy", "is a file"),
        (folder.parent, f"did you mean {folder}?"),
    ):
        with pytest.raises(ConfigError, match=r"data\.path") as refused:
            dataset_of(path)
        assert message in str(refused.value)


def spoil_byte(folder):
    with (folder / "change.npy").open("rb+") as file:
        file.seek(100_000)
        byte = file.read(1)
        file.seek(100_000)
        file.write(bytes([byte[0] ^ 1]))


def truncate(folder):
    with (folder / "change.npy").open("rb+") as file:
        file.truncate(200_000)


def edit_epsilon(folder):
    file = folder / "modified.json"
    file.write_text(file.read_text().replace('"epsilon": 0.15', '"epsilon": 0.1'))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_byte, "change.npy is damaged: in bytes 0 to .*changed since it was written; copy"),
        (truncate, "change.npy is damaged"),
        (lambda folder: (folder / "change.npy").unlink(), "change.npy is damaged"),
        (lambda folder: (folder / "change.npy.json").unlink(), "change.npy cannot be checked"),
        (lambda folder: np.save(folder / "change.npy", np.zeros(3)), "change.npy"),
        (edit_epsilon, "modified.json has changed since it was written"),
        (lambda folder: rewrite(folder, epsilon=0.1), "belongs to another modified.json"),
        (lambda folder: rewrite(folder, version=3), "is of version 3"),
        (lambda folder: (folder / "modified.json").write_text("{"), "modified.json is damaged"),
        (lambda folder: (folder / "modified.json").write_text("[]"), "has changed since"),
        (
            lambda folder: (folder / "modified.json").write_bytes(b"\xff"),
            "modified.json is damaged",
        ),
        (lambda folder: (folder / "modified.json").write_text("[" * 9999), "nested too deep"),
        (
            lambda folder: (folder / "change.npy.json").write_text("[" * 9999),
            "change.npy cannot be checked",
        ),
        (lambda folder: rewrite(folder, epsilon=math.nan), "epsilon is not a number from 1e-06"),
        (lambda folder: rewrite(folder, epsilon=5), "epsilon is not a number from 1e-06 to 1"),
        (lambda folder: rewrite(folder, epsilon="big"), "epsilon is not a number"),
        (lambda folder: rewrite(folder, clip=[1], facts=7), "clip is not .*; facts is not"),
        (lambda folder: rewrite(folder, original="panels"), "original is not"),
        (lambda folder: rewrite_original(folder, name=["panels"]), "name is not text"),
        (lambda folder: rewrite_original(folder, name=""), "name is not text"),
        (lambda folder: rewrite_original(folder, options=[1]), "options is not"),
        (lambda folder: rewrite_original(folder, num_images=-5), "num_images is not"),
        (lambda folder: rewrite_original(folder, image_shape="abc"), "image_shape is not"),
        (lambda folder: rewrite_original(folder, sample=[["x"]]), "sample is not"),
        (lambda folder: rewrite_original(folder, sample=[[1], [1, 2]]), "its images are others"),
        (lambda folder: rewrite_original(folder, factors={"names": 1}), "its factors are others"),
    ],
)
def test_a_damaged_folder_is_refused(own, spoil, message):
    spoil(own)
    with pytest.raises(DataError, match=message):
        dataset_of(own)


def test_verify_reads_every_byte(own):
    (found,) = ModifiedDataModule(path=own).verify()
    assert (found.path, found.fault) == (own / "change.npy", "")
    spoil_byte(own)
    (found,) = ModifiedDataModule(path=own).verify()
    assert "has changed since" in found.fault
    assert f"copy {own} again as a whole" in found.fault


def test_it_says_whose_images_it_shows(tmp_path):
    path = write_modified(
        tmp_path / "m",
        TinySquaresDataModule(),
        lambda v, r: torch.zeros(len(r), 1, 64, 64),
        0.1,
        {},
    )
    dataset = dataset_of(path, shuffle_seed=4)
    assert dataset.title == "Modified: TinySquares"
    assert dataset.source.startswith(
        f"{dataset.original.source}, plus the images of m, at most 0.1"
    )
    assert dataset.data_source.licence == dataset.original.data_source.licence
    assert [found.year for found in dataset.data_source.publications] == [2021]


def test_an_unchanged_pixel_is_the_originals_bit_for_bit(tmp_path):
    def half(values, rows):
        return (
            torch.tensor([0.0, 1.0]).view(1, 2, 1).expand(len(rows), 2, 128).reshape(-1, 1, 16, 16)
        )

    path = write(tmp_path / "m", half)
    image = dataset_of(path).batch(ROWS).image.flatten(1)
    assert torch.equal(image[:, :128], Panels(amplitude=0.1).batch(ROWS).image.flatten(1)[:, :128])

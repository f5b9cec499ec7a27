"""Sprites with nuisance: what the pixels are made of, and when it changes."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from vaescope.data import DSprites
from vaescope.data.files.checksums import file_checksum
from vaescope.data.files.published import PublishedFile
from vaescope.data.sets.dsprites import files as dsprites_files
from vaescope.data.sets.dsprites.packing import build_packed
from vaescope.data.sets.dsprites.variants import (
    ColorDSprites,
    ColorDSpritesDataModule,
    NoisyDSprites,
    ScreamDSprites,
    ScreamDSpritesDataModule,
    rendered_background,
)
from vaescope.errors import DataError

SETS = [ColorDSprites, NoisyDSprites, ScreamDSprites]
EVERY_SET = pytest.mark.parametrize("dataset", SETS)


@pytest.fixture
def sprites(some_rows):
    return DSprites(cache=False).batch(some_rows).image.numpy() == 1


@pytest.fixture
def draws(some_rows):
    return some_rows * 987654321 + 5


def images(dataset, rows, draws):
    made = dataset(cache=False).batch(rows, draws).image
    assert made.shape == (len(rows), 3, 64, 64)
    assert made.dtype == torch.float32
    return made.numpy()


def chi_square(numbers, bins=32):
    return stats.chisquare(np.histogram(numbers, bins, (0, 1))[0]).pvalue


def test_a_coloured_sprite_is_one_bright_colour_on_black(some_rows, draws, sprites):
    made = images(ColorDSprites, some_rows, draws)
    assert (made[np.broadcast_to(~sprites, made.shape)] == 0).all()
    inside = np.where(sprites, made, np.nan)
    low, high = np.nanmin(inside, (2, 3)), np.nanmax(inside, (2, 3))
    assert np.array_equal(low, high)
    assert low.min() >= 0.5
    assert low.max() < 1
    assert chi_square(2 * low - 1) > 1e-3  # in [0.5, 1]: three channels of 200 images
    assert len(np.unique(low, axis=0)) == 200
    assert np.abs(np.corrcoef(low.T) - np.eye(3)).max() < 4 / 200**0.5


def test_a_noisy_background_is_uniform_and_the_sprite_is_white(some_rows, draws, sprites):
    made = images(NoisyDSprites, some_rows, draws)
    assert (made[np.broadcast_to(sprites, made.shape)] == 1).all()
    background = made[np.broadcast_to(~sprites, made.shape)]
    assert background.min() == 0  # of 2.3 million numbers with 2^16 levels
    assert background.max() == 1 - 2**-16
    assert chi_square(background, 256) > 1e-3
    corner = made[:, :, :3, :3].reshape(200, -1)  # no sprite is there; every pixel on its own
    correlations = np.corrcoef(corner.T)[np.triu_indices(27, 1)]
    assert np.abs(correlations).max() < 4.5 / 200**0.5


@pytest.fixture
def picture(tmp_path):
    """A picture of random pixels, which tell where they are; png, for jpeg would change them."""
    pixels = np.random.default_rng(1).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    (tmp_path / "data" / "scream").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "data" / "scream" / "scream.jpg", format="png")
    return pixels.astype(np.int64).transpose(2, 0, 1)


def slopes(pixels):
    """Differences to the right and downwards `[..., 6, H - 1, W - 1]`: free of the added colour."""
    right, down = np.diff(pixels, axis=-1)[..., :-1, :], np.diff(pixels, axis=-2)[..., :, :-1]
    return np.concatenate([right, down], axis=-3)


def test_a_scream_image_is_half_a_patch_half_a_colour_and_inverted_inside(
    some_rows, draws, sprites, picture
):
    made = images(ScreamDSprites, some_rows, draws).astype(np.float64)
    everywhere = slopes(picture)
    places = {
        tuple(everywhere[:, top, left]): (top, left)
        for top, left in np.ndindex(everywhere.shape[1:])
    }
    found = [
        places[tuple(np.rint(2 * 255 * slopes(image[:, :2, :2])[:, 0, 0]).astype(int))]
        for image in made
    ]
    patches = np.stack([picture[:, y : y + 64, x : x + 64] / 255 for y, x in found])
    colours = (2 * made - patches)[:, :, :1, :1]  # of a corner, where no sprite is
    assert colours.min() > -1e-6
    assert colours.max() < 1
    assert chi_square(colours.clip(0, 1)) > 1e-3
    mixed = (patches + colours) / 2
    np.testing.assert_allclose(made, np.where(sprites, 1 - mixed, mixed), rtol=0, atol=1e-6)
    top, left = np.array(found).T
    for place, size in ((top, 120 - 64), (left, 150 - 64)):  # as published: never the last place
        assert place.max() < size
        assert chi_square((place + 0.5) / size, 8) > 1e-3


def test_the_picture_is_shrunk_as_pillow_does_it(tmp_path, some_rows, draws):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "scream.jpg"
    smooth = rendered_background().permute(1, 2, 0).mul(255).byte().numpy()
    Image.fromarray(smooth).resize((600, 740)).save(path, quality=90)
    dataset = ScreamDSprites(cache=False)
    thumbnail = Image.open(path)
    thumbnail.thumbnail((350, 274))
    assert thumbnail.size == (222, 274)
    shrunk = torch.from_numpy(np.array(thumbnail)).permute(2, 0, 1) / 255
    assert torch.equal(dataset._background, shrunk)
    assert file_checksum(path, "sha256")[:16] in dataset.source
    assert "not The Scream" not in dataset.source


def test_without_the_picture_a_texture_is_rendered_and_the_source_says_so():
    dataset = ScreamDSprites(cache=False)
    assert dataset.source == (
        "rendered exactly (vaescope renderer 1); background rendered by vaescope, not The Scream"
    )
    background = rendered_background()
    assert torch.equal(dataset._background, background)
    assert background.shape == (3, 274, 221)  # 91 cm x 73.5 cm, 274 pixels high
    assert (background.min(), background.max()) == (0, 1)
    assert background.std((1, 2)).min() > 0.1
    steps = torch.cat([background.diff(dim=1).flatten(), background.diff(dim=2).flatten()]).abs()
    assert steps.max() < 0.1
    assert steps.mean() < 0.01
    patches = background.unfold(1, 64, 70).unfold(2, 64, 70).mean((3, 4))
    assert patches.std((1, 2)).min() > 0.05  # places look different


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<html>404</html>", "cannot be read as a picture"), ((64, 200), "shrinks to 64 x 200")],
)
def test_a_picture_that_cannot_serve_is_refused(tmp_path, content, message):
    path = tmp_path / "scream.jpg"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        Image.new("L", content).save(path)
    with pytest.raises(DataError, match=message) as caught:
        ScreamDSprites(tmp_path, cache=False)
    assert str(path) in str(caught.value)


@EVERY_SET
def test_an_image_follows_from_row_and_draw_alone(dataset, some_rows, draws):
    made = dataset(cache=False)
    together = made.images_at(some_rows, draws)
    assert together.min() >= 0
    assert together.max() <= 1
    assert torch.equal(together, dataset(cache=False).images_at(some_rows, draws))
    one = made.images_at(some_rows[7:8], draws[7:8])
    assert torch.equal(together[7:8], one)
    assert not torch.equal(one, made.images_at(some_rows[7:8], draws[8:9]))
    # evaluation: the row's own, also when asked by factor values
    own = made.batch(some_rows)
    assert torch.equal(own.image, made.images_at(some_rows, some_rows))
    assert torch.equal(own.image, made.images(own.factors))
    assert torch.equal(own.factors, DSprites.factors.values(some_rows))


def test_training_sees_new_colours_and_evaluation_the_same():
    module = ColorDSpritesDataModule(split=None, cache=False, batch_size=50)
    module.setup()
    plan = module.epoch_batches().plan(3)
    first, again = module.dataset.gather(plan), module.dataset.gather(plan)
    assert torch.equal(first.image, again.image)
    later = module.epoch_batches().plan(4)._replace(rows=plan.rows)
    later = module.dataset.gather(later)
    assert torch.equal(first.image > 0, later.image > 0)
    assert len(torch.cat([first.image, later.image]).amax((2, 3)).unique(dim=0)) == 100
    held_out = [next(iter(module.val_dataloader())) for _ in range(2)]
    assert torch.equal(held_out[0].image, held_out[1].image)
    assert torch.equal(held_out[0].image, module.dataset.batch(torch.arange(50)).image)


def test_the_module_explains_itself_before_it_is_built(tmp_path):
    module = ScreamDSpritesDataModule(data_dir=tmp_path)
    assert module.image_shape == (3, 64, 64)
    assert module.factors == DSprites.factors
    module.setup()
    assert list(tmp_path.iterdir()) == []  # a small run writes nothing
    assert len(module.dataset) == 737_280
    assert module.dataset.num_bytes > 3 * 274 * 221 * 4


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A data folder with a dSprites file of 100 images that the renderer would not draw."""
    monkeypatch.setattr(dsprites_files, "NUM_IMAGES", 100)
    folder = tmp_path / "published"
    folder.mkdir()
    path = folder / f"{dsprites_files.STEM}.npz"
    pixels = np.random.default_rng(2).integers(0, 2, (100, 64, 64), dtype=np.uint8)
    np.savez_compressed(path, imgs=pixels)
    known = {path.name: PublishedFile(path.name, "md5", file_checksum(path, "md5"))}
    monkeypatch.setattr(dsprites_files, "PUBLISHED", known)
    return folder, pixels == 1


@EVERY_SET
def test_the_users_file_gives_the_sprites(dataset, published):
    folder, pixels = published
    made = dataset(folder)
    assert f"published file {dsprites_files.STEM}.npz" in made.source
    rows = torch.tensor([5, 99])
    one = np.broadcast_to(pixels[rows.numpy(), None], (2, 3, 64, 64))
    image = made.batch(rows).image.numpy()
    black = np.zeros((2, 1, 64, 64), np.float32)
    background = made.embed(torch.from_numpy(black), rows).numpy()
    assert np.array_equal(image[~one], background[~one])
    assert not (image[one] == background[one]).any()


def size_of_copy(dataset):
    content = pickle.dumps(dataset)
    return len(content), pickle.loads(content)


def test_a_copy_for_another_process_opens_the_packed_file_again(tmp_path, monkeypatch):
    monkeypatch.setattr(dsprites_files, "NUM_IMAGES", 2500)
    build_packed(tmp_path / "dsprites-rendered-v1.npy")
    rows = torch.tensor([2499, 0, 7])
    for dataset in (DSprites(tmp_path), NoisyDSprites(tmp_path)):
        size, copy = size_of_copy(dataset)
        assert size < 2000  # not the 1.3 MB of the packed images, nor the 8 MB of the tables
        assert torch.equal(copy.batch(rows).image, dataset.batch(rows).image)
        assert (copy.source, copy.num_bytes) == (dataset.source, dataset.num_bytes)
    content = pickle.dumps(dataset)
    (tmp_path / "dsprites-rendered-v1.npy").unlink()
    with pytest.raises(DataError, match=r"rendered-v1\.npy"):
        pickle.loads(content)


@EVERY_SET
def test_a_copy_for_another_process_renders_the_same(dataset, some_rows):
    made = dataset(cache=False)
    size, copy = size_of_copy(made)
    assert size < 2000 + (3 * 274 * 221 * 4 if dataset is ScreamDSprites else 0)
    assert torch.equal(copy.batch(some_rows).image, made.batch(some_rows).image)
    assert copy.num_bytes == made.num_bytes

"""The frames are the 53 of the published animation, scaled back from a palette of 256 colours."""

import colorsys
import shutil
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch

from vaescope.data.files.checksums import record_path
from vaescope.data.sets.shapes3d_like import dataset as shapes3d_like
from vaescope.data.sets.shapes3d_like import scene as scenes
from vaescope.data.sets.shapes3d_like.dataset import Shapes3DLike, Shapes3DLikeDataModule, maps_path
from vaescope.errors import ConfigError, DataError

FRAMES = np.load(Path(__file__).parents[2] / "golden" / "shapes3d_frames.npz")["images"]
HUES = torch.tensor([colorsys.hsv_to_rgb(hue / 10, 1, 1) for hue in range(10)])
OFFICIAL_MEANS = torch.tensor([0.502584966788819, 0.5787597566089667, 0.6034499731859578])
SCENE = scenes.Scene()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A data folder that holds the maps."""
    folder = tmp_path_factory.mktemp("shapes3d_like")
    Shapes3DLike(folder)
    return folder


@pytest.fixture(scope="session")
def dataset(folder):
    return Shapes3DLike(folder)


@pytest.fixture(scope="session")
def maps(folder):
    return torch.from_numpy(np.load(maps_path(folder))).float().view(8, 4, 15, 6, 64, 64)


@pytest.fixture(scope="session")
def frames():
    return torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="session")
def matched(maps, frames):
    """Rows int64 [53]: of all 480,000 the least squared error, weights cut off at 1.

    That error is a quadratic form in the colours, so all rows are tried without an image.
    """
    geometries = maps.view(480, 2, 3, -1).double()
    weights, constant = geometries[:, 0].clamp(max=1), geometries[:, 1]
    hues = torch.cartesian_prod(*[torch.arange(10)] * 3)
    colours = HUES.double()[hues]  # [1000, surface, RGB]
    gram = weights @ weights.mT
    fixed = 2 * weights @ constant.mT  # [480, surface, RGB]
    own = torch.einsum("hac,gab,hbc->gh", colours, gram, colours)
    own += fixed.flatten(1) @ colours.flatten(1).T + constant.square().sum((1, 2))[:, None]
    rows = []
    for frame in frames.flatten(2).double():
        error = own - 2 * (weights @ frame.T).flatten(1) @ colours.flatten(1).T
        error -= 2 * (constant * frame).sum((1, 2))[:, None]
        geometry, hue = divmod(int(error.argmin()), 1000)
        rows.append(hue * 480 + geometry)
    return torch.tensor(rows)


def sweep():
    """Factors of the frames: the animation changes one at a time; 39 and 46 are the same."""
    now, rows = [0, 6, 3, 0, 0, 0], []
    steps = [(5, range(15)), (4, range(1, 4)), (3, range(1, 8)), (2, [4, 5, 6, 7, 8, 9, 0, 1, 2])]
    steps += [(1, [7, 8, 9, 0, 1, 5]), (0, [1, 2, 3]), (0, [0]), (1, [2, 3, 4, 5])]
    steps += [(0, range(4, 10))]
    for factor, values in steps:
        for value in values:
            now[factor] = value
            if (factor, value) != (0, 0):  # which has no frame of its own
                rows.append(list(now))
    return torch.tensor(rows)


def test_every_frame_is_matched_with_the_factors_that_it_was_made_of(dataset, matched):
    assert torch.equal(dataset.values(matched), sweep())


def test_frames_look_like_ours(dataset, matched, frames):
    # none of the 53 is left out
    error = (dataset.batch(matched).image - frames).abs().mean((1, 2, 3))
    assert len(error) == 53
    assert error.mean() < 0.015
    assert error.max() < 0.025


def test_means_of_the_channels_are_the_published_ones(dataset):
    # each geometry in ten images that give every hue to every surface once: the sum over all
    # hues but for pixels where cut off colours mix; 3e-6 beside the mean of all 480,000 images
    rng, columns = np.random.default_rng(0), []
    for geometry in range(480):
        hues = np.stack([rng.permutation(10) for _ in range(3)], axis=1)
        columns.append(hues @ [48_000, 4_800, 480] + geometry)
    rows = torch.from_numpy(np.concatenate(columns))
    means = torch.stack([dataset.batch(r).image.mean((0, 2, 3)) for r in rows.split(480)])
    assert means.mean(0).numpy() == pytest.approx(OFFICIAL_MEANS.numpy(), rel=0.01)


def test_factors_and_images(dataset):
    assert len(dataset) == 480_000
    assert dataset.values(torch.tensor([479_999])).tolist() == [[9, 9, 9, 7, 3, 14]]
    assert dataset.values(torch.tensor([1])).tolist() == [[0, 0, 0, 0, 0, 1]]
    assert "not Shapes3D" in dataset.source
    image = dataset.batch(torch.tensor([0, 123_456, 479_999])).image
    assert (image.shape, image.dtype) == ((3, 3, 64, 64), torch.float32)
    assert 0 <= image.min() < image.max() <= 1


def test_images_are_the_maps_in_their_colours(dataset, maps, rng):
    values = dataset.factors.sample(20, rng)
    for image, (floor, wall, thing, *geometry) in zip(
        dataset.images(values), values.tolist(), strict=True
    ):
        parts = maps[tuple(geometry)]
        expected = parts[3:].clone()
        for part, hue in enumerate((floor, wall, thing)):
            expected += HUES[hue][:, None, None] * parts[part]
        torch.testing.assert_close(image, expected.clamp(0, 1))


def test_a_pixel_shows_one_surface_or_a_mixture(maps):
    assert maps.min() == 0
    inside = maps[0, 0, 7, :, 50, 32]  # a pixel in the middle of the cube
    assert (inside[:2] == 0).all()
    assert 0.5 < inside[2] < 1.5
    assert (maps[..., :3, 0, :] == 0).all()  # the top row is sky
    sky = torch.tensor([153, 226, 249]) / 255
    torch.testing.assert_close(maps[7, 3, 14, 3:, 0, 5], sky, atol=5e-4, rtol=0)
    assert (maps[..., 0, 63, 0] > 0).all()  # the lowest left pixel is floor


def test_bodies_of_revolution_cover_the_same_pixels_from_everywhere(maps):
    area = (maps[:, 1:, :, 2] > 0).sum((-2, -1))
    assert (area.amax(2) - area.amin(2) <= 2).all()
    assert (area.diff(dim=0) > 0).all()  # and more at a larger scale
    assert ((maps[:, 0, :, 2] > 0).sum((-2, -1)).diff(dim=0) > 0).all()


def test_the_object_stays_in_the_middle(maps):
    covered = (maps[:, 1:, :, 2] > 0).float()
    assert torch.equal(covered, covered.flip(-1))


def test_the_camera_is_a_pinhole():
    camera, forward, rays = scenes._camera(SCENE, 0.3, 64)
    torch.testing.assert_close(rays.norm(dim=1), torch.ones(4096))
    # from the azimuth 0.3 the world is turned by -0.3: then x is right, y away and z up
    x, y, z = 0.7, 3.0, 1.9
    point = torch.tensor([x * np.cos(0.3) - y * np.sin(0.3), x * np.sin(0.3) + y * np.cos(0.3), z])
    tilt = np.arctan2(SCENE.target_height - SCENE.camera_height, SCENE.camera_radius)
    away, height = y + SCENE.camera_radius, z - SCENE.camera_height
    depth = away * np.cos(tilt) + height * np.sin(tilt)
    up = height * np.cos(tilt) - away * np.sin(tilt)
    half = np.tan(np.radians(SCENE.field_of_view) / 2)
    column, row = 32 + 32 * x / depth / half, 32 - 32 * up / depth / half
    direction = (point.float() - camera) / (point.float() - camera).norm()
    nearest = int((rays @ direction).argmax())
    assert (nearest % 64, nearest // 64) == (int(column), int(row))
    assert forward @ direction == pytest.approx(depth / np.hypot(np.hypot(x, away), height))


def test_rays_leave_the_room_where_its_surfaces_are():
    camera, _, rays = scenes._camera(SCENE, -0.5, 64)
    points, surface, normals = scenes._meet_room(SCENE, camera, rays)
    x, y, z = points.unbind(1)
    on_floor, on_wall = surface == 0, surface == 1
    assert on_floor.any()
    assert on_wall.any()
    assert (z[on_floor].abs() < 1e-4).all()
    assert ((z[on_wall] > -1e-4) & (z[on_wall] <= SCENE.wall_height)).all()
    outside = torch.maximum(x.abs() - SCENE.half_width, y - SCENE.back)
    assert (outside[on_wall].abs() < 1e-4).all()
    assert (outside < 1e-4).all()
    assert ((normals * rays).sum(1) < 0).all()


def inside(shape, scale, points):
    """Whether points [..., 3] are in the object, without any rays."""
    x, y, z = (points / scale).unbind(-1)
    if shape == 0:
        half = SCENE.cube
        return (x.abs() < half) & (y.abs() < half) & ((z - half).abs() < half)
    if shape == 1:
        radius, height = SCENE.cylinder
        return (x**2 + y**2 < radius**2) & (z > 0) & (z < height)
    radius, low, high = (*SCENE.sphere, SCENE.sphere[1]) if shape == 2 else SCENE.capsule
    return x**2 + y**2 + (z - z.clamp(low, high)) ** 2 < radius**2


@pytest.mark.parametrize("shape", range(4))
@pytest.mark.parametrize("scale", [0.75, 1.25])
def test_rays_meet_the_object_where_steps_along_them_first_enter_it(shape, scale, rng):
    origins = torch.from_numpy(rng.uniform([-8, -8, 3.5], [8, 8, 9], (400, 3))).float()
    origins[:, :2] += 4 * origins[:, :2].sign()
    aims = torch.from_numpy(rng.uniform([-2, -2, 0], [2, 2, 4], (400, 3))).float()
    rays = torch.nn.functional.normalize(aims - origins, dim=1)
    times = torch.arange(0, 25, 0.01)
    entered = inside(shape, scale, origins[:, None] + times[:, None] * rays[:, None])
    entered &= (origins[:, None] + times[:, None] * rays[:, None])[..., 2] > 0
    met, distance, normals = scenes._meeting(scenes._solid(SCENE, shape, scale), origins, rays)
    found = torch.full((400,), torch.inf).index_put((met,), distance)
    expected = torch.where(entered.any(1), times[entered.int().argmax(1)], torch.inf)
    assert 80 < len(met) < 390
    assert (found.isfinite() != expected.isfinite()).sum() <= 3  # those that only graze it
    both = found.isfinite() & expected.isfinite()
    assert ((expected - found)[both] > -1e-3).all()
    assert ((expected - found)[both] < 0.011).all()
    points = origins[met] + distance[:, None] * rays[met]
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(len(met)), atol=1e-4, rtol=0)
    assert not inside(shape, scale, points + 2e-3 * normals).any()
    assert inside(shape, scale, points - 2e-3 * normals).float().mean() > 0.99  # not at edges


def test_rays_that_start_beyond_the_object_miss_it():
    origins, rays = torch.tensor([[0.0, 0.0, 6.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    for shape in range(4):
        assert len(scenes._meeting(scenes._solid(SCENE, shape, 1.0), origins, rays)[0]) == 0


def test_shadows_lie_where_the_object_hides_the_light():
    side = 64
    view = scenes._empty_room(SCENE, 0.0, side)
    for shape in range(4):
        solid = scenes._solid(SCENE, shape, 1.0)
        maps = scenes._with_object(SCENE, view, solid)
        free = (maps[2] == 0) & (view.surface == 0)
        darker = maps[0, free] < view.maps[0, free] - 1e-6
        way = torch.linspace(0, 0.4, 800)[1:, None, None]  # shares of the way to the light
        points = view.points[free] + way * (torch.tensor(SCENE.light) - view.points[free])
        hidden = inside(shape, 1.0, points).any(0)
        assert 20 < hidden.sum() < 400
        assert (hidden != darker).sum() <= 4
        assert torch.equal(maps[0, free][darker], view.shaded[free][darker])


def test_maps_belong_to_the_version(maps):
    # whoever changes the maps raises RENDERER_VERSION and writes the new means here
    assert shapes3d_like.RENDERER_VERSION == 2
    means = maps.double().mean((0, 1, 2, 4, 5)).tolist()
    expected = [0.293972, 0.287634, 0.114526, 0.166287, 0.244691, 0.269441]
    assert means == pytest.approx(expected, abs=1e-5)


def test_checks_dim_every_second_square_of_floor_walls_and_object():
    """One ray a pixel: each shows its colour whole or three quarters of it, in both shares."""
    plain, checked = (
        scenes.view_maps(scenes.Scene(texture=texture), azimuth=12.0, supersampling=1)
        for texture in (0.0, 0.25)
    )
    assert torch.equal(plain[:, :, 3:], checked[:, :, 3:])  # sky and white reflections
    for part in range(3):
        shown = plain[:, :, part] > 0
        ratio = (checked[:, :, part] / plain[:, :, part])[shown]
        dimmed = (ratio - 0.75).abs() < 1e-5
        assert (dimmed | ((ratio - 1).abs() < 1e-5)).all()
        assert 0.3 < dimmed.double().mean() < 0.7
        assert torch.equal(checked[:, :, part][~shown], plain[:, :, part][~shown])


def test_checks_stay_on_the_room_when_the_view_turns():
    """A place on the floor has the same reflectance wherever it is seen from."""
    scene = scenes.Scene(texture=0.5)
    places = torch.tensor([[1.0, 1.0, 0.0], [3.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [3.0, -3.0, 0.0]])
    for rounding in (-1e-6, 0, 1e-6):
        shown = scenes._reflectance(scene, (places + rounding) / scene.checks)
        assert shown.tolist() == [1.0, 0.5, 0.5, 0.5]


def test_textured_maps_have_a_file_of_their_own(folder, tmp_path, monkeypatch):
    asked = []
    maps = torch.zeros(480, 6, 64, 64, dtype=torch.float16)
    monkeypatch.setattr(shapes3d_like, "geometry_maps", lambda t: asked.append(t) or maps)
    textured = Shapes3DLike(tmp_path, texture=0.25)
    assert asked == [0.25]
    assert [path.name for path in tmp_path.glob("*.npy")] == ["shapes3d_like-v2-texture0.25.npy"]
    assert textured.source != Shapes3DLike(folder).source
    with pytest.raises(ConfigError, match="texture=2: give"):
        Shapes3DLike(folder, texture=2)


def test_maps_are_computed_once(folder, dataset, monkeypatch):
    monkeypatch.setattr(shapes3d_like, "geometry_maps", lambda _: pytest.fail("computed again"))
    again = Shapes3DLike(folder)
    rows = torch.tensor([5, 77_777])
    assert torch.equal(again.batch(rows).image, dataset.batch(rows).image)
    assert [path.name for path in folder.glob("*.npy")] == ["shapes3d_like-v2.npy"]


def test_without_cache_nothing_is_written(tmp_path, maps, dataset, monkeypatch):
    computed = maps.half().view(480, 6, 64, 64)
    monkeypatch.setattr(shapes3d_like, "geometry_maps", lambda _: computed)
    other = Shapes3DLike(tmp_path / "data", cache=False)
    assert not (tmp_path / "data").exists()
    rows = torch.tensor([5, 77_777])
    assert torch.equal(other.batch(rows).image, dataset.batch(rows).image)


def test_a_damaged_file_says_delete_it(tmp_path, folder):
    path = maps_path(tmp_path)
    whole = maps_path(folder).read_bytes()
    shutil.copy(record_path(maps_path(folder)), record_path(path))
    for content in (whole[:-1000], whole[:40], b"", b"<html>404</html>"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"shapes3d_like-v2\.npy is damaged .*delete it"):
            Shapes3DLike(tmp_path)
    np.save(path, np.zeros((480, 5), np.float16))
    with pytest.raises(DataError, match=r"float16 \[480, 5\], expected float16 .*delete it"):
        Shapes3DLike(tmp_path)


def test_a_full_disk_while_writing(tmp_path, monkeypatch):
    def full(texture):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shapes3d_like, "geometry_maps", full)
    with pytest.raises(DataError, match=r"disk is full.*data_dir="):
        Shapes3DLike(tmp_path)
    assert not list(tmp_path.glob("*.npy"))


def test_workers_share_the_maps_and_devices_get_them(folder):
    dataset = Shapes3DLike(folder)
    assert dataset.num_bytes == 480 * 6 * 64 * 64 * 2 + 10 * 3 * 4
    assert len(ForkingPickler.dumps(dataset)) < 10_000
    dataset.to("meta")
    images = dataset.images(torch.zeros(4, 6, dtype=torch.int64))
    assert (images.device.type, images.shape) == ("meta", (4, 3, 64, 64))


def test_the_module_serves_the_set(folder):
    module = Shapes3DLikeDataModule(data_dir=folder, batch_size=8)
    module.setup()
    batch = next(iter(module.train_dataloader()))
    assert batch.image.shape == (8, 3, 64, 64)
    assert torch.equal(module.dataset.images(batch.factors), batch.image)

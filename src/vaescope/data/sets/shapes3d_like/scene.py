"""The room of ``shapes3d_like`` in 480 geometries, by analytic ray casting.

Before it is cut off at 1 an image is linear in its three colours, so a geometry (scale, shape,
orientation) is six maps: how strongly each pixel shows the colours of floor, wall and object, and
the red, green and blue that it shows in any case. Coordinates: z points up, the object stands on
the origin, the room is open above and in front.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64
SCALES, SHAPES, ORIENTATIONS = 8, 4, 15
NUM_MAPS = 6

Triple = tuple[float, float, float]
Hits = tuple[Tensor, Tensor]  # distances [n], infinite where a ray misses, and normals [n, 3]
_FLOOR, _WALL, _OBJECT, _SKY = range(4)


@dataclass(frozen=True)
class Scene:
    """Lengths in one arbitrary unit, those of objects at scale 1; brightness as a factor.

    The defaults were fitted to the frames of the published animation; a change of one of them
    needs a new ``RENDERER_VERSION``.
    """

    camera_radius: float = 10.0  # distance of the camera from the z axis
    camera_height: float = 2.693  # above the floor
    target_height: float = 2.508  # of the point on the z axis that the camera looks at
    field_of_view: float = 42.11  # in degrees
    back: float = 11.89  # distance of the back wall from the origin
    half_width: float = 11.34  # distance of each side wall from the origin
    wall_height: float = 6.077  # above the floor
    cube: float = 1.173  # half a side
    cylinder: tuple[float, float] = (1.253, 2.509)  # radius and height
    sphere: tuple[float, float] = (1.411, 1.413)  # radius and height of the centre
    capsule: Triple = (1.087, 1.096, 3.236)  # radius, heights of the centres of its half spheres
    light: Triple = (-6.896, 3.571, 29.47)  # place of the spot light, the only one with shadows
    light_target: Triple = (-7.035, 1.075, 0.0)  # a point on its axis
    light_exponent: float = 11.0  # how fast it falls off away from the axis
    ambient: float = 0.3417  # brightness from everywhere
    diffuse: float = 1.053  # brightness of the spot light
    headlight: float = 0.612  # brightness of parallel light in the direction of the camera
    specular: float = 0.1215  # brightness of the spot light's white reflection on the object
    shininess: float = 2.0  # how narrow that reflection is
    sky: Triple = (153 / 255, 226 / 255, 249 / 255)  # red, green and blue
    texture: float = 0.0  # share of their colour that dark squares of the checks lose
    checks: float = 2.0  # side of the squares on floor and walls
    object_checks: float = 0.6  # on the object at scale 1; they grow with it


@dataclass(frozen=True)
class _View:
    """The empty room seen by one camera through R rays; every direction has length 1."""

    camera: Tensor  # its place [3]
    forward: Tensor  # where it looks [3]
    rays: Tensor  # their directions [R, 3]
    points: Tensor  # what they meet [R, 3]
    to_light: Tensor  # directions from there to the light [R, 3]
    surface: Tensor  # what it is, int64 [R]: floor, wall or sky
    shaded: Tensor  # its brightness [R] in a shadow
    maps: Tensor  # the six maps [6, R] without shadows


@dataclass(frozen=True)
class _Solid:
    """A convex body on the floor."""

    scale: float  # by which it is larger than its scene says
    middle: float  # height of the centre of a sphere that holds it
    reach: float  # radius of that sphere
    meet: Callable[[Tensor, Tensor], Hits]  # of rays with origins [n, 3] and directions [n, 3]


def geometry_maps(texture: float = 0.0, supersampling: int = 3) -> Tensor:
    """Maps float16 `[480, 6, 64, 64]` of all geometries, in the order scale, shape, orientation.

    Maps 0 to 2 are the weights of the colours of floor, wall and object, some above 1; 3 to 5 are
    added to red, green and blue.

    Args:
        texture: share of their colour, in [0, 1], that every second square of checks on floor,
            walls and object loses.
        supersampling: rays per pixel and axis.
    """
    scene = Scene(texture=texture)
    maps = torch.empty(SCALES, SHAPES, ORIENTATIONS, NUM_MAPS, SIDE, SIDE, dtype=torch.float16)
    for orientation, azimuth in enumerate(torch.linspace(-30, 30, ORIENTATIONS)):
        maps[:, :, orientation] = view_maps(scene, float(azimuth), supersampling)
    return maps.flatten(0, 2)


def view_maps(scene: Scene, azimuth: float, supersampling: int) -> Tensor:
    """Maps `[8, 4, 6, 64, 64]` of all scales and shapes, seen from ``azimuth`` in degrees."""
    view = _empty_room(scene, math.radians(azimuth), SIDE * supersampling)
    maps = [
        _with_object(scene, view, _solid(scene, shape, float(scale)))
        for scale in torch.linspace(0.75, 1.25, SCALES)
        for shape in range(SHAPES)
    ]
    side = SIDE * supersampling
    fine = torch.stack(maps).view(-1, NUM_MAPS, side, side)
    return F.avg_pool2d(fine, supersampling).unflatten(0, (SCALES, SHAPES))


def _empty_room(scene: Scene, azimuth: float, side: int) -> _View:
    camera, forward, rays = _camera(scene, azimuth, side)
    points, surface, normals = _meet_room(scene, camera, rays)
    to_light = _unit(torch.tensor(scene.light) - points)
    shaded = _shaded(scene, normals, forward)
    reflected = _reflectance(scene, points / scene.checks)
    shaded *= reflected
    lit = shaded + reflected * _spot_light(scene, normals, to_light)
    maps = torch.zeros(NUM_MAPS, len(rays))
    for which in (_FLOOR, _WALL):
        maps[which] = lit * (surface == which)
    maps[_SKY:] = torch.tensor(scene.sky)[:, None] * (surface == _SKY)
    return _View(camera, forward, rays, points, to_light, surface, shaded, maps)


def _with_object(scene: Scene, view: _View, solid: _Solid) -> Tensor:
    """The six maps `[6, R]` of a view with an object and its shadow."""
    maps = view.maps.clone()
    dark, _, _ = _meeting(solid, view.points, view.to_light)
    dark = dark[view.surface[dark] != _SKY]
    maps[view.surface[dark], dark] = view.shaded[dark]
    seen, distance, normals = _meeting(solid, view.camera.expand_as(view.rays), view.rays)
    rays = view.rays[seen]
    points = view.camera + distance[:, None] * rays
    to_light = _unit(torch.tensor(scene.light) - points)
    shine = _dot(normals, _unit(to_light - rays)).clamp_min(0) ** scene.shininess
    # the body is convex: what lies in its own shadow is what is turned away from the light
    reflected = scene.specular * shine * (_dot(normals, to_light) > 0)
    maps[:, seen] = 0
    maps[_OBJECT, seen] = _shaded(scene, normals, view.forward)
    maps[_OBJECT, seen] += _spot_light(scene, normals, to_light)
    maps[_OBJECT, seen] *= _reflectance(scene, points / (solid.scale * scene.object_checks))
    maps[_SKY:, seen] = reflected
    return maps


def _camera(scene: Scene, azimuth: float, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Its place and direction `[3]`, and its rays `[side * side, 3]`, row by row from the top."""
    sin, cos, radius = math.sin(azimuth), math.cos(azimuth), scene.camera_radius
    camera = torch.tensor([radius * sin, -radius * cos, scene.camera_height])
    forward = _unit(torch.tensor([0.0, 0.0, scene.target_height]) - camera)
    right = torch.tensor([cos, sin, 0.0])
    up = torch.linalg.cross(right, forward)
    half = math.tan(math.radians(scene.field_of_view) / 2)
    steps = half * ((torch.arange(side) + 0.5) * (2 / side) - 1)[:, None]
    rays = forward + (steps * right)[None] - (steps * up)[:, None]
    return camera, forward, _unit(rays).flatten(0, 1)


def _meet_room(scene: Scene, camera: Tensor, rays: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points, surfaces and inward normals where rays from inside leave the room."""
    # floor, back, left, right: a point is inside where normal * point > offset
    offsets = torch.tensor([0.0, -scene.back, -scene.half_width, -scene.half_width])
    normals = torch.tensor([[0.0, 0, 1], [0, -1, 0], [1, 0, 0], [-1, 0, 0]])
    distances = (offsets - normals @ camera) / (rays @ normals.T)
    distance, plane = distances.masked_fill_(distances <= 0, math.inf).min(dim=1)
    points = camera + distance[:, None] * rays
    surface = torch.where(plane == 0, _FLOOR, _WALL)
    surface[points[:, 2] > scene.wall_height] = _SKY
    return points, surface, normals[plane]


def _reflectance(scene: Scene, places: Tensor) -> Tensor:
    """Share `[n]` of its colour that a solid of checks shows at ``places`` `[n, 3]`, in squares.

    Squares of the floor lie half above it and half below, so none ends in its plane.
    """
    odd = (places + torch.tensor([0.0, 0.0, 0.5])).floor().sum(dim=-1).remainder(2)
    return 1 - scene.texture * odd


def _shaded(scene: Scene, normals: Tensor, forward: Tensor) -> Tensor:
    """Brightness `[n]` without the spot light."""
    return scene.ambient + scene.headlight * -_dot(normals, forward).clamp_max(0)


def _spot_light(scene: Scene, normals: Tensor, to_light: Tensor) -> Tensor:
    """Brightness `[n]` that the spot light adds where nothing is in its way."""
    axis = _unit(torch.tensor(scene.light) - torch.tensor(scene.light_target))
    spot = _dot(to_light, axis).clamp_min(0) ** scene.light_exponent
    return scene.diffuse * spot * _dot(normals, to_light).clamp_min(0)


def _solid(scene: Scene, shape: int, scale: float) -> _Solid:
    """The object: 0 cube, 1 cylinder, 2 sphere, 3 capsule."""
    if shape == 0:
        half = scale * scene.cube
        return _Solid(scale, half, half * math.sqrt(3), lambda o, d: _cube(o, d, half))
    if shape == 1:
        radius, height = (scale * length for length in scene.cylinder)
        reach = math.hypot(radius, height / 2)
        return _Solid(scale, height / 2, reach, lambda o, d: _cylinder(o, d, radius, height))
    if shape == 2:
        radius, middle = (scale * length for length in scene.sphere)
        return _Solid(scale, middle, radius, lambda o, d: _sphere(o, d, radius, middle))
    radius, low, high = (scale * length for length in scene.capsule)
    middle, reach = (low + high) / 2, (high - low) / 2 + radius
    return _Solid(scale, middle, reach, lambda o, d: _capsule(o, d, radius, low, high))


def _meeting(solid: _Solid, origins: Tensor, rays: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which of R rays meet the solid, int64 `[m]`, at which distances and with which normals."""
    offsets = origins - torch.tensor([0.0, 0.0, solid.middle])
    near = _dot(offsets, offsets) - _dot(offsets, rays) ** 2 < solid.reach**2
    chosen = near.nonzero()[:, 0]
    distance, normals = solid.meet(origins[chosen], rays[chosen])
    met = distance.isfinite()
    return chosen[met], distance[met], normals[met]


def _cube(origins: Tensor, rays: Tensor, half: float) -> Hits:
    low = torch.tensor([-half, -half, 0.0])
    one, other = (low - origins) / rays, (low + 2 * half - origins) / rays
    enter, axis = torch.minimum(one, other).max(dim=1)
    leave = torch.maximum(one, other).amin(dim=1)
    return _ahead(enter, enter < leave), -rays.sign() * F.one_hot(axis, 3)


def _cylinder(origins: Tensor, rays: Tensor, radius: float, height: float) -> Hits:
    lid = (height - origins[:, 2]) / rays[:, 2]
    inside = (origins + lid[:, None] * rays)[:, :2].norm(dim=1) < radius
    up = torch.tensor([0.0, 0.0, 1.0]).expand_as(rays)
    return _first(_tube(origins, rays, radius, 0, height), (_ahead(lid, inside), up))


def _capsule(origins: Tensor, rays: Tensor, radius: float, low: float, high: float) -> Hits:
    ends = [_sphere(origins, rays, radius, height) for height in (low, high)]
    return _first(_tube(origins, rays, radius, low, high), *ends)


def _sphere(origins: Tensor, rays: Tensor, radius: float, height: float) -> Hits:
    offsets = origins - torch.tensor([0.0, 0.0, height])
    along = _dot(offsets, rays)
    square = along**2 - _dot(offsets, offsets) + radius**2
    distance = -along - square.clamp_min(0).sqrt()
    return _ahead(distance, square > 0), (offsets + distance[:, None] * rays) / radius


def _tube(origins: Tensor, rays: Tensor, radius: float, low: float, high: float) -> Hits:
    """An upright cylinder without its ends."""
    flat = torch.tensor([1.0, 1.0, 0.0])
    offsets, across = origins * flat, rays * flat
    a, b = _dot(across, across), _dot(offsets, across)
    square = b**2 - a * (_dot(offsets, offsets) - radius**2)
    distance = (-b - square.clamp_min(0).sqrt()) / a
    height = origins[:, 2] + distance * rays[:, 2]
    meets = (square > 0) & (height >= low) & (height <= high)
    return _ahead(distance, meets), (offsets + distance[:, None] * across) / radius


def _first(*parts: Hits) -> Hits:
    """The nearest of several surfaces that each ray meets."""
    distance, part = torch.stack([distance for distance, _ in parts]).min(dim=0)
    normals = torch.stack([normals for _, normals in parts])
    return distance, normals[part, torch.arange(len(part))]


def _ahead(distance: Tensor, meets: Tensor) -> Tensor:
    """The distances, infinite where nothing is met in front of the origin."""
    return torch.where(meets & (distance > 0), distance, math.inf)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=-1)


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=-1)

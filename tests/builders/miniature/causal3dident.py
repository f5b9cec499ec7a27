"""Causal3DIdent with 12 training and 3 test pictures of each class, in the true archives."""

import functools
import io
import tarfile
from dataclasses import replace

import numpy as np
from PIL import Image

from builders.miniature.celeba import as_written
from vaescope.data.sets.causal3dident import Causal3DIdent

DATASET = Causal3DIdent
NUM_PER_CLASS = (12, 3)
PARTS = ("trainset", "testset")


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=causal3dident", f"data_dir='{folder}'"]


def raw_latents(part, number):
    """float32 `[n, 10]` in [-1, 1]."""
    rng = np.random.default_rng([part, number])
    return rng.uniform(-1, 1, (NUM_PER_CLASS[part], 10)).astype(np.float32)


def pixels(part, number, position):
    """Red says the class, green part and position, blue grows downwards."""
    image = np.empty((224, 224, 3), np.uint8)
    image[..., 0] = 30 * number
    image[..., 1] = 100 * part + 5 * position
    image[..., 2] = np.arange(224)[:, None]
    return image


@functools.cache
def png(part, number, position):
    content = io.BytesIO()
    Image.fromarray(pixels(part, number, position)).save(content, "PNG", compress_level=1)
    return content.getvalue()


def contents(part):
    """Every file of one part by its name in the archive, in an order that means nothing."""
    found = {}
    padded = int(np.ceil(np.log10(NUM_PER_CLASS[part])))
    for number in range(7):
        for position in range(NUM_PER_CLASS[part]):
            name = f"images_{number}/{str(position).zfill(padded)}.png"
            found[f"{PARTS[part]}/{name}"] = png(part, number, position)
        content = io.BytesIO()
        np.save(content, raw_latents(part, number))
        found[f"{PARTS[part]}/raw_latents_{number}.npy"] = content.getvalue()
    names = np.random.default_rng(part).permutation(sorted(found)).tolist()
    return {name: found[name] for name in names} | {
        f"{PARTS[part]}/images_0/.ipynb_checkpoints/00-checkpoint.png": b"not looked at"
    }


def write(folder, packed=True, **changed):
    """Both parts; ``changed``: other contents, by part, of files by their names, None: no file."""
    place = folder / DATASET.data_source.folder
    for part, title in enumerate(PARTS):
        files = contents(part) | changed.get(title, {})
        files = {name: content for name, content in files.items() if content is not None}
        if packed:
            place.mkdir(parents=True, exist_ok=True)
            write_archive(place / f"{title}.tar.gz", files)
            continue
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)


def write_archive(path, files):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def shrink(monkeypatch, folder):
    """Have the class take what lies below ``folder`` for the published files; write it first."""
    place = folder / DATASET.data_source.folder
    if not place.exists():
        write(folder)
    monkeypatch.setattr(DATASET, "num_per_class", NUM_PER_CLASS)
    files = tuple(as_written(file, place) for file in DATASET.data_source.files)
    monkeypatch.setattr(DATASET, "data_source", replace(DATASET.data_source, files=files))

"""What ``vaescope data`` does: list the sets, compare a user's file, render images."""

import logging
import time
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from vaescope.config import build, config_dir, resolved
from vaescope.data import (
    DSprites,
    DSpritesDataModule,
    FashionMNISTDataModule,
    MNISTDataModule,
    default_data_dir,
    dsprites_files,
)
from vaescope.data import verify as compare
from vaescope.data.dsprites import RENDERED_SHA256, build_packed, packed_sha256, rendered_path
from vaescope.errors import DataError
from vaescope.problems import check
from vaescope.report.pictures import sheet_figure
from vaescope.streams import stream

log = logging.getLogger(__name__)


def show_list(config: DictConfig) -> None:
    """Print every data set of the group ``data`` with its shape and factors."""
    table = Table(title="data sets: vaescope train data=<name>", title_justify="left")
    for heading in ("name", "observation", "factors (number of values)", "what it is"):
        table.add_column(heading)
    for file in sorted((Path(config_dir()) / "data").glob("*.yaml")):
        node = OmegaConf.load(file)
        assert isinstance(node, DictConfig)
        module = build({"_target_": node["_target_"]}, f"data={file.stem}")
        factors = ", ".join(
            f"{name} {size or 'continuous'}"
            for name, size in zip(module.factors.names, module.factors.sizes, strict=True)
        )
        factors = factors or "none known"
        about = (module.dataset_class.__doc__ or "").splitlines()[0]
        shape = " x ".join(str(side) for side in module.image_shape)
        table.add_row(file.stem, shape, factors, about)
    Console().print(table)


def verify(config: DictConfig) -> None:
    """Check the user's own files: dSprites pixel by pixel, others by their checksums.

    Raises:
        DataError: if there is no file, it cannot be read, or its checksum is wrong.
    """
    check(config)
    plain = resolved(config)
    module = build(plain["data"], "data")
    if isinstance(module, DSpritesDataModule):
        _verify_dsprites(_folder(plain["data_dir"]))
    elif isinstance(module, MNISTDataModule | FashionMNISTDataModule):
        dataset = module.build()
        for file, path in zip(dataset.files, dataset.paths, strict=True):
            print(
                f"{path}\n  md5 of its bytes, decompressed, {file.md5}: that of the published file"
            )
        assert dataset.labels is not None
        print(f"{len(dataset)} images, of each class {dataset.labels.bincount().tolist()}")
    else:
        raise DataError(
            "this data set is computed, no file of it can differ; verify data=dsprites, data=mnist "
            "or data=fashion_mnist"
        )


def _verify_dsprites(folder: Path) -> None:
    path = dsprites_files.find_file(folder)
    if path is None:
        names = " and ".join(dsprites_files.KNOWN_CHECKSUMS)
        raise DataError(
            f"no dSprites file in {folder} or {folder / 'dsprites'}: looked for {names}; "
            "put one there or name its folder by data_dir="
        )
    with tqdm(total=DSprites.factors.num_combinations, unit="image") as bar:
        found = compare(path, lambda done, total: bar.update(done - bar.n))
    known = (
        "that of the published file" if found.checksum_known else "not that of the published file"
    )
    order = "agree" if found.classes_agree else "DIFFER"
    print(
        f"{found.path}\n"
        f"  checksum {found.checksum}: {known}\n"
        f"  factors of the rows and the renderer's order {order}\n"
        f"  {found.images_compared} images compared, {found.images_different} differ, "
        f"in {found.pixels_different} of {found.images_compared * 4096} pixels"
    )


def render(config: DictConfig) -> None:
    """Write a sheet of random images; for dSprites, keep the whole rendered set in ``data_dir``."""
    check(config)
    plain = resolved(config)
    if plain["data"]["_target_"].endswith("DSpritesDataModule"):
        _pack(_folder(plain["data_dir"]))
    module = build(plain["data"], "data")
    module.setup()
    rows = stream(plain["seed"], "render").integers(len(module.dataset), size=plain["num_images"])
    batch = module.dataset.batch(torch.from_numpy(rows))
    path = Path(plain["output_dir"]) / "images.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet_figure(
        batch["image"], f"{len(rows)} of {len(module.dataset)}: {module.dataset.source}"
    ).savefig(path, dpi=130)
    print(f"{path}: {len(rows)} random observations, {module.dataset.source}")


def _pack(folder: Path) -> None:
    path = rendered_path(folder)
    if not path.exists():
        start = time.perf_counter()
        with tqdm(total=DSprites.factors.num_combinations, unit="image") as bar:
            build_packed(path, lambda done, total: bar.update(done - bar.n))
        log.info("rendered and packed in %.0f s", time.perf_counter() - start)
    digest = packed_sha256(path)
    verdict = "as it should be" if digest == RENDERED_SHA256 else "WRONG: delete the file"
    print(f"{path}\n  sha256 of the packed images {digest}: {verdict}")


def _folder(data_dir: str | None) -> Path:
    return default_data_dir() if data_dir is None else Path(data_dir).expanduser()

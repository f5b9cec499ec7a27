"""What ``vaescope data`` does: list the sets, show one, check its files, render images."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.table import Table
from tqdm.auto import tqdm

from vaescope.config import build, config_dir, resolved
from vaescope.data import (
    DSprites,
    DSpritesDataModule,
    FactorDataModule,
    MNISTDataModule,
    default_data_dir,
    dsprites_files,
)
from vaescope.data import verify as compare
from vaescope.data.convert import images_sha256, record_of
from vaescope.data.converted import ConvertedDataModule, ConvertedDataset
from vaescope.data.dsprites import RENDERED_SHA256, build_packed, packed_sha256, rendered_path
from vaescope.data.published import PublishedFile
from vaescope.errors import ConfigError, DataError
from vaescope.escaping import for_terminal
from vaescope.problems import check
from vaescope.report.data_facts import first_line, short_source
from vaescope.report.data_page import write_data_page
from vaescope.report.pictures import sheet_figure
from vaescope.report.render import save_figure
from vaescope.report.terminal import wide_console
from vaescope.streams import stream

log = logging.getLogger(__name__)


def show_list(config: DictConfig) -> None:
    """Print every data set of the group ``data`` with its shape and factors."""
    table = Table(title="data sets: vaescope train data=<name>", title_justify="left")
    table.add_column("name", no_wrap=True)
    for heading in ("observation", "factors (number of values)", "what it is", "source; licence"):
        table.add_column(heading)
    for file in sorted((Path(config_dir()) / "data").glob("*.yaml")):
        module = build(_own_settings(file), f"data={file.stem}")
        kind = module.dataset_class
        origin = [short_source(kind), getattr(kind, "licence", "")]
        shape, factors = _shape_and_factors(module)
        told = "; ".join(part for part in origin if part)
        cells = (file.stem, shape, factors, first_line(kind), told)
        table.add_row(*map(for_terminal, cells))
    wide_console(160).print(table)


def _own_settings(file: Path) -> dict[str, Any]:
    """What a file and the ones that it builds on set by themselves, without links to the root."""
    node = OmegaConf.load(file)
    assert isinstance(node, DictConfig)
    bases = [
        name for name in node.get("defaults", ()) if isinstance(name, str) and name != "_self_"
    ]
    own: dict[str, Any] = {}
    for name in bases:
        own |= _own_settings(file.with_name(f"{name}.yaml"))
    keys = [str(key) for key in node if key != "defaults"]
    return own | {key: node[key] for key in keys if not OmegaConf.is_interpolation(node, key)}


def _shape_and_factors(module: FactorDataModule) -> tuple[str, str]:
    """As text; of a set that needs the user's own file, that it is for the file to say."""
    try:
        shape = " x ".join(str(side) for side in module.image_shape)
        named = zip(module.factors.names, module.factors.sizes, strict=True)
        factors = ", ".join(f"{name} {size or 'continuous'}" for name, size in named)
    except ConfigError:
        return "as in your file", "as in your file"
    return shape, factors or "none known"


def show(config: DictConfig) -> None:
    """Write ``data.html``, a page about one data set, and its numbers as ``data.json``.

    Raises:
        ConfigError: a setting cannot work.
        DataError: the data set's files are missing or damaged.
    """
    check(config)
    plain = resolved(config)
    for key in ("num_images", "num_statistics"):
        if plain[key] < 1:
            raise ConfigError(f"{key}={plain[key]} was given; it must be at least 1")
    module = build(plain["data"], "data")
    module.setup()
    about = {key: plain[key] for key in ("data", "seed", "num_images", "num_statistics")}
    text = OmegaConf.to_yaml(OmegaConf.create(about))
    page = write_data_page(Path(plain["output_dir"]), module, plain, text)
    print(f"{page}: {len(module.dataset)} observations, {module.dataset.source}")


def verify(config: DictConfig) -> None:
    """Check the user's own files: dSprites pixel by pixel, others by their checksums.

    Of a set that was converted the converted images are checked, too.

    Raises:
        DataError: there is no file, it cannot be read, or a checksum is wrong.
    """
    check(config)
    plain = resolved(config)
    module = build(plain["data"], "data")
    if isinstance(module, DSpritesDataModule):
        _verify_dsprites(_folder(plain["data_dir"]))
    elif isinstance(module, ConvertedDataModule):
        _verify_converted(module.build())
    elif isinstance(module, MNISTDataModule):
        dataset = module.build()
        for file, path in zip(dataset.files, dataset.paths, strict=True):
            print(
                f"{path}\n  md5 of its bytes, decompressed, {file.md5}: that of the published file"
            )
        assert dataset.labels is not None
        print(f"{len(dataset)} images, of each class {dataset.labels.bincount().tolist()}")
    else:
        raise DataError(
            "no file of this data set was published: it is computed, your own or part of an "
            "installed package; choose another, as in `vaescope data verify data=dsprites`, whose "
            "file its variants show, too"
        )


def _verify_converted(dataset: ConvertedDataset) -> None:
    known = {file.name: file for file in dataset.published}
    found = dataset.find(dataset.places) or []
    faults = [_published_fault(known[path.name], path) for path in found if path.name in known]
    for path in found:
        if path.name not in known:
            print(f"{path}\n  not checked: no checksum of it was published")
    if not found:
        print("the published files are not there; the converted images do without them")
    faults.append(_converted_fault(dataset.path))
    print(f"{len(dataset)} images, {dataset.source}")
    if told := [fault for fault in faults if fault]:
        raise DataError("; ".join(told))


def _published_fault(file: PublishedFile, path: Path) -> str:
    digest = file.digest(path)
    fault = file.fault(path, digest)
    verdict = "that of the published file" if file.algorithm else "none was published"
    print(f"{path}\n  {file.algorithm or 'sha256'} {digest}: {'WRONG' if fault else verdict}")
    return fault and f"{path} {fault}; delete it and fetch it again"


def _converted_fault(path: Path) -> str:
    found, expected = images_sha256(path), record_of(path).get("sha256")
    verdict = "as it was converted" if found == expected else "WRONG"
    print(f"{path}\n  sha256 of its images {found}: {verdict if expected else 'not on record'}")
    if expected in (None, found):
        return ""
    return (
        f"{path} has changed since it was converted: the sha256 of its images is {found}, expected "
        f"{expected}; delete it and run again"
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
    title = f"{len(rows)} of {len(module.dataset)}: {module.dataset.source}"
    save_figure(sheet_figure(batch["image"], title), path, "png")
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

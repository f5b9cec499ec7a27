"""What ``vaescope data`` does with a set: show it, check its files, render images."""

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from vaescope.config.checks import check
from vaescope.config.loading import build, resolved
from vaescope.errors import DataError
from vaescope.report.data.page import write_data_page
from vaescope.report.figures import sheet_figure
from vaescope.report.html.render import save_figure
from vaescope.streams import stream


def show(config: DictConfig) -> None:
    """Write ``data.html``, a page about one data set, and its numbers as ``data.json``.

    Raises:
        ConfigError: a setting cannot work.
        DataError: the data set's files are missing or damaged.
    """
    check(config)
    plain = resolved(config)
    module = build(plain["data"], "data")
    module.setup()
    about = {key: plain[key] for key in ("data", "seed", "num_images", "num_statistics")}
    text = OmegaConf.to_yaml(OmegaConf.create(about))
    page = write_data_page(Path(plain["output_dir"]), module, plain, text)
    print(f"{page}: {len(module.dataset)} observations, {module.dataset.source}")


def verify(config: DictConfig) -> None:
    """Check every file of a set from its first to its last byte.

    The published files by their checksums (dSprites pixel by pixel), own files by reading them
    anew, and whatever was converted or packed of them.

    Raises:
        DataError: there is no file, it cannot be read, or something in it is wrong.
    """
    check(config)
    module = build(resolved(config)["data"], "data")
    checks = []
    for found in module.verify():
        print(f"{found.path}\n  {found.told}")
        checks.append(found)
    if faults := [found.fault for found in checks if found.fault]:
        raise DataError("; ".join(faults))
    if checks:
        dataset = module.build()
        print(f"{len(dataset)} images, {dataset.source}")
    else:
        print("nothing to verify: it is computed or part of an installed package")


def render(config: DictConfig) -> None:
    """Write a sheet of random images; of dSprites, keep the whole rendered set in ``data_dir``."""
    check(config)
    plain = resolved(config)
    module = build(plain["data"], "data")
    if kept := module.unloaded.keep_rendered():
        print(kept)
    module.setup()
    rows = stream(plain["seed"], "render").integers(len(module.dataset), size=plain["num_images"])
    batch = module.dataset.batch(torch.from_numpy(rows))
    path = Path(plain["output_dir"]) / "images.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{len(rows)} of {len(module.dataset)}: {module.dataset.source}"
    save_figure(sheet_figure(batch.image, title), path, "png")
    print(f"{path}: {len(rows)} random observations, {module.dataset.source}")

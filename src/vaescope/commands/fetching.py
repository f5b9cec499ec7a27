"""What ``vaescope data fetch`` does: get a data set's published files, check and convert them."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from vaescope.config.checks import check
from vaescope.config.loading import build, resolved
from vaescope.data import FactorDataModule, FactorDataset
from vaescope.data.files.downloads import addresses_of, download
from vaescope.data.files.published import MissingFilesError, PublishedFile, find_together
from vaescope.stopping import Stopped


def fetch(config: DictConfig) -> None:
    """Fetch the published files that are missing into ``data_dir``, and build the set from them.

    Nothing is fetched where the files lie in another folder that is looked into, or were converted
    and removed.

    Raises:
        ConfigError: the mirror is no address of the web.
        DataError: no address gave a file, it can be fetched by hand only, a file that is there is
            wrong, or the disk is full.
    """
    check(config)
    plain = resolved(config)
    module = build(plain["data"], "data")
    source = module.data_source
    if not source.files:
        print("nothing to fetch, it is computed, your own or part of an installed package")
        return
    places = source.places(plain["data"].get("data_dir"))
    dataset = _complete(module, places)
    if dataset is None:
        try:
            _download(source.files, places[0], plain["mirror"])
        except Stopped as stop:
            stop.kept = "what has arrived is kept"
            raise
        dataset = module.build()
    else:
        print("nothing to fetch, all files are there")
    print(f"{len(dataset)} images, {dataset.source}")


def _complete(module: FactorDataModule, places: Sequence[Path]) -> FactorDataset | None:
    """The data set, unless a file is missing."""
    source = module.data_source
    if not source.needed and find_together(source.files, places) is None:
        return None  # it could be built, but of rendered images
    try:
        return module.build()
    except MissingFilesError:
        return None


def _download(published: tuple[PublishedFile, ...], folder: Path, mirror: str | None) -> None:
    for file in published:
        if not (folder / file.name).exists():
            addresses_of(file, folder, mirror)  # what is missing by hand is told before a long wait
    for file in published:
        path = download(file, folder, mirror)
        verdict = "that of the published file" if file.algorithm else "none was published"
        print(f"{path}\n  {file.identify(path).replace(':', ' ')}: {verdict}")

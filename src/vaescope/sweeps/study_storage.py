"""Where a study of Optuna lies, and how it is opened without a word of Optuna's own."""

import hashlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from vaescope.errors import ConfigError, first_line

FILE = "study.db"
JOURNAL = "journal:"  # a file that only grows, for file systems on which SQLite has no locks
_PATIENCE = 60.0  # seconds for another process that writes to SQLite


def storage_of(url: str | None, folder: Path) -> BaseStorage:
    """What the user names, or a file of SQLite in the folder of the sweep.

    Raises:
        ConfigError: if that cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if url is None and "?" in str(folder):
        raise ConfigError(
            f"{folder}: SQLite takes no '?' in a path; name another folder, or "
            "hydra.sweeper.storage=journal:FILE"
        )
    url = url or f"sqlite:///{folder / FILE}"
    try:
        if url.startswith(JOURNAL):
            path = Path(url.removeprefix(JOURNAL).removeprefix("//")).expanduser()
            return JournalStorage(JournalFileBackend(str(path)))
        patient = {"connect_args": {"timeout": _PATIENCE}} if url.startswith("sqlite") else {}
        return RDBStorage(url, engine_kwargs=patient)
    except (ImportError, SQLAlchemyError, ValueError, OSError) as error:
        raise ConfigError(
            f"hydra.sweeper.storage cannot be opened ({first_line(error)}); give the URL of a "
            "database, sqlite:///FILE, or journal:FILE"
        ) from error


@contextmanager
def alone(url: str | None, folder: Path) -> Iterator[None]:
    """Keep other processes from opening a study, and from counting its trials, at the same time.

    Args:
        url: of the storage, if the user has named one: sweeps in other folders may share it.
        folder: of the sweep.
    """
    paths = [folder / ".study.lock"]
    if url is not None:
        mark = hashlib.sha256(f"{Path.home()} {url}".encode()).hexdigest()[:16]
        paths.append(Path(tempfile.gettempdir()) / f"vaescope-study-{mark}.lock")
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(FileLock(path))
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's advice, which is about its own interface."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""Damaged files: whatever a library raises while it reads one becomes a ``DataError``."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaescope.errors import DataError, VaescopeError

_OF_ARCHIVES = (zlib.error, zipfile.BadZipFile, tarfile.TarError)
# RuntimeError: encrypted zip files, and h5py
DAMAGE = (OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, *_OF_ARCHIVES)


@contextmanager
def report_damage(path: Path, title: str = "", *more: type[Exception]) -> Iterator[None]:
    """Report errors of a file that cannot be read, ``more`` of its format too, as ``DataError``."""
    known: tuple[type[Exception], ...] = (*DAMAGE, *more)
    try:
        yield
    except VaescopeError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}; check the path") from error
    except known as error:
        what = f"no file of {title}" if title else "holds Python objects"
        advice = "delete it and fetch it again" if title else "write it again"
        raise DataError(
            f"{path} cannot be read, it is cut short, damaged or {what} "
            f"({type(error).__name__}: {error}); {advice}"
        ) from error

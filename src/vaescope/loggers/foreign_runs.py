"""What loggers to other packages share: the package, and the id of a run."""

import importlib.util
import uuid
from pathlib import Path

from vaescope.errors import ConfigError
from vaescope.files import write_text


def require_package(package: str) -> None:
    """Refuse a logger whose package is not installed, before anything is trained.

    Raises:
        ConfigError: with the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"logger={package} needs the package {package}: pip install 'vaescope[{package}]', or "
            "leave it out: logger=[csv]"
        )


def kept_id(folder: Path, kind: str, new: str | None = None) -> str:
    """The id that a dashboard's run has had since its first session, kept in the run's folder.

    Args:
        folder: the run's; it is made if need be.
        kind: of the dashboard; the file is called ``KIND-id.txt``.
        new: the id of a new run; None: a random one.
    """
    file = folder / f"{kind}-id.txt"
    if not file.is_file():
        write_text(file, new or uuid.uuid4().hex[:12])
    return file.read_text(encoding="utf-8")

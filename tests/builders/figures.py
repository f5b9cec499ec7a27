"""Runs whose figures nobody reads: each is one empty picture."""

import contextlib
import io
from pathlib import Path
from unittest import mock

from matplotlib.figure import Figure
from PIL import Image


@contextlib.contextmanager
def undrawn():
    """Meanwhile figures are made, but not drawn: drawing is half the time of a short run."""
    with mock.patch.object(Figure, "savefig", _save_nothing):
        yield


def _save_nothing(figure, file, *, format, **_):
    if format == "svg":
        file.write('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
        return
    picture = io.BytesIO()
    Image.new("L", (1, 1)).save(picture, format)
    if isinstance(file, str | Path):
        Path(file).write_bytes(picture.getvalue())
    else:
        file.write(picture.getvalue())

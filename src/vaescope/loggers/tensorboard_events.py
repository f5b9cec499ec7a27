"""TensorBoard: event files in the run's folder; ``tensorboard --logdir outputs`` shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vaescope.data.files.image_files import image_size
from vaescope.loggers.foreign_runs import require_package
from vaescope.loggers.tracker import Cell, Settings, Tracker
from vaescope.nested import flat_settings
from vaescope.scores import CHIEF_SCORES


def tensorboard_logger(folder: str) -> Tracker:
    """Logger to TensorBoard.

    Args:
        folder: the run's folder; event files go into ``tensorboard`` in it.

    Raises:
        ConfigError: if the package is missing.
    """
    require_package("tensorboard")
    return Tracker("tensorboard", lambda settings: EventFiles(Path(folder) / "tensorboard"))


class EventFiles:
    """Event files of one session of a run; a resumed run adds a file.

    Args:
        folder: where they go.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import FileWriter

        self.writer = FileWriter(str(folder))

    def log_settings(self, settings: Settings) -> None:
        """As hyper-parameters, beside the chief scores on the test part."""
        from torch.utils.tensorboard.summary import hparams

        values = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in flat_settings(settings)
        }
        for summary in hparams(values, {f"test/{name}": 0.0 for name in CHIEF_SCORES}):
            self.writer.add_summary(summary)

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """As scalars."""
        from torch.utils.tensorboard.summary import scalar

        for key, value in numbers.items():
            self.writer.add_summary(scalar(key, value), step)

    def log_image(self, key: str, path: Path, step: int) -> None:
        """As an image; one that moves does so there, too."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width = image_size(path)
        shown = Summary.Image(
            width=width, height=height, colorspace=3, encoded_image_string=path.read_bytes()
        )
        self.writer.add_summary(Summary(value=[Summary.Value(tag=key, image=shown)]), step)

    def log_page(self, key: str, path: Path, step: int) -> None:
        """As a text that says where it is: TensorBoard shows no pages."""
        self._log_text(key, f"`{path}`", step)

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """As a text in Markdown."""
        lines = [columns, ["---"] * len(columns), *rows]
        self._log_text(
            key, "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines), step
        )

    def _log_text(self, key: str, text: str, step: int) -> None:
        from torch.utils.tensorboard.summary import text as text_summary

        self.writer.add_summary(text_summary(key, text), step)

    def log_files(self, kind: str, paths: Sequence[Path], step: int) -> None:
        """As a text that says where they are: event files hold none."""
        self._log_text(kind, "\n".join(f"* `{path}`" for path in paths), step)

    def close(self, exit_code: int) -> None:
        """Write what is left."""
        self.writer.close()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, int | float) else value.replace("|", "\\|")

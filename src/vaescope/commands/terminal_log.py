"""The log on a terminal: messages alone, wrapped; files keep time, place and level."""

import logging
import os
import shutil
from textwrap import wrap

_CLEAR = "\r\x1b[K"  # a progress bar that stands in the line is drawn again below


class BriefLines(logging.Formatter):
    """A message as a reader of a terminal needs it; a warning says that it is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of one message, a traceback of it as it is."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        width = shutil.get_terminal_size().columns
        lines = [part for line in text.splitlines() or [""] for part in _wrapped(line, width)]
        if record.exc_info:
            lines.append(self.formatException(record.exc_info))
        clear = "" if os.environ.get("TERM") in (None, "dumb") else _CLEAR
        return clear + "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    """Parts that fit; a word that does not, such as a path, stays whole."""
    parts = wrap(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return parts or [""]


def be_brief_on_terminals() -> None:
    """From now on, until Hydra sets the log up for the next job."""
    for handler in logging.getLogger().handlers:
        stream = getattr(handler, "stream", None)
        if stream is not None and not stream.closed and stream.isatty():
            handler.setFormatter(BriefLines())

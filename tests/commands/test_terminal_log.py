"""The log on a terminal: messages alone, wrapped, a progress bar cleared before them."""

import io
import logging

from vaescope.commands.terminal_log import be_brief_on_terminals


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told_on(stream, monkeypatch, term="xterm"):
    """What two messages are on it, 40 columns wide."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", term)
    root, handler = logging.getLogger(), logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    root.addHandler(handler)
    try:
        be_brief_on_terminals()
        logging.getLogger("of.a.module").warning("one long message that does not fit into a line")
        logging.getLogger("of.a.module").warning("a path: %s", "/x" * 30)
    finally:
        root.removeHandler(handler)
    return stream.getvalue().removesuffix("\n").split("\n")


def test_a_terminal_gets_messages_that_fit(monkeypatch):
    assert told_on(Terminal(), monkeypatch, term="dumb") == [
        "warning: one long message that does not",
        "  fit into a line",
        "warning: a path:",
        f"  {'/x' * 30}",
    ]
    assert told_on(Terminal(), monkeypatch)[0].startswith("\r\x1b[Kwarning: one")


def test_a_file_gets_the_whole_lines(monkeypatch):
    assert told_on(io.StringIO(), monkeypatch)[0].startswith("[WARNING] one long message")

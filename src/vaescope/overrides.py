"""Words of Hydra's command line that give a text as it is."""

import re

from hydra.core.override_parser.types import Quote, QuotedString

_LINK = re.compile(r"(\\*)\$\{")


def unlinked(text: str) -> str:
    """The text as a configuration's value: ``${`` in it is no link to another value."""
    return _LINK.sub(lambda found: f"{found[1] * 2}\\${{", text)


def quoted(text: str) -> str:
    """A text in quotes: Hydra, reading it as a value, gets the text back, whatever is in it."""
    return QuotedString(unlinked(text), Quote.single).with_quotes()


def word(key: str, text: object) -> str:
    """``key='text'``: an override that sets a key to a text."""
    return f"{key}={quoted(str(text))}"

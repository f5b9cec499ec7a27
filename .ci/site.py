"""Hooks of ``mkdocs build``, named in mkdocs.yml."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+[A-Z]+\.md(?:#[\w-]+)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """On the site the words alone of links to README.md, SECURITY.md, ..., which are not in it."""
    return OUTSIDE.sub(r"\1", markdown)

"""What a server's answer says of a file: its length, its range, when to come again."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from vaescope.data.files.published import PublishedFile


class RefusedError(Exception):
    """What an address offers is not the file."""


class BusyError(Exception):
    """The server asks to come again; after ``seconds``, None: it does not say when."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def checked_length(answer: requests.Response, file: PublishedFile, start: int) -> int | None:
    """Bytes of the answer, None: not told; refuses what cannot be the file."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not file.name.endswith((".html", ".htm")):
        raise RefusedError(f"it answered with a web page ({kind}) instead of the file")
    told = answer.headers.get("Content-Length", "")
    length = int(told) if told.isascii() and told.isdigit() else None
    if length is not None and file.num_bytes not in (None, start + length):
        raise RefusedError(
            f"it offers {start + length:,} bytes, the published file has {file.num_bytes:,}"
        )
    return length


def content_range(answer: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole file, as far as the answer tells them."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "")
    )
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None, int(total) if total and total != "*" else None)


def retry_after(told: str) -> float | None:
    """Seconds until a server wants to be asked again; None: it does not say.

    Source: RFC 9110, "Retry-After", https://www.rfc-editor.org/rfc/rfc9110. Differs: none.
    """
    if told.strip().isascii() and told.strip().isdigit():
        return float(told)
    try:
        then = parsedate_to_datetime(told)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def reason_of(error: BaseException) -> str:
    """What an error began with; the libraries wrap it several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

"""Download of published files: only when asked for, resumable, from several addresses, checked."""

import logging
import math
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
import urllib3

from vaescope.data.files.cache import PartialFile, require_space, writing
from vaescope.data.files.checksums import read_record, write_record
from vaescope.data.files.published import PublishedFile
from vaescope.errors import ConfigError, DataError
from vaescope.progress_bars import progress_bar

log = logging.getLogger(__name__)

_CHUNK = 2**16
_BUSY = (429, 503)  # too many requests, service unavailable
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class Patience:
    """How long a download waits for a server; times in seconds."""

    connect: float = 5.0  # for a connection
    read: float = 20.0  # without a byte
    retries: int = 10  # how often a connection that broke off after some bytes is taken up again
    pause: float = 1.0  # before that, and before a busy server that names no time is asked again
    busy: int = 3  # how often a server that says it is busy is asked again
    longest: float = 120.0  # that such a server may have us wait


_PATIENCE = Patience()


class RefusedError(Exception):
    """What an address offers is not the file."""


class BusyError(Exception):
    """The server asks to come again; after ``seconds``, None: it does not say when."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def download(
    file: PublishedFile, folder: Path, mirror: str | None = None, patience: Patience = _PATIENCE
) -> Path:
    """Path of a published file in ``folder``, fetched if it is not there, and checked.

    What has arrived lies in ``NAME.part``; a download that was stopped goes on from there, if the
    server still has the same file. A file that turns out wrong is deleted and the next address is
    asked.

    Args:
        file: what is wanted.
        folder: where it shall be.
        mirror: address of a folder on the web that is asked first.
        patience: how long to wait.

    Source: RFC 9110, "Range requests", https://www.rfc-editor.org/rfc/rfc9110. Differs: none.
    """
    path = folder / file.name
    if not path.exists():
        addresses = addresses_of(file, folder, mirror)
        with writing(path, file.num_bytes):
            if not path.exists():
                _fetch(file, path, addresses, patience)
    file.identify(path)
    return path


def addresses_of(file: PublishedFile, folder: Path, mirror: str | None = None) -> list[str]:
    """Addresses of the file, in the order in which they are asked."""
    if mirror is not None and not _is_web(mirror):
        raise ConfigError(
            f"mirror={mirror} was given; it has to be the address of a folder that begins with "
            "http:// or https://"
        )
    first = [] if mirror is None else [f"{mirror.rstrip('/')}/{quote(file.name)}"]
    addresses = [*first, *file.addresses]
    if not addresses:
        page = f" from {file.page}" if file.page else ""
        raise DataError(
            f"{file.name} can be fetched by hand only: get it{page} and put it into {folder}, or "
            "name the folder of a server that has it by mirror=http://..."
        )
    return addresses


class _Part(PartialFile):
    """What has arrived of a file; its record says from which address, and which version of it."""

    def range_headers(self, address: str) -> dict[str, str]:
        """Headers that ask for the rest only, as long as the file has not changed there."""
        origin = read_record(self.path)
        if not self.size or origin.get("address") != address or not origin.get("validator"):
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": origin["validator"]}

    def begin(self, address: str, answer: requests.Response) -> None:
        """Forget what was there: the whole file comes from ``address``."""
        self.path.write_bytes(b"")
        tag = answer.headers.get("ETag", "")
        weak = not tag or tag.startswith("W/")  # such a tag promises no equal bytes
        validator = answer.headers.get("Last-Modified", "") if weak else tag
        write_record(self.path, {"address": address, "validator": validator})


def _fetch(file: PublishedFile, path: Path, addresses: list[str], patience: Patience) -> None:
    part, told = _Part(path), []
    for address in addresses:
        reason = _fetch_from(address, file, part, patience)
        if not reason:
            return
        told.append(f"{address}: {reason}")
    raise DataError(
        f"{file.name} could not be fetched ({'; '.join(told)}); get it in another way and put it "
        f"into {path.parent}, or name the folder of a server that has it by mirror=http://..."
    )


def _fetch_from(address: str, file: PublishedFile, part: _Part, patience: Patience) -> str:
    """Fetch the whole file from one address; why that failed, or nothing."""
    if not _is_web(address):
        return "only addresses that begin with http:// or https:// are asked"
    reason, resumed = "", bool(part.range_headers(address))
    reached = part.size if resumed else 0
    tries = waits = 0
    while tries <= patience.retries:
        try:
            headers = part.range_headers(address)
            if not (headers and _receive(address, headers, file, part, patience)):
                _receive(address, {}, file, part, patience)
        except RefusedError as error:
            return str(error)
        except BusyError as error:
            seconds = patience.pause if error.seconds is None else error.seconds
            waits += 1
            if waits > patience.busy or seconds > patience.longest:
                return f"{error}, and it can be asked again in {seconds:.0f} s only"
            log.warning("%s: %s; asking again in %.0f s", address, error, seconds)
            time.sleep(seconds)
            continue
        except _BROKEN as error:
            tries += 1
            reason = _reason(error)
            if part.size <= reached:
                return reason
            reached = part.size
            time.sleep(patience.pause)
            continue
        digest = file.digest(part.path)
        if not (fault := file.fault(part.path, digest)):
            part.finish()
            file.remember(part.target, digest)
            return ""
        part.delete()
        reason = f"what it gave {fault}"
        if not resumed:
            return reason
        tries += 1
        resumed, reached = False, 0  # the part of an earlier run may be to blame
    return reason


def _receive(
    address: str, headers: dict[str, str], file: PublishedFile, part: _Part, patience: Patience
) -> bool:
    """Append one answer to the part; whether the answer to a request for a range made sense."""
    # stored as it is sent: a server that calls x.gz "gzip-encoded x" would have it decompressed
    headers = {"Accept-Encoding": "identity"} | headers
    timeout = (patience.connect, patience.read)
    with requests.get(address, headers=headers, stream=True, timeout=timeout) as answer:
        start = part.size if "Range" in headers else 0
        if start and answer.status_code == 416:
            return _content_range(answer) == (None, start)  # all has arrived already
        if start and answer.status_code == 206:
            if _content_range(answer)[0] != start:
                return False
        elif answer.status_code == 200:
            start = 0
        elif answer.status_code in _BUSY:
            reason = f"HTTP {answer.status_code} {answer.reason}"
            raise BusyError(reason, retry_after(answer.headers.get("Retry-After", "")))
        else:
            raise RefusedError(f"HTTP {answer.status_code} {answer.reason}")
        length = _length(answer, file, part, start)
        if not start:
            part.begin(address, answer)
        _append(answer, file, part, start, length)
    return True


def _length(answer: requests.Response, file: PublishedFile, part: _Part, start: int) -> int | None:
    """Bytes of the answer, None: not told; refuses what cannot be the file or does not fit."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not file.name.endswith((".html", ".htm")):
        raise RefusedError(f"it answered with a web page ({kind}) instead of the file")
    told = answer.headers.get("Content-Length", "")
    length = int(told) if told.isascii() and told.isdigit() else None
    if file.num_bytes is None:
        free = shutil.disk_usage(part.target.parent).free
        if length is not None and length > free:  # another address may be right
            raise RefusedError(
                f"the disk is full for what it offers: {length:,} bytes, {free:,} are free; free "
                "some space or choose another folder with data_dir=/path/to/folder"
            )
        return length
    if length is not None and start + length != file.num_bytes:
        raise RefusedError(
            f"it offers {start + length:,} bytes, the published file has {file.num_bytes:,}"
        )
    require_space(part.target, file.num_bytes - start)
    return length


def _append(
    answer: requests.Response, file: PublishedFile, part: _Part, start: int, length: int | None
) -> None:
    """Write what arrives, at most the published size; urllib3 raises if it ends too early."""
    total = file.num_bytes if length is None else start + length
    most = math.inf if file.num_bytes is None else file.num_bytes
    with (
        part.path.open("ab") as written,
        progress_bar(total, "B", done=start, title=part.target.name, scaled=True) as bar,
    ):
        for chunk in answer.raw.stream(_CHUNK, decode_content=False):
            start += len(chunk)
            if start > most:
                part.delete()
                raise RefusedError(f"it sends more than the published file's {most:,} bytes")
            written.write(chunk)
            bar.update(len(chunk))
        written.flush()
        os.fsync(written.fileno())


def _content_range(answer: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole file, as far as the answer tells them."""
    told = answer.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", told)
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None, int(total) if total and total != "*" else None)


def retry_after(told: str) -> float | None:
    """Seconds until a server wants to be asked again, by its header; None: it does not say."""
    try:
        return urllib3.Retry().parse_retry_after(told)
    except urllib3.exceptions.InvalidHeader:
        return None


def _reason(error: BaseException) -> str:
    """What an error began with; the libraries wrap it several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _is_web(address: str) -> bool:
    return urlsplit(address).scheme in ("http", "https")

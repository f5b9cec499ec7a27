"""Download of published files: only when asked for, resumable, from several addresses, checked."""

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
import urllib3
from filelock import FileLock
from tqdm.auto import tqdm

from vaescope.data.cache import explained, require_space
from vaescope.data.published import PublishedFile
from vaescope.errors import ConfigError, DataError

_CHUNK = 2**16
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class Patience:
    """How long a download waits for a server.

    Args:
        connect: seconds for a connection.
        read: seconds without a byte.
        retries: how often a connection that broke off after some bytes is taken up again.
        pause: seconds before that.

    Source: none, ours.
    """

    connect: float = 5.0
    read: float = 20.0
    retries: int = 10
    pause: float = 1.0


_PATIENCE = Patience()


def download(
    file: PublishedFile,
    folder: Path,
    mirror: str | None = None,
    patience: Patience = _PATIENCE,
) -> Path:
    """Path of a published file in ``folder``, fetched if it is not there, and checked.

    What has arrived lies in ``NAME.part``; a download that was stopped goes on from there, if the
    server still has the same file. A file that turns out wrong is deleted and the next address is
    asked.

    Args:
        file: what is wanted.
        folder: where it shall be.
        mirror: address of a folder that is asked first.
        patience: how long to wait.

    Returns:
        ``folder/NAME``.

    Raises:
        ConfigError: the mirror is no address of the web.
        DataError: no address gave the file, the one that is there is wrong, the disk is full or
            the folder cannot be written.

    Source: RFC 9110, "Range requests", https://www.rfc-editor.org/rfc/rfc9110. Differs: none.
    """
    path = folder / file.name
    if not path.exists():
        addresses = addresses_of(file, folder, mirror)
        with explained(path, file.num_bytes):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                if not path.exists():
                    _fetch(file, path, addresses, patience)
    file.checked(path)
    return path


def addresses_of(file: PublishedFile, folder: Path, mirror: str | None = None) -> list[str]:
    """Addresses of the file, in the order in which they are asked.

    Raises:
        ConfigError: the mirror is no address of the web.
        DataError: there is none; says where people find the file and into which folder it belongs.
    """
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


class _RefusedError(Exception):
    """What an address offers is not the file."""


class _Part:
    """What has arrived of a file, and which of an address's files it is the beginning of."""

    def __init__(self, path: Path) -> None:
        self.target = path
        self.path = path.with_name(f"{path.name}.part")
        self.origin_path = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def range_headers(self, address: str) -> dict[str, str]:
        """Headers that ask for the rest only, as long as the file has not changed there."""
        try:
            origin = json.loads(self.origin_path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        if not self.size or origin.get("address") != address or not origin.get("validator"):
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": origin["validator"]}

    def begin(self, address: str, answer: requests.Response) -> None:
        """Forget what was there: the whole file comes from ``address``."""
        self.path.write_bytes(b"")
        tag = answer.headers.get("ETag", "")
        weak = not tag or tag.startswith("W/")  # such a tag promises no equal bytes
        validator = answer.headers.get("Last-Modified", "") if weak else tag
        self.origin_path.write_text(json.dumps({"address": address, "validator": validator}))

    def delete(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        self.origin_path.unlink(missing_ok=True)


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
    for _ in range(patience.retries + 1):
        try:
            _request(address, file, part, patience)
        except _RefusedError as error:
            return str(error)
        except _BROKEN as error:
            reason = _told(error)
            if part.size <= reached:
                return reason
            reached = part.size
            time.sleep(patience.pause)
            continue
        reason = _accept(file, part)
        if not (reason and resumed):
            return reason
        resumed, reached = False, 0  # the part of an earlier run may be to blame
    return reason


def _accept(file: PublishedFile, part: _Part) -> str:
    """Give the finished file its name; or delete it and say what is wrong with it."""
    digest = file.digest(part.path)
    if fault := file.fault(part.path, digest):
        part.delete()
        return f"what it gave {fault}"
    os.replace(part.path, part.target)
    part.delete()
    file.remember(part.target, digest)
    return ""


def _request(address: str, file: PublishedFile, part: _Part, patience: Patience) -> None:
    """Ask once for what is missing; returns when all has arrived."""
    headers = part.range_headers(address)
    if headers and not _receive(address, headers, file, part, patience):
        headers = {}
    if not headers:
        _receive(address, headers, file, part, patience)


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
        else:
            raise _RefusedError(f"HTTP {answer.status_code} {answer.reason}")
        length = _checked_length(answer, file, start)
        require_space(part.target, length)
        if not start:
            part.begin(address, answer)
        _append(answer, part, start, length)
    return True


def _append(answer: requests.Response, part: _Part, start: int, length: int | None) -> None:
    """Write what arrives; an answer that ends before its length raises an error of urllib3."""
    total = None if length is None else start + length
    with (
        part.path.open("ab") as file,
        tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.target.name) as bar,
    ):
        for chunk in answer.raw.stream(_CHUNK, decode_content=False):
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())


def _checked_length(answer: requests.Response, file: PublishedFile, start: int) -> int | None:
    """Bytes of the answer, None: not told; refuses what cannot be the file."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not file.name.endswith((".html", ".htm")):
        raise _RefusedError(f"it answered with a web page ({kind}) instead of the file")
    told = answer.headers.get("Content-Length", "")
    length = int(told) if told.isdigit() else None
    if length is not None and file.num_bytes not in (None, start + length):
        raise _RefusedError(
            f"it offers {start + length:,} bytes, the published file has {file.num_bytes:,}"
        )
    return length


def _content_range(answer: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole file, as far as the answer tells them."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "")
    )
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None, int(total) if total and total != "*" else None)


def _told(error: BaseException) -> str:
    """What an error began with; the libraries wrap it several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _is_web(address: str) -> bool:
    return urlsplit(address).scheme in ("http", "https")

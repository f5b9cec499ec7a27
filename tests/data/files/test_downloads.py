import gzip
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from vaescope.data.files import cache, published
from vaescope.data.files import downloads as module
from vaescope.data.files.downloads import Patience, addresses_of, download, retry_after
from vaescope.data.files.published import PublishedFile
from vaescope.errors import ConfigError, DataError

CONTENT = np.random.default_rng(0).bytes(600_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
QUICK = Patience(connect=2, read=0.4, retries=4, pause=0)


@dataclass
class Served:
    """What the server does with one path; each list is worked off, one entry a request."""

    content: bytes = CONTENT
    status: int = 200
    busy: list = field(default_factory=list)  # (status, Retry-After) of the first requests
    ranges: bool = True
    validator: dict = field(default_factory=lambda: {"ETag": '"one"'})
    headers: dict = field(default_factory=dict)
    tells_length: bool = True
    breaks_after: list = field(default_factory=list)
    stalls_after: list = field(default_factory=list)
    shifts: list = field(default_factory=list)  # by so much a range begins elsewhere


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        served = self.server.paths.get(self.path, Served(b"not here", status=404))
        if served.busy:
            self.server.asked.append((self.path, 0))
            status, again = served.busy.pop(0)
            self.send_response(status)
            if again is not None:
                self.send_header("Retry-After", again)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        self.server.asked.append((self.path, int(begin[1]) if begin else 0))
        self.server.conditions.append(condition)
        assert self.headers["Accept-Encoding"] == "identity"
        changed = condition is not None and condition not in served.validator.values()
        size = len(served.content)
        start = int(begin[1]) if begin and served.ranges and not changed else 0
        start += served.shifts.pop(0) if served.shifts and start else 0
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.end_headers()
            return
        self.send_response(206 if start else served.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        body = served.content[start:]
        length = {"Content-Length": str(len(body))} if served.tells_length else {}
        for name, value in (length | served.validator | served.headers).items():
            self.send_header(name, value)
        self.end_headers()
        stop = min(
            served.breaks_after.pop(0) if served.breaks_after else len(body),
            stall := served.stalls_after.pop(0) if served.stalls_after else len(body),
        )
        self.wfile.write(body[:stop])
        self.wfile.flush()
        if stall < len(body):
            self.server.over.wait(30)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine: ``paths`` to serve, ``asked`` (path, first byte) so far."""
    monkeypatch.setenv("NO_PROXY", "*")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads, made.over = True, threading.Event()
    made.paths, made.asked, made.conditions = {}, [], []
    made.address = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    """``fetch(a=Served(), b=...)`` of one file that these paths offer, asked in this order."""

    def run(name="file.bin", mirror=None, patience=QUICK, known=("sha256", SHA256), **paths):
        server.paths.update({f"/{path}": served for path, served in paths.items()})
        addresses = tuple(f"{server.address}/{path}" for path in paths)
        file = PublishedFile(name, *known, addresses=addresses)
        return download(file, tmp_path / "new", mirror, patience)

    return run


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def refused(fetch, *messages, **given):
    with pytest.raises(DataError) as caught:
        fetch(**given)
    assert all(re.search(message, str(caught.value)) for message in messages), caught.value
    return str(caught.value)


def test_a_file_arrives_once(fetch, server, tmp_path):
    path = fetch(a=Served())
    assert path == tmp_path / "new" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert left(path.parent) == ["file.bin", "file.bin.checked.json"]
    assert fetch(a=Served()) == path
    assert server.asked == [("/a", 0)]
    assert server.conditions == [None]


def test_it_is_read_once_to_be_checked(fetch, monkeypatch):
    read = []
    checksum = published.file_checksum
    monkeypatch.setattr(
        published, "file_checksum", lambda *given: read.append(given) or checksum(*given)
    )
    path = fetch(a=Served())
    assert PublishedFile("file.bin", "sha256", SHA256).identify(path) == f"sha256:{SHA256}"
    assert len(read) == 1


@pytest.mark.parametrize(
    "validator", [{"ETag": '"one"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}]
)
def test_a_connection_that_breaks_off_is_taken_up_where_it_was(fetch, server, validator):
    served = Served(validator=validator, breaks_after=[200_000, 250_000])
    assert fetch(a=served).read_bytes() == CONTENT
    starts = [start for _, start in server.asked]
    chunk = module._CHUNK  # what is lost at most
    assert starts[0] == 0
    assert 200_000 - chunk < starts[1] <= 200_000
    assert 250_000 - chunk < starts[2] - starts[1] <= 250_000
    assert len(starts) == 3
    assert server.conditions == [None, *validator.values(), *validator.values()]


def test_a_server_that_stalls_is_asked_again(fetch, server):
    began = time.monotonic()
    assert fetch(a=Served(stalls_after=[300_000])).read_bytes() == CONTENT
    assert [start > 0 for _, start in server.asked] == [False, True]
    assert QUICK.read <= time.monotonic() - began < 5


def test_a_server_that_never_answers_is_left_for_the_next(fetch, server):
    silent = Served(stalls_after=[0] * 9)
    assert fetch(a=silent, b=Served()).read_bytes() == CONTENT
    assert server.asked == [("/a", 0), ("/b", 0)]


@pytest.mark.parametrize("breaks_after", [[200_000], [500_000, 400_000]])
def test_a_server_that_knows_no_ranges_sends_all_again(fetch, server, breaks_after):
    served = Served(ranges=False, breaks_after=[*breaks_after])
    if len(breaks_after) == 1:
        assert fetch(a=served).read_bytes() == CONTENT
    else:  # the second time it came less far: no progress, so it is not asked a third time
        refused(fetch, "IncompleteRead", a=served)
    assert len(server.asked) == 2


def test_without_a_validator_nothing_is_appended(fetch, server):
    served = Served(validator={"ETag": 'W/"weak"'}, breaks_after=[200_000])
    assert fetch(a=served).read_bytes() == CONTENT
    assert server.asked == [("/a", 0), ("/a", 0)]


def test_a_file_that_changed_meanwhile_is_fetched_anew(fetch, server, tmp_path):
    refused(fetch, a=Served(WRONG, breaks_after=[200_000] * 9), patience=Patience(1, 1, 0, 0))
    assert (tmp_path / "new" / "file.bin.part").stat().st_size > 0
    assert fetch(a=Served(validator={"ETag": '"two"'})).read_bytes() == CONTENT
    assert server.asked[-1][1] > 0  # it asked for the rest, on condition


def test_it_gives_up_after_some_breaks_and_goes_on_in_the_next_run(fetch, server, tmp_path):
    few = Patience(1, 1, retries=2, pause=0)
    refused(fetch, "IncompleteRead", a=Served(breaks_after=[100_000] * 9), patience=few)
    assert len(server.asked) == 3
    assert left(tmp_path / "new") == ["file.bin.part", "file.bin.part.json"]
    size = (tmp_path / "new" / "file.bin.part").stat().st_size
    assert fetch(a=Served()).read_bytes() == CONTENT
    assert server.asked[3:] == [("/a", size)]


def test_the_part_of_one_address_is_not_continued_from_another(fetch, server):
    breaking = Served(WRONG, breaks_after=[300_000, 0])
    assert fetch(a=breaking, b=Served()).read_bytes() == CONTENT
    assert server.asked[-1] == ("/b", 0)


def test_a_corrupt_file_is_thrown_away_and_the_next_address_asked(fetch, server):
    server.paths["/near/file.bin"] = Served(WRONG)
    path = fetch(a=Served(), mirror=f"{server.address}/near/")
    assert path.read_bytes() == CONTENT
    assert left(path.parent) == ["file.bin", "file.bin.checked.json"]
    assert [path for path, _ in server.asked] == ["/near/file.bin", "/a"]


def test_of_nothing_but_corrupt_files_nothing_is_left(fetch, server, tmp_path):
    digest = hashlib.sha256(WRONG).hexdigest()
    told = refused(
        fetch, f"/a: what it gave .* sha256 is {digest}, expected {SHA256}", a=Served(WRONG)
    )
    assert f"{server.address}/a" in told
    assert f"put it into {tmp_path / 'new'}" in told
    assert left(tmp_path / "new") == []


def test_a_damaged_part_of_an_earlier_run_does_not_spoil_the_file(fetch, server, tmp_path):
    refused(fetch, a=Served(breaks_after=[300_000]), patience=Patience(1, 1, 0, 0))
    part = tmp_path / "new" / "file.bin.part"
    part.write_bytes(bytes(part.stat().st_size))
    assert fetch(a=Served()).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a", 0)
    assert len(server.asked) == 3


@pytest.mark.parametrize("known", [("sha256", SHA256), ()])
@pytest.mark.parametrize(("rest", "number"), [(b"", 1), (b"more", 2)])
def test_a_part_that_has_all_or_too_much(fetch, server, tmp_path, rest, number, known):
    refused(fetch, a=Served(breaks_after=[300_000]), patience=Patience(1, 1, 0, 0), known=known)
    (tmp_path / "new" / "file.bin.part").write_bytes(CONTENT + rest)
    assert fetch(a=Served(), known=known).read_bytes() == CONTENT
    assert len(server.asked) == 1 + number


def test_a_range_that_begins_elsewhere_is_not_appended(fetch, server):
    served = Served(breaks_after=[300_000], shifts=[-1])
    assert fetch(a=served).read_bytes() == CONTENT
    assert [start > 0 for _, start in server.asked] == [False, True, False]


@pytest.mark.parametrize(("status", "name"), [(404, "Not Found"), (403, "Forbidden"), (503, "S")])
def test_a_refusal_is_told(fetch, server, status, name):
    refused(fetch, f"/a: HTTP {status} {name}", a=Served(b"sorry", status=status))
    assert len(server.asked) == (1 + QUICK.busy if status == 503 else 1)


def test_a_web_page_is_no_data(fetch, tmp_path):
    page = Served(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    refused(fetch, r"/a: .*web page \(text/html\)", a=page)
    assert left(tmp_path / "new") == []
    known = ("md5", hashlib.md5(b"<html>").hexdigest())
    assert fetch(name="page.html", known=known, a=page).read_bytes() == b"<html>"


def test_all_reasons_are_told(fetch, server):
    told = refused(fetch, a=Served(WRONG), b=Served(status=404), c=Served(stalls_after=[0]))
    assert re.search("/a: what it gave .*; .*/b: HTTP 404 .*; .*/c: timed out", told)


def test_without_a_server_it_fails_in_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # not listening
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/file.bin"
        began = time.monotonic()
        with pytest.raises(DataError) as caught:
            download(PublishedFile("file.bin", addresses=(address,)), tmp_path)
    assert time.monotonic() - began < 3
    assert f"{address}: Connection refused" in str(caught.value)
    assert f"put it into {tmp_path}" in str(caught.value)


def test_a_length_that_cannot_be_right_is_refused_at_once(fetch, server, tmp_path):
    known = ("", "", len(CONTENT) + 1)
    refused(
        fetch, "it offers 600,000 bytes, the published file has 600,001", known=known, a=Served()
    )
    assert left(tmp_path / "new") == []


def test_where_no_length_is_told_the_published_one_counts(fetch, tmp_path):
    silent = Served(tells_length=False, validator={}, breaks_after=[100_000])
    refused(fetch, "what it gave has 100,000 bytes, .* cut", known=("", "", 600_000), a=silent)
    assert left(tmp_path / "new") == []
    assert fetch(known=("", "", 600_000), a=silent).read_bytes() == CONTENT


def test_a_compressed_file_stays_compressed(fetch):
    content = gzip.compress(CONTENT)
    known = ("md5", hashlib.md5(content).hexdigest(), len(content))
    served = Served(content, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert fetch(name="file.gz", known=known, a=served).read_bytes() == content


def test_a_wrong_file_of_the_users_is_not_replaced(fetch, server, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file.bin").write_bytes(WRONG)
    refused(fetch, "delete it and fetch it again", a=Served())
    assert (tmp_path / "new" / "file.bin").read_bytes() == WRONG
    assert server.asked == []


def test_a_full_disk_is_told_before_the_file_arrives(fetch, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=599_999)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    refused(fetch, r"disk is full.*599,999 are free.*data_dir=", a=Served())
    assert left(tmp_path / "new") == []
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage._replace(free=600_000))
    assert fetch(a=Served()).read_bytes() == CONTENT


def test_two_at_once_fetch_one_file(fetch, server):
    found = []
    both = [threading.Thread(target=lambda: found.append(fetch(a=Served()))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert [path.read_bytes() == CONTENT for path in found] == [True, True]
    assert len(server.asked) == 1


KILLED = f"""
import sys, types
from pathlib import Path
# an empty package in place of vaescope.data, so that torch and Lightning are not imported
sys.modules["vaescope.data"] = types.ModuleType("vaescope.data")
sys.modules["vaescope.data"].__path__ = [{str(Path(module.__file__).parents[1])!r}]
from vaescope.data.files.downloads import download
from vaescope.data.files.published import PublishedFile

file = PublishedFile("file.bin", "sha256", "{SHA256}", addresses=(sys.argv[1],))
download(file, Path(sys.argv[2]))
"""


def test_a_download_that_was_killed_goes_on(fetch, server, tmp_path):
    server.paths["/a"] = Served(stalls_after=[400_000])
    command = [sys.executable, "-c", KILLED, f"{server.address}/a", str(tmp_path / "new")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    part = tmp_path / "new" / "file.bin.part"
    for _ in range(600):
        if part.exists() and part.stat().st_size > 300_000:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    size = part.stat().st_size
    assert 300_000 < size <= 400_000
    assert fetch(a=Served()).read_bytes() == CONTENT
    assert server.asked == [("/a", 0), ("/a", size)]


def test_a_part_without_its_origin_is_not_trusted(fetch, server, tmp_path):
    refused(fetch, a=Served(breaks_after=[300_000]), patience=Patience(1, 1, 0, 0))
    (tmp_path / "new" / "file.bin.part.json").write_text("{")
    assert fetch(a=Served()).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a", 0)


def test_the_mirror_comes_first():
    file = PublishedFile("a b.gz", addresses=("https://one/a", "http://two/b"))
    assert addresses_of(file, Path()) == list(file.addresses)
    first = addresses_of(file, Path(), "http://mine/sets/")[0]
    assert first == "http://mine/sets/a%20b.gz"
    assert addresses_of(PublishedFile("x"), Path(), "https://mine") == ["https://mine/x"]
    with pytest.raises(ConfigError, match=r"mirror=/mnt/sets .*http://"):
        addresses_of(file, Path(), "/mnt/sets")


def test_only_the_web_is_asked(fetch, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    address = (tmp_path / "file").as_uri()
    with pytest.raises(DataError, match=r"file:///.*: only addresses that begin with http"):
        download(PublishedFile("file.bin", addresses=(address,)), tmp_path / "new")


def test_a_file_that_is_fetched_by_hand_only_is_told_at_once(tmp_path):
    file = PublishedFile("faces.zip", page="https://faces.example/download")
    with pytest.raises(DataError) as caught:
        download(file, tmp_path / "faces")
    told = str(caught.value)
    assert "get it from https://faces.example/download and put it into" in told
    assert f"{tmp_path / 'faces'}," in told
    assert not (tmp_path / "faces").exists()


def test_what_a_part_remembers_is_plain(fetch, server, tmp_path):
    refused(fetch, a=Served(breaks_after=[300_000]), patience=Patience(1, 1, 0, 0))
    origin = json.loads((tmp_path / "new" / "file.bin.part.json").read_text())
    assert origin == {"address": f"{server.address}/a", "validator": '"one"'}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("again", ["0", None, "Thu, 01 Jan 2015 00:00:00 GMT", "soon"])
def test_a_busy_server_is_asked_again(fetch, server, status, again, caplog):
    path = fetch(a=Served(busy=[(status, again)]), b=Served())
    assert path.read_bytes() == CONTENT
    assert server.asked == [("/a", 0), ("/a", 0)]
    assert f"HTTP {status}" in caplog.text


def test_the_time_that_a_busy_server_names_is_waited(fetch, server):
    began = time.monotonic()
    fetch(a=Served(busy=[(503, "1")]))
    assert time.monotonic() - began >= 1
    assert len(server.asked) == 2


def test_nobody_waits_for_ever_for_a_busy_server(fetch, server):
    path = fetch(a=Served(busy=[(503, "100000")] * 9), b=Served(busy=[(503, "0")] * 9), c=Served())
    assert path.read_bytes() == CONTENT
    assert [name for name, _ in server.asked] == ["/a", *["/b"] * 4, "/c"]


def test_a_date_to_come_is_a_number_of_seconds():
    then = datetime.now(UTC) + timedelta(seconds=90)
    assert 88 <= retry_after(format_datetime(then, usegmt=True)) <= 90
    assert retry_after("12") == 12
    assert retry_after("") is retry_after("²") is None


def test_more_than_the_published_bytes_is_cut_off_there(server, tmp_path):
    """A body of unknown length that does not end: the next address is asked."""
    server.paths |= {
        "/a": Served(content=CONTENT + bytes(30_000_000), tells_length=False),
        "/b": Served(tells_length=False),
    }
    addresses = tuple(f"{server.address}/{name}" for name in "ab")
    file = PublishedFile("file.bin", "sha256", SHA256, len(CONTENT), addresses)
    assert download(file, tmp_path, patience=QUICK).read_bytes() == CONTENT
    assert [name for name, _ in server.asked] == ["/a", "/b"]
    assert left(tmp_path) == ["file.bin", "file.bin.checked.json"]
    alone = PublishedFile("file.bin", "sha256", SHA256, len(CONTENT), addresses[:1])
    with pytest.raises(DataError, match="sends more than the published file's 600,000 bytes"):
        download(alone, tmp_path / "other", patience=QUICK)
    assert left(tmp_path / "other") == []


@pytest.mark.parametrize("length", ["9" * 16, "9" * 30])
def test_an_absurd_length_does_not_end_the_search(fetch, server, length):
    path = fetch(a=Served(headers={"Content-Length": length}), b=Served())
    assert path.read_bytes() == CONTENT
    assert [name for name, _ in server.asked] == ["/a", "/b"]


def test_waiting_for_another_process_is_said(fetch, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(cache, "_SILENT", 0.05)
    (tmp_path / "new").mkdir()
    held = threading.Event()

    def other():
        with FileLock(tmp_path / "new" / "file.bin.lock"):
            held.set()
            time.sleep(0.5)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(30)
    assert fetch(a=Served()).read_bytes() == CONTENT
    thread.join()
    assert re.search(r"waiting for another process that is writing .*file\.bin", caplog.text)

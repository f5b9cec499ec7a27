"""``vaescope data fetch`` and ``verify``, with a server on this machine."""

import gzip
import hashlib
import os
import socket
import struct
import threading
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from vaescope.commands import data as command
from vaescope.commands import data_list, data_sets, fetching
from vaescope.commands.names import DATA_ACTIONS
from vaescope.data import MNIST, DSprites, DSpritesRenderer, FashionMNIST
from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.factors import Factors
from vaescope.data.files import checksums
from vaescope.data.files.published import MissingFilesError, PublishedFile, find_together
from vaescope.data.sets.dsprites import files as dsprites_files
from vaescope.data.sets.dsprites.renderer import FACTORS
from vaescope.data.sources import DataSource
from vaescope.errors import ConfigError, DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
CONTENT = IMAGES.tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Toy(ConvertedDataset):
    data_source = DataSource(
        option="toy",
        title="Toy",
        folder="toys",
        files=(
            PublishedFile("one.bin", "sha256", SHA256, len(CONTENT)),
            PublishedFile("two.bin", page="https://toys.example/two"),
        ),
        licence="none",
    )
    factors = Factors(("x",), (12,), ("ordinal",))
    image_shape = (3, 4, 4)

    def pieces(self, paths, start):
        yield np.frombuffer(paths[0].read_bytes(), np.uint8).reshape(IMAGES.shape)[start:]


class ToyDataModule(FactorDataModule):
    dataset_class = Toy


class OneFile(Toy):
    data_source = replace(Toy.data_source, files=Toy.data_source.files[:1])


class OneFileDataModule(FactorDataModule):
    dataset_class = OneFile


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves the files in ``folder``; ``asked`` has the paths of all requests."""
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    made.daemon_threads, made.folder, made.asked = True, folder, []
    made.address = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def run(config, tmp_path, capsys):
    """``run(action, *overrides)`` as by the command, with all data in ``tmp_path/data``."""

    def run(action, *overrides):
        given = (f"action={action}", f"data_dir='{tmp_path / 'data'}'", *overrides)
        command.act(config(*given, name="data"))
        return capsys.readouterr().out

    return run


@pytest.fixture
def toy(tmp_path, capsys):
    """``toy(action, mirror)`` of the toys, without the time that a composition takes."""

    def run(action, mirror=None, module="ToyDataModule"):
        folder = str(tmp_path / "data")
        data = {"_target_": f"test_fetch.{module}", "data_dir": folder}
        given = {"action": action, "data": data, "data_dir": folder, "mirror": mirror}
        command.act(OmegaConf.create(given))
        return capsys.readouterr().out

    return run


def serve_toy(server, one=CONTENT):
    (server.folder / "one.bin").write_bytes(one)
    (server.folder / "two.bin").write_bytes(b"2")


def test_every_action_has_its_program(config, monkeypatch):
    programs = {
        "list": (data_list, "show_list"),
        "fetch": (fetching, "fetch"),
        "verify": (data_sets, "verify"),
        "render": (data_sets, "render"),
    }
    assert set(programs) <= set(DATA_ACTIONS)
    called = []
    for action, (module, name) in programs.items():
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda config, action=action: called.append(action))
            command.act(config(f"action={action}", name="data"))
    assert called == list(programs)


@pytest.mark.parametrize("name", ["tiny", "synthetic_linear"])
def test_a_computed_set_has_nothing_to_fetch(run, tmp_path, name):
    assert "nothing to fetch, it is computed" in run("fetch", f"data={name}")
    assert not (tmp_path / "data").exists()


def test_files_are_fetched_checked_and_converted(toy, server, tmp_path):
    serve_toy(server)
    printed = toy("fetch", server.address)
    folder = tmp_path / "data" / "toys"
    assert f"{folder / 'one.bin'}\n  sha256 {SHA256}: that of the published file" in printed
    digest = hashlib.sha256(b"2").hexdigest()
    assert f"{folder / 'two.bin'}\n  sha256 {digest}: none was published" in printed
    assert f"12 images, Toy: one.bin, two.bin as toys-v1.npy (sha256 {SHA256[:16]})" in printed
    assert np.array_equal(np.load(folder / "toys-v1.npy"), IMAGES)
    assert server.asked == ["/one.bin", "/two.bin"]


@pytest.mark.parametrize("gone", [(), ("one.bin", "two.bin")])
def test_what_is_there_is_not_fetched_again(toy, server, tmp_path, gone):
    serve_toy(server)
    toy("fetch", server.address)
    for name in gone:
        (tmp_path / "data" / "toys" / name).unlink()  # converted, so no longer needed
    server.asked.clear()
    printed = toy("fetch", server.address)
    assert "nothing to fetch, all files are there" in printed
    assert "12 images, Toy" in printed
    assert server.asked == []


def test_only_what_is_missing_is_fetched(toy, server, tmp_path):
    serve_toy(server)
    folder = tmp_path / "data" / "toys"
    folder.mkdir(parents=True)
    (folder / "one.bin").write_bytes(CONTENT)
    toy("fetch", server.address)
    assert server.asked == ["/two.bin"]


def test_a_file_in_another_known_folder_will_do(toy, server, tmp_path):
    serve_toy(server)
    (tmp_path / "data").mkdir()
    for name in ("one.bin", "two.bin"):
        (tmp_path / "data" / name).write_bytes((server.folder / name).read_bytes())
    assert "all files are there" in toy("fetch", server.address)
    assert server.asked == []


def test_what_is_fetched_by_hand_is_told_before_anything_is_fetched(
    toy, server, tmp_path, monkeypatch
):
    serve_toy(server)
    one = replace(Toy.data_source.files[0], addresses=(f"{server.address}/one.bin",))
    files = (one, Toy.data_source.files[1])
    monkeypatch.setattr(Toy, "data_source", replace(Toy.data_source, files=files))
    with pytest.raises(DataError) as caught:
        toy("fetch")
    assert "two.bin can be fetched by hand only: get it from https://toys.e" in str(caught.value)
    assert f"put it into {tmp_path / 'data' / 'toys'}" in str(caught.value)
    assert server.asked == []


def test_a_module_may_choose_its_files(toy, server, monkeypatch):
    serve_toy(server)
    monkeypatch.setattr(
        Toy, "find", lambda self, places: find_together(OneFile.data_source.files, places)
    )
    toy("fetch", server.address, "OneFileDataModule")
    assert server.asked == ["/one.bin"]


def test_a_corrupt_file_is_refused(toy, server, tmp_path):
    serve_toy(server, one=CONTENT[::-1])
    with pytest.raises(DataError, match=r"/one\.bin: what it gave is not the published one\.bin"):
        toy("fetch", server.address)
    assert not (tmp_path / "data" / "toys" / "one.bin").exists()
    (tmp_path / "data" / "toys" / "one.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"one\.bin has 575 bytes, .* cut short; delete it"):
        toy("fetch", server.address)


def test_without_a_server_it_fails_in_seconds(toy, tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # not listening
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/sets"
        began = time.monotonic()
        with pytest.raises(DataError) as caught:
            toy("fetch", address)
    assert time.monotonic() - began < 5
    assert f"{address}/one.bin: Connection refused" in str(caught.value)
    assert f"put it into {tmp_path / 'data' / 'toys'}" in str(caught.value)
    with pytest.raises(ConfigError, match="mirror=ftp://mine was given"):
        toy("fetch", "ftp://mine")


def test_nothing_is_fetched_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it asked a server"))
    monkeypatch.setattr(MNIST, "installed", ())
    monkeypatch.setenv("VAESCOPE_DATA_DIR", str(tmp_path))
    for build in (MNIST, Toy, ToyDataModule().build):
        with pytest.raises(MissingFilesError):
            build()
    assert "rendered" in DSprites(cache=False).source


def idx(array):
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def few_digits(server, monkeypatch):
    """MNIST and Fashion-MNIST of 5 + 5 images on the server, installed by no package."""
    for dataset in (MNIST, FashionMNIST):
        files, published = [], []
        for file, zipped in zip(dataset.files, dataset.data_source.files, strict=True):
            assert zipped.name == f"{file.name}.gz"
            array = np.arange(5 * 28**2).astype(np.uint8).reshape(5, 28, 28)
            array = array if len(file.shape) == 3 else np.arange(5, dtype=np.uint8)
            content = gzip.compress(idx(array), mtime=0)
            (server.folder / zipped.name).write_bytes(content)
            md5 = hashlib.md5(idx(array)).hexdigest()
            files.append(replace(file, shape=array.shape, md5=md5))
            published.append(
                replace(
                    zipped,
                    checksum=hashlib.md5(content).hexdigest(),
                    num_bytes=len(content),
                    addresses=(f"{server.address}/{zipped.name}",),
                )
            )
        monkeypatch.setattr(dataset, "files", tuple(files))
        source = replace(dataset.data_source, files=tuple(published))
        monkeypatch.setattr(dataset, "data_source", source)
        monkeypatch.setattr(dataset, "installed", ())


@pytest.mark.parametrize(("name", "dataset"), [("mnist", MNIST), ("fashion_mnist", FashionMNIST)])
def test_mnist_is_fetched(run, server, few_digits, tmp_path, monkeypatch, name, dataset):
    printed = run("fetch", f"data={name}")
    assert printed.count("that of the published file") == 4
    assert "10 images, published files train-images" in printed
    assert (
        tmp_path / "data" / dataset.data_source.folder / dataset.data_source.files[0].name
    ).is_file()
    assert len(server.asked) == 4
    assert "all files are there" in run("fetch", f"data={name}")
    monkeypatch.setattr(dataset, "installed", (server.folder,))
    assert "all files" in run("fetch", f"data={name}", f"data_dir='{tmp_path / 'other'}'")
    assert len(server.asked) == 4
    assert "10 images, of each class [2, 2, 2, 2, 2]" in run("verify", f"data={name}")


def test_mnist_says_how_to_be_fetched(tmp_path, monkeypatch):
    for dataset, name in ((MNIST, "mnist"), (FashionMNIST, "fashion_mnist")):
        monkeypatch.setattr(dataset, "installed", ())
        with pytest.raises(DataError) as caught:
            dataset(tmp_path)
        assert f"`vaescope data fetch data={name} data_dir={tmp_path}`" in str(caught.value)


def test_the_published_digits():
    assert [file.num_bytes for file in MNIST.data_source.files] == [
        9_912_422,
        28_881,
        1_648_877,
        4_542,
    ]
    sizes = [file.num_bytes for file in FashionMNIST.data_source.files]
    assert sizes == [26_421_880, 29_515, 4_422_102, 5_148]
    files = [*MNIST.data_source.files, *FashionMNIST.data_source.files]
    assert {file.algorithm for file in files} == {"md5"}
    assert len({file.checksum for file in files}) == 8
    assert {len(file.checksum) for file in files} == {32}
    for file in files:
        assert all(address.endswith(f"/{file.name}") for address in file.addresses)


def test_dsprites_is_fetched_although_it_can_be_rendered(run, server, tmp_path, monkeypatch):
    number, name = 2500, f"{dsprites_files.STEM}.npz"
    index = torch.arange(number)
    images = 1 - DSpritesRenderer().render(FACTORS.values(index)).numpy()  # not as rendered
    np.savez_compressed(server.folder / name, imgs=images)
    checksum = hashlib.md5((server.folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(dsprites_files, "NUM_IMAGES", number)
    monkeypatch.setitem(dsprites_files.PUBLISHED, name, PublishedFile(name, "md5", checksum))
    (npz,) = DSprites.data_source.files
    assert (npz.name, npz.algorithm, npz.checksum) == (
        name,
        "md5",
        "7da33b31b13a06f4b04a70402ce90c2e",
    )
    source = replace(DSprites.data_source, files=(replace(npz, checksum=checksum),))
    monkeypatch.setattr(DSprites, "data_source", source)
    for number_asked in (1, 1):
        printed = run("fetch", "data=dsprites", f"mirror={server.address}")
        assert f"published file {name} (checksum {checksum})" in printed
        assert len(server.asked) == number_asked
    assert "all files are there" in printed
    assert (tmp_path / "data" / "dsprites" / name).is_file()


@pytest.fixture
def toys(toy, server, tmp_path):
    """Folder of toys that were fetched and converted."""
    serve_toy(server)
    toy("fetch", server.address)
    return tmp_path / "data" / "toys"


def test_verify_reads_published_and_converted_files_again(toy, toys):
    printed = toy("verify")
    assert f"one.bin\n  sha256 {SHA256}: that of the published file" in printed
    assert "two.bin\n  sha256 " in printed
    assert f"toys-v1.npy\n  sha256 of its images {SHA256}: as it was converted" in printed
    assert "12 images, Toy" in printed


def test_verify_notices_one_byte_of_the_published_file(toy, toys):
    before = (toys / "one.bin").stat()
    (toys / "one.bin").write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    os.utime(toys / "one.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match=r"one\.bin is not the published one\.bin.*delete it"):
        toy("verify")


def test_verify_notices_one_byte_of_the_converted_file(toy, toys):
    content = (toys / "toys-v1.npy").read_bytes()
    (toys / "toys-v1.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=r"toys-v1\.npy is damaged: .*delete it and run again"):
        toy("verify")


def test_verify_does_without_the_published_files_and_the_record(toy, toys):
    for name in ("one.bin", "two.bin"):
        (toys / name).unlink()
    printed = toy("verify")
    assert "the published files are not there" in printed
    assert "as it was converted" in printed
    (toys / "toys-v1.npy.json").rename(toys / "kept")
    checksums._opened.clear()  # as in a new process
    with pytest.raises(DataError, match=r"toys-v1\.npy cannot be checked: toys-v1\.npy\.json"):
        toy("verify")
    (toys / "toys-v1.npy").unlink()
    with pytest.raises(MissingFilesError, match=r"looked for one\.bin, two\.bin"):
        toy("verify")


def test_a_computed_set_has_nothing_to_verify(run):
    assert "nothing to verify: it is computed" in run("verify", "data=tiny")

"""Published files, their conversion, mapped arrays, and the data sets that are made of them."""

import hashlib
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.minibatches import images_of, rows_of
from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.factors import Factors
from vaescope.data.files import cache, checksums, published
from vaescope.data.files import npy_cache as module
from vaescope.data.files.checksums import BlockChecksums
from vaescope.data.files.npy_cache import MappedArray, convert, images_sha256, read_record
from vaescope.data.files.published import MissingFilesError, PublishedFile, find_together
from vaescope.data.sources import DataSource
from vaescope.data.stored import StoredDataset
from vaescope.errors import DataError

SHAPE = (12, 2, 3, 1)
ROW = 6
IMAGES = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
SHA256 = hashlib.sha256(IMAGES.tobytes()).hexdigest()
ABOUT = {"title": "Toy", "version": 1, "files": {"toy.bin": "md5:00"}}
FACTORS = Factors(("x", "y"), (4, 3), ("ordinal", "categorical"))


class Source:
    """Images in pieces of 5, remembering which first rows were asked for."""

    def __init__(self, images=IMAGES, stop=None):
        self.images, self.stop, self.asked = images, stop, []

    def __call__(self, start):
        self.asked.append(start)
        for first in range(start, len(self.images), 5):
            if self.stop is not None and first >= self.stop:
                raise KeyboardInterrupt
            yield self.images[first : first + 5]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sets" / "toy-v1.npy"


def part(path):
    return path.with_name(f"{path.name}.part")


def interrupted(path, about=ABOUT, shape=SHAPE, stop=10):
    with pytest.raises(KeyboardInterrupt):
        convert(path, shape, Source(stop=stop), about)
    return part(path)


def left(folder):
    return sorted(found.name for found in folder.iterdir() if found.suffix != ".lock")


class TestConvert:
    def test_images_are_written_once_and_recorded(self, path):
        source = Source()
        for _ in range(2):
            assert convert(path, SHAPE, source, ABOUT) == path
        assert source.asked == [0]
        assert np.array_equal(np.load(path), IMAGES)
        assert images_sha256(path) == SHA256
        blocks = BlockChecksums.of(path).plain()
        assert read_record(path) == ABOUT | {
            "sha256": SHA256,
            "shape": list(SHAPE),
            "blocks": blocks,
        }
        assert left(path.parent) == ["toy-v1.npy", "toy-v1.npy.json"]
        assert read_record(path.with_name("other.npy")) == {}

    def test_numpys_integers_are_as_good_as_others(self, path):
        convert(path, tuple(np.array(SHAPE)), Source(), ABOUT)
        assert np.array_equal(np.load(path), IMAGES)

    def test_an_interrupted_conversion_goes_on(self, path):
        interrupted(path)
        assert not path.exists()
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [10]
        assert np.array_equal(np.load(path), IMAGES)
        assert read_record(path)["sha256"] == SHA256
        assert left(path.parent) == ["toy-v1.npy", "toy-v1.npy.json"]

    @pytest.mark.parametrize(("lost", "first"), [(1, 9), (ROW - 1, 9), (ROW, 9), (ROW + 1, 8)])
    def test_it_goes_on_behind_the_last_whole_row(self, path, lost, first, monkeypatch):
        monkeypatch.setattr(checksums, "BLOCK_BYTES", 1)  # else the whole block counts
        unfinished = interrupted(path)
        os.truncate(unfinished, unfinished.stat().st_size - lost)
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [first]
        assert np.array_equal(np.load(path), IMAGES)
        assert read_record(path)["sha256"] == SHA256

    def test_with_all_rows_written_nothing_is_asked_for(self, path, monkeypatch):
        def killed(_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(module, "images_sha256", killed)
            with pytest.raises(KeyboardInterrupt):
                convert(path, SHAPE, Source(), ABOUT)
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == []
        assert np.array_equal(np.load(path), IMAGES)

    @pytest.mark.parametrize(
        "about", [ABOUT | {"version": 2}, ABOUT | {"files": {"toy.bin": "md5:01"}}, {}]
    )
    def test_another_conversion_starts_anew(self, path, about):
        interrupted(path, about)
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [0]
        assert np.array_equal(np.load(path), IMAGES)

    def test_another_shape_starts_anew(self, path):
        interrupted(path, shape=(13, 2, 3, 1))
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [0]
        assert np.array_equal(np.load(path), IMAGES)

    @pytest.mark.parametrize("what", ["toy-v1.npy.part", "toy-v1.npy.part.json"])
    @pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"{"])
    def test_a_damaged_part_starts_anew(self, path, what, content):
        interrupted(path)
        path.with_name(what).write_bytes(content)
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [0]
        assert np.array_equal(np.load(path), IMAGES)

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (IMAGES[:11], "toy-v1: 11 images were found, expected 12"),
            (IMAGES[:0], "toy-v1: 0 images were found, expected 12"),
            (np.concatenate([IMAGES, IMAGES]), "more than the expected 12 images"),
            (IMAGES.astype(np.int64), r"from row 0 on are int64 \[2, 3, 1\], expected uint8"),
            (IMAGES[..., 0], r"uint8 \[2, 3\], expected uint8 \[2, 3, 1\]"),
            (IMAGES.transpose(0, 2, 1, 3), r"uint8 \[3, 2, 1\], expected uint8 \[2, 3, 1\]"),
        ],
    )
    def test_other_images_are_refused(self, path, images, message):
        with pytest.raises(DataError, match=message):
            convert(path, SHAPE, Source(images), ABOUT)
        assert not path.exists()
        assert read_record(path) == {}

    def test_views_of_any_layout_are_written_in_order(self, path):
        turned = [np.asfortranarray(IMAGES[:5]), np.asfortranarray(IMAGES[5:])]
        convert(path, SHAPE, lambda start: iter(turned), ABOUT)
        assert np.array_equal(np.load(path), IMAGES)

    def test_a_disk_that_gives_back_other_bytes_is_noticed(self, path, monkeypatch):
        digests = iter(["0" * 64, SHA256])
        monkeypatch.setattr(module, "images_sha256", lambda _: next(digests))
        with pytest.raises(DataError, match=r"does not read back.*check the disk"):
            convert(path, SHAPE, Source(), ABOUT)
        assert not path.exists()
        assert not part(path).exists()
        source = Source()
        convert(path, SHAPE, source, ABOUT)
        assert source.asked == [0]

    def test_a_full_disk_is_told_before_images_are_read(self, path, monkeypatch, tmp_path):
        usage = shutil.disk_usage(tmp_path)._replace(free=12 * ROW - 1)
        monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
        source = Source()
        with pytest.raises(DataError, match=r"disk is full.*200 bytes are needed.*data_dir="):
            convert(path, SHAPE, source, ABOUT)
        assert source.asked == []
        monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage._replace(free=12 * ROW))
        convert(path, SHAPE, source, ABOUT)

    def test_two_at_once_convert_once(self, path):
        source = Source()
        both = [
            threading.Thread(target=convert, args=(path, SHAPE, source, ABOUT)) for _ in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(30)
        assert source.asked == [0]
        assert np.array_equal(np.load(path), IMAGES)


WRITER = f"""
import sys, time, types
from dataclasses import replace
from pathlib import Path
# an empty package in place of vaescope.data, so that torch and Lightning are not imported
sys.modules["vaescope.data"] = types.ModuleType("vaescope.data")
sys.modules["vaescope.data"].__path__ = [{str(Path(module.__file__).parents[1])!r}]
import numpy as np
from vaescope.data.files.npy_cache import convert

def pieces(start):
    print("asked", start, flush=True)
    for row in range(start, 20):
        yield np.full((1, 256, 256, 1), row, np.uint8)
        time.sleep(float(sys.argv[2]))

convert(Path(sys.argv[1]), (20, 256, 256, 1), pieces, {{"title": "Toy"}})
"""


def start_writer(path, seconds):
    command = [sys.executable, "-c", WRITER, str(path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_killed_process_is_followed_by_one_that_goes_on(path):
    killed = start_writer(path, 0.2)
    for _ in range(600):
        if part(path).exists() and part(path).stat().st_size > 8 * 65_536:
            break  # about 1.6 s after its beginning; what is on the disk is noted once a second
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    whole = (part(path).stat().st_size - 128) // 65_536
    assert 8 <= whole < 20
    writers = [start_writer(path, 0.05) for _ in range(2)]
    asked = "".join(writer.communicate(timeout=120)[0] for writer in writers)
    assert [writer.returncode for writer in writers] == [0, 0]
    number = int(asked.removeprefix("asked "))  # by one of the two
    assert 0 < number <= whole
    assert (np.load(path) == np.arange(20, dtype=np.uint8)[:, None, None, None]).all()


class TestMappedArray:
    @pytest.fixture
    def stored(self, tmp_path):
        path = tmp_path / "toy.npy"
        np.save(path, IMAGES)
        return path

    def test_rows_are_taken_from_the_disk(self, stored):
        mapped = MappedArray(stored, SHAPE)
        assert (len(mapped), mapped.shape, mapped.nbytes) == (12, SHAPE, IMAGES.nbytes)
        rows = torch.tensor([11, 0, 0, 5])
        taken = mapped.take(rows)
        assert taken.dtype == torch.uint8
        assert np.array_equal(taken.numpy(), IMAGES[rows.numpy()])
        taken.zero_()  # a copy
        assert np.array_equal(mapped.read("cpu").numpy(), IMAGES)
        assert not mapped.array.flags.writeable

    def test_a_copy_for_another_process_opens_the_file_again(self, stored):
        content = pickle.dumps(MappedArray(stored, SHAPE))
        large = stored.with_name("large.npy")
        np.save(large, np.zeros((5000, 64, 64, 3), np.uint8))
        assert len(pickle.dumps(MappedArray(large, (5000, 64, 64, 3)))) < len(content) + 20 < 500
        again = pickle.loads(content)
        assert np.array_equal(again.array, IMAGES)
        stored.write_bytes(stored.read_bytes()[:-1])
        with pytest.raises(DataError, match="damaged"):
            pickle.loads(content)

    @pytest.mark.parametrize("keep", [0, 3, 100, 128, 128 + 71])
    def test_a_file_cut_short_is_refused(self, stored, keep):
        stored.write_bytes(stored.read_bytes()[:keep])
        with pytest.raises(DataError, match=r"toy\.npy is damaged .*delete it and run again"):
            MappedArray(stored, SHAPE)

    def test_something_else_is_refused(self, stored):
        with pytest.raises(DataError, match=r"\[12, 2, 3, 1\], expected uint8 \[13, 2, 3, 1\]"):
            MappedArray(stored, (13, 2, 3, 1))
        np.save(stored, IMAGES.astype(np.float32))
        with pytest.raises(DataError, match="holds float32"):
            MappedArray(stored, SHAPE)
        np.save(stored, np.array([{}]), allow_pickle=True)
        with pytest.raises(DataError, match="damaged"):
            MappedArray(stored, SHAPE)
        with pytest.raises(DataError, match=r"none\.npy"):
            MappedArray(stored.with_name("none.npy"), SHAPE)


class TestPublishedFile:
    CONTENT = b"as published"
    MD5 = hashlib.md5(CONTENT).hexdigest()
    FILE = PublishedFile("toy.bin", "md5", MD5, len(CONTENT))

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "renamed.bin"
        path.write_bytes(self.CONTENT)
        return path

    def test_the_right_file_is_read_once(self, path, monkeypatch):
        assert self.FILE.identify(path) == f"md5:{self.MD5}"
        monkeypatch.setattr(published, "file_checksum", lambda *_: pytest.fail("read again"))
        assert self.FILE.identify(path) == f"md5:{self.MD5}"

    def test_a_file_that_changed_is_read_again(self, path):
        self.FILE.identify(path)
        before = path.stat()
        path.write_bytes(self.CONTENT.upper())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        with pytest.raises(DataError, match=f"not the published toy.bin: its md5 is .*{self.MD5}"):
            self.FILE.identify(path)
        assert path.exists()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (CONTENT[:-1], "has 11 bytes, the published file 12: it is cut short; delete it"),
            (CONTENT + b"!", "has 13 bytes, the published file 12: it is another file; delete it"),
            (b"as Published", "is not the published toy.bin: its md5 is .*fetch it again"),
        ],
    )
    def test_another_file_is_refused_each_time(self, path, content, message):
        path.write_bytes(content)
        for _ in range(2):
            with pytest.raises(DataError, match=message) as caught:
                self.FILE.identify(path)
            assert str(path) in str(caught.value)

    @pytest.mark.parametrize("record", ["", "{", "[1]", "null", '{"md5": "0"}'])
    def test_a_damaged_record_does_no_harm(self, path, record):
        path.with_name("renamed.bin.checked.json").write_text(record)
        assert self.FILE.identify(path) == f"md5:{self.MD5}"

    def test_another_checksum_is_not_taken_from_the_record(self, path):
        self.FILE.identify(path)
        with pytest.raises(DataError, match="its md5 is"):
            PublishedFile("toy.bin", "md5", "0" * 32).identify(path)

    def test_without_a_published_checksum_the_file_is_identified(self, path):
        digest = hashlib.sha256(self.CONTENT).hexdigest()
        assert PublishedFile("toy.bin").identify(path) == f"sha256:{digest}"
        with pytest.raises(DataError, match="cut short"):
            PublishedFile("toy.bin", num_bytes=13).identify(path)

    def test_a_folder_that_cannot_be_written_is_good_enough(self, path, monkeypatch):
        def refuse(*_):
            raise PermissionError("read only")

        monkeypatch.setattr(published, "write_record", refuse)
        assert self.FILE.identify(path) == f"md5:{self.MD5}"
        assert not path.with_name("renamed.bin.checked.json").exists()

    def test_files_are_found_together(self, tmp_path):
        files = [PublishedFile("a"), PublishedFile("b")]
        places = [tmp_path / name for name in ("none", "half", "both", "too")]
        for place, names in zip(places[1:], ["a", "ab", "ab"], strict=True):
            place.mkdir()
            for name in names:
                (place / name).touch()
        assert find_together(files, places) == [places[2] / "a", places[2] / "b"]
        assert find_together(files, places[:2]) is None


class TestStoredDataset:
    # rows 3 and 7 are alike in their values; (0, 0) and others have no image
    TABLE = torch.stack(
        [torch.tensor([3, 0, 1, 2, 1, 0, 3, 2, 3, 3, 2, 1]), torch.arange(12) % 3], 1
    )

    @pytest.fixture
    def mapped(self, tmp_path):
        np.save(tmp_path / "toy.npy", IMAGES)
        return MappedArray(tmp_path / "toy.npy", SHAPE)

    def test_without_a_table_rows_are_combinations(self, mapped, rng):
        dataset = StoredDataset(mapped, FACTORS, "toy")
        rows = torch.tensor([11, 0, 7])
        batch = dataset.batch(rows)
        assert (len(dataset), dataset.image_shape) == (12, (1, 2, 3))
        assert batch.image.dtype == torch.float32
        expected = IMAGES[rows.numpy()].transpose(0, 3, 1, 2) / np.float32(255)
        assert np.array_equal(batch.image.numpy(), expected)
        assert batch.factors.tolist() == [[3, 2], [0, 0], [2, 1]]
        assert torch.equal(images_of(dataset, batch.factors), batch.image)
        assert torch.equal(rows_of(dataset, batch.factors, rng), rows)

    def test_channels_come_first(self):
        pixels = torch.arange(24, dtype=torch.uint8).view(1, 2, 4, 3)
        image = StoredDataset(pixels, Factors((), (), ()), "toy")[0]["image"]
        assert image.shape == (3, 2, 4)
        assert (image * 255)[2].round().tolist() == [[2, 5, 8, 11], [14, 17, 20, 23]]

    def test_a_table_says_what_rows_are(self, mapped, rng):
        table = self.TABLE
        dataset = StoredDataset(mapped, FACTORS, "toy", table)
        assert torch.equal(dataset.values(torch.arange(12)), table)
        assert len(table.unique(dim=0)) < 12
        rows = rows_of(dataset, table, rng)
        assert torch.equal(table[rows], table)
        one = table[2:3]
        assert torch.equal(images_of(dataset, one), dataset.batch(rows_of(dataset, one)).image)

    def test_of_several_rows_each_is_chosen_alike(self, mapped, rng):
        table = torch.tensor([[0, 0]] * 4 + [[1, 1]] * 3 + [[3, 2]] * 5)[torch.randperm(12)]
        dataset = StoredDataset(mapped, FACTORS, "toy", table)
        rows = rows_of(dataset, torch.tensor([[0, 0], [3, 2]]).repeat(6000, 1), rng)
        counts = rows.bincount(minlength=12)
        for values, expected in (((0, 0), 1500), ((1, 1), 0), ((3, 2), 1200)):
            of = (table == torch.tensor(values)).all(1)
            assert (counts[of] - expected).abs().max() < 5 * (expected + 1) ** 0.5

    def test_a_missing_combination_is_told(self, mapped, rng):
        table = torch.tensor([[3, 1]] * 12)
        dataset = StoredDataset(mapped, FACTORS, "toy", table)
        wanted = torch.tensor([[3, 1], [0, 2], [3, 1]])
        assert (rows_of(dataset, wanted, rng) == -1).tolist() == [False, True, False]
        with pytest.raises(ValueError, match="out of range"):
            rows_of(dataset, torch.tensor([[4, 0]]))

    def test_continuous_factors_have_values_only(self, mapped, rng):
        table = torch.rand(12, 1)
        dataset = StoredDataset(mapped, Factors(("z",), (0,), ("continuous",)), "toy", table)
        assert torch.equal(dataset.batch(torch.tensor([4])).factors, table[4:5])
        with pytest.raises(ValueError, match="continuous"):
            rows_of(dataset, table, rng)

    def test_lengths_have_to_agree(self, mapped):
        for table, labels in ((self.TABLE[:11], None), (None, torch.zeros(11))):
            with pytest.raises(ValueError, match="12 images were given for"):
                StoredDataset(mapped, FACTORS, "toy", table, labels)
        with pytest.raises(ValueError, match="12 images were given for 24 rows"):
            StoredDataset(mapped, Factors(("x",), (24,), ("ordinal",)), "toy")

    def test_what_is_placed_is_counted(self, mapped):
        labels = torch.zeros(12, dtype=torch.int64)
        dataset = StoredDataset(mapped, FACTORS, "toy", self.TABLE, labels)
        expected = IMAGES.nbytes + self.TABLE.nbytes + labels.nbytes
        assert dataset.num_bytes == expected
        assert dataset.to("meta") is dataset  # stands for an accelerator
        assert dataset.num_bytes == expected
        assert {dataset._pixels.device.type, dataset._table.device.type} == {"meta"}
        assert (dataset.device.type, dataset.labels.device.type) == ("meta", "meta")
        in_memory = StoredDataset(torch.from_numpy(IMAGES), FACTORS, "toy")
        assert in_memory.num_bytes == IMAGES.nbytes

    def test_back_on_the_cpu_the_file_is_mapped(self, mapped):
        dataset = StoredDataset(mapped, FACTORS, "toy").to("meta").to("cpu")
        assert dataset._pixels is None
        assert np.array_equal(dataset[5]["image"][0].numpy() * 255, IMAGES[5, ..., 0])

    def test_a_worker_gets_no_images(self, mapped):
        dataset = StoredDataset(mapped, FACTORS, "toy", self.TABLE)
        again = pickle.loads(pickle.dumps(dataset))
        assert torch.equal(again[3]["image"], dataset[3]["image"])
        assert torch.equal(again.values(torch.arange(12)), self.TABLE)


CONTENT = IMAGES.tobytes()


class Toy(ConvertedDataset):
    data_source = DataSource(
        option="toy",
        title="Toy",
        folder="toys",
        other_folders=("elsewhere", "."),
        files=(
            PublishedFile("toy.bin", "sha256", SHA256, addresses=("http://toys.example/toy.bin",)),
        ),
        licence="none",
    )
    factors = FACTORS
    image_shape = (1, 2, 3)
    asked = 0

    def pieces(self, paths, start):
        type(self).asked += 1
        yield np.frombuffer(paths[0].read_bytes(), np.uint8).reshape(SHAPE)[start:]


class ToyWithTable(Toy):
    def read_tables(self, paths):
        table = np.stack([np.arange(12) // 3, np.arange(12)[::-1] % 3], 1)
        return {"table": table, "labels": np.arange(12), "weights": np.ones((12, 2))}


class ToyByHand(Toy):
    data_source = replace(
        Toy.data_source,
        files=(
            PublishedFile("one.bin", page="https://toys.example/get"),
            PublishedFile("two.bin", page="https://toys.example/get"),
        ),
    )


class TestConvertedDataset:
    @pytest.fixture(autouse=True)
    def _count(self, monkeypatch):
        for made in (Toy, ToyWithTable):
            monkeypatch.setattr(made, "asked", 0)

    def put(self, folder, content=CONTENT):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "toy.bin").write_bytes(content)

    @pytest.mark.parametrize("folder", ["toys", "elsewhere", "."])
    def test_the_first_use_converts(self, tmp_path, folder):
        self.put(tmp_path / folder)
        first = Toy(tmp_path)
        (tmp_path / folder / "toy.bin").unlink()  # no longer needed
        for dataset in (first, Toy(tmp_path)):
            assert np.array_equal(dataset.batch(torch.arange(12)).image[:, 0] * 255, IMAGES[..., 0])
            assert dataset.path == tmp_path / "toys" / "toys-v1.npy"
            assert dataset.source == f"Toy: toy.bin as toys-v1.npy (sha256 {SHA256[:16]})"
        assert Toy.asked == 1
        record = read_record(first.path)
        assert record["files"] == {"toy.bin": f"sha256:{SHA256}"}
        assert (record["sha256"], record["version"]) == (SHA256, 1)

    def test_a_new_version_is_another_file(self, tmp_path, monkeypatch):
        self.put(tmp_path / "toys")
        Toy(tmp_path)
        monkeypatch.setattr(Toy, "version", 2)
        assert Toy(tmp_path).path.name == "toys-v2.npy"
        assert Toy.asked == 2

    def test_a_wrong_file_is_not_converted(self, tmp_path):
        self.put(tmp_path / "toys", CONTENT[::-1])
        with pytest.raises(DataError, match=r"not the published toy\.bin"):
            Toy(tmp_path)
        assert Toy.asked == 0

    def test_missing_files_say_what_where_and_what_to_do(self, tmp_path):
        with pytest.raises(MissingFilesError) as caught:
            Toy(tmp_path)
        assert str(caught.value) == (
            f"no Toy files: looked for toy.bin in {tmp_path}/toys and {tmp_path}/elsewhere and "
            f"{tmp_path}; fetch it by `vaescope data fetch data=toy data_dir={tmp_path}`"
        )
        with pytest.raises(MissingFilesError) as caught:
            ToyByHand(tmp_path)
        assert str(caught.value).endswith(
            f"put it into {tmp_path}/toys; it is found at https://toys.example/get"
        )

    def test_tables_are_kept_beside_the_images(self, tmp_path):
        self.put(tmp_path / "toys")
        for dataset in (ToyWithTable(tmp_path), ToyWithTable(tmp_path)):
            assert dataset.values(torch.tensor([0, 11])).tolist() == [[0, 2], [3, 0]]
            assert dataset.labels.tolist() == list(range(12))
            assert list(dataset.tables) == ["weights"]
        assert ToyWithTable.asked == 1
        assert read_record(dataset.path)["tables"] == ["labels", "table", "weights"]

    def test_lost_or_damaged_tables_are_noticed(self, tmp_path):
        self.put(tmp_path / "toys")
        path = ToyWithTable(tmp_path).path.with_suffix(".tables.npz")
        whole = path.read_bytes()
        labels = io.BytesIO()
        np.savez(labels, labels=np.arange(12))
        for content in (whole[: len(whole) // 2], b"", whole[:200] + b"!" + whole[201:]):
            path.write_bytes(content)
            with pytest.raises(DataError, match=r"tables\.npz is damaged .*delete .*v1\.npy and"):
                ToyWithTable(tmp_path)
        path.write_bytes(labels.getvalue())
        with pytest.raises(DataError, match=r"lacks table, weights; delete .*toys-v1\.npy and run"):
            ToyWithTable(tmp_path)
        path.unlink()
        with pytest.raises(DataError, match="lacks labels, table, weights"):
            ToyWithTable(tmp_path)

    def test_tables_that_others_use_are_never_away(self, tmp_path, monkeypatch):
        self.put(tmp_path / "toys")
        tables = ToyWithTable(tmp_path).path.with_suffix(".tables.npz")
        tables.with_name("toys-v1.npy").unlink()
        unlinked = []
        real = Path.unlink
        monkeypatch.setattr(
            Path, "unlink", lambda path, **given: unlinked.append(path) or real(path, **given)
        )
        ToyWithTable(tmp_path)
        assert tables not in unlinked

    def test_the_module_builds_it(self, tmp_path):
        class ToyDataModule(FactorDataModule):
            dataset_class = Toy

        self.put(tmp_path / "toys")
        datamodule = ToyDataModule(data_dir=tmp_path, batch_size=3, split=(0.5, 0.25, 0.25))
        assert datamodule.image_shape == (1, 2, 3)
        datamodule.setup()
        batch = next(iter(datamodule.train_dataloader()))
        expected = IMAGES[batch.rows.numpy()].transpose(0, 3, 1, 2) / np.float32(255)
        assert np.array_equal(batch.image.numpy(), expected)

    def test_the_record_is_readable(self, tmp_path):
        self.put(tmp_path / "toys")
        text = Toy(tmp_path).path.with_name("toys-v1.npy.json").read_text()
        assert json.loads(text)["title"] == "Toy"

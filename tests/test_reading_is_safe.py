"""Files are read by what makes no objects of them and reads nothing but them."""

import ast
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import vaescope
from vaescope.callbacks import AtomicCheckpointIO
from vaescope.data import ArraysDataModule
from vaescope.data.files.array_files import array_pieces, headers, read_array
from vaescope.data.files.image_files import Decoder, image_size
from vaescope.data.sets.dsprites.files import read_classes
from vaescope.errors import DataError

ROOT = Path(vaescope.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
MAKE_OBJECTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
HARMLESS = {"UnpicklingError", "effective_n_jobs"}
# the one place of each call that reads more than its file, or makes what a text names
ONE_PLACE = {
    "h5py.File": "data/files/array_files.py",
    "Image.open": "data/files/image_files.py",
    "hydra.utils.instantiate": "config/loading.py",
    "yaml.load": "config/loading.py",  # by OmegaConf's safe loader: test_settings_files
    "import_module": "__init__.py cli.py config/targets.py config/trust.py "
    "reproduction/pipeline.py sweeps/preloaded.py",
    "importlib.import_module": "cli.py late_modules.py",
}
NEVER = {
    *("eval", "exec", "__import__", "os.system", "os.popen", "pydoc.locate"),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all"),
    *("torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"),
    *("logging.config.dictConfig", "logging.config.fileConfig", "runpy.run_path"),
    *("shutil.unpack_archive", "np.fromregex", "pd.read_pickle"),
}
NEVER_A_METHOD = {"extractall", "extract", "load_from_checkpoint", "read_pickle"}
MUST_SAY = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
}


def faults(tree, name):
    """What in a module's source makes objects of a file, or might."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in MAKE_OBJECTS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MAKE_OBJECTS:
            yield from (a.name for a in node.names if a.name not in HARMLESS)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            said = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if called in NEVER or called.rsplit(".", 1)[-1] in NEVER_A_METHOD:
                yield called
            if called in ONE_PLACE and name not in ONE_PLACE[called].split():
                yield called
            word, value = MUST_SAY.get(called, (None, None))
            if word is not None and said.get(word) != str(value):
                yield f"{called} without {word}={value}"
            if said.get("shell", "False") != "False":
                yield "shell=True"
            if "ckpt_path" in said and said.get("weights_only") != "True":
                yield "ckpt_path without weights_only=True"


def test_no_source_makes_objects_of_a_file():
    found = {}
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        found[name] = list(faults(ast.parse(path.read_text(encoding="utf-8")), name))
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import joblib.numpy_pickle",
        "from pickle import load, UnpicklingError",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, mmap_mode='r')",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "archive.extractall(folder)",
        "Model.load_from_checkpoint(path)",
        "trainer.fit(model, ckpt_path=path)",
        "subprocess.run(words, shell=True)",
        "h5py.File(path)",
        "hydra.utils.instantiate(node)",
    ],
)
def test_each_fault_would_be_found(code):
    assert len(list(faults(ast.parse(code), "elsewhere.py"))) == 1


def external_link(file, secret):
    file["images"] = h5py.ExternalLink(str(secret), "images")


def deep_external_link(file, secret):
    file.create_dataset("images", data=np.zeros((9, 8, 8), np.uint8))
    file.create_group("a/b")["c"] = h5py.ExternalLink(str(secret), "/")


def virtual(file, secret):
    layout = h5py.VirtualLayout((9, 8, 8), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "images", (9, 8, 8))
    file.create_virtual_dataset("images", layout)


def raw(file, secret):
    file.create_dataset("images", (9, 8, 8), np.uint8, external=[(str(secret), 0, 9 * 64)])


@pytest.mark.parametrize("kind", [external_link, deep_external_link, virtual, raw])
def test_hdf5_files_that_read_other_files_are_refused(tmp_path, kind):
    secret, path = tmp_path / "secret.h5", tmp_path / "mine.h5"
    with h5py.File(secret, "w") as file:
        file.create_dataset("images", data=np.ones((9, 8, 8), np.uint8))
    with h5py.File(path, "w") as file:
        kind(file, secret)
    module = ArraysDataModule(path=str(path), images="images", data_dir=str(tmp_path / "cache"))
    for read in (
        lambda: headers(path),
        lambda: read_array(path, "images"),
        lambda: list(array_pieces(path, "images", 0)),
        module.setup,
    ):
        with pytest.raises(DataError, match=r"mine.h5: .* lies in another file, .*secret\.h5; "):
            read()
    path = path.rename(tmp_path / "mine.hdf5")
    with pytest.raises(DataError, match="lies in another file"):
        read_classes(path)


def test_hdf5_files_with_links_of_their_own_are_read(tmp_path):
    path = tmp_path / "mine.h5"
    images = np.arange(9 * 64, dtype=np.uint8).reshape(9, 8, 8)
    with h5py.File(path, "w") as file:
        file.create_dataset("a/images", data=images)
        file["soft"], file["hard"] = h5py.SoftLink("/a/images"), file["a/images"]
        layout = h5py.VirtualLayout((9, 8, 8), np.uint8)
        layout[:] = h5py.VirtualSource(".", "a/images", (9, 8, 8))
        file.create_virtual_dataset("virtual", layout)
    for key in ("a/images", "soft", "hard", "virtual"):
        assert (read_array(path, key) == images).all()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def test_postscript_under_the_name_of_a_picture_is_not_run(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    tool = tmp_path / "gs"  # found before any Ghostscript of the machine
    tool.write_text(f"#!/bin/sh\ntouch {ran}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    picture = tmp_path / "picture.png"
    picture.write_bytes(POSTSCRIPT)
    for read in (
        lambda: image_size(picture),
        lambda: Decoder(size=8, channels=1).read(picture, "picture.png"),
        lambda: Decoder(size=8, channels=1).read(POSTSCRIPT, "picture.png"),
    ):
        with pytest.raises(DataError, match="PostScript is a program"):
            read()
    assert not ran.exists()


def test_a_checkpoint_cannot_have_other_files_removed(tmp_path):
    """Lightning's ModelCheckpoint keeps in its state which files it removes next."""
    kept = tmp_path / "kept"
    (kept / "folder").mkdir(parents=True)
    own = tmp_path / "run" / "own"
    own.mkdir(parents=True)
    (own / "a.ckpt").write_text("x")
    (kept / "b.txt").write_text("x")
    files = AtomicCheckpointIO()
    for path in (own / ".." / ".." / "kept", own / ".." / ".." / "kept" / "b.txt", kept / "folder"):
        files.remove_checkpoint(path)
    files.remove_checkpoint(f"file://{kept}/b.txt")
    files.remove_checkpoint(own / "gone.ckpt")
    assert sorted(path.name for path in kept.iterdir()) == ["b.txt", "folder"]
    files.remove_checkpoint(own / "a.ckpt")
    assert list(own.iterdir()) == []

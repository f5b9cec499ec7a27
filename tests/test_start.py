"""Help, listings and compositions start in half a second: they load no torch."""

import gc
import subprocess
import sys

import pytest

from builders.loading import loaded_by
from vaescope.cli import COMMANDS
from vaescope.commands.imports import lasting

COMPOSED = {"data": ("show",), "reproduce": ("cvpr2019",)}


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("--help",), set()),
        (("--version",), set()),
        (("data", "list"), {"hydra"}),
        *(((name, "--help"), {"hydra"}) for name in ("train", "data", "report")),
        *(
            ((name, *COMPOSED.get(name, ()), "--cfg", "job"), {"hydra"})
            for name in COMMANDS
            if name != "sweep"  # it has no configuration of its own
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_only_what_is_needed_is_loaded(words, allowed, tmp_path):
    assert loaded_by(*words, folder=tmp_path) <= allowed


@pytest.mark.parametrize("code", ["vaescope", "vaescope.streams", "vaescope.errors"])
def test_parts_without_arithmetic_load_no_torch(code, tmp_path):
    program = f"import sys, {code}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode == 0


def test_imports_that_last_are_left_alone_by_the_search_for_garbage():
    before = gc.get_freeze_count()
    with lasting():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)
    gc.unfreeze()


def test_the_search_for_garbage_goes_on_after_a_failed_import():
    with pytest.raises(ImportError), lasting():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_scipy_signal_is_loaded_when_it_is_used_and_not_before():
    program = """
import sys
from vaescope.commands.imports import lasting
with lasting():
    import torchmetrics, scipy.signal
    known = "scipy.stats" in sys.modules
    from scipy.signal import find_peaks
import scipy.signal
assert not known and find_peaks is scipy.signal.find_peaks
"""
    subprocess.run([sys.executable, "-c", program], check=True)

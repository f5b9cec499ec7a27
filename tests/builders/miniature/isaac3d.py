"""Isaac3D with two levels of each factor: 512 pictures of true size and a table of labels."""

from dataclasses import replace

from builders.miniature.falcor3d import write_rendered
from vaescope.data.sets.falcor3d_isaac3d import Isaac3D

DATASET = Isaac3D
SIZES = (2,) * 9
LABELS = "labels.npy"
PLACE = "Isaac3D_down128"


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=isaac3d", f"data_dir='{folder}'"]


def write(folder):
    write_rendered(folder / PLACE, LABELS, SIZES)


def shrink(monkeypatch, folder):
    """Have the class take what lies below ``folder`` for the published files; write it first."""
    if not (folder / PLACE).exists():
        write(folder)
    monkeypatch.setattr(DATASET, "factors", replace(DATASET.factors, sizes=SIZES))

"""Which slow packages a command loads, in a process of its own."""

import subprocess
import sys

SLOW = (
    *("torch", "pytorch_lightning", "torchmetrics", "wandb", "scipy", "sklearn", "pandas"),
    *("matplotlib", "jinja2", "PIL", "numpy", "hydra"),
)
PROGRAM = f"""
import sys
from vaescope.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop
sys.exit(" ".join(name for name in {SLOW} if name in sys.modules) or 0)
"""


def loaded_by(*words, folder):
    """Those of ``SLOW`` that ``vaescope WORDS``, run in ``folder``, has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder, capture_output=True, text=True
    )
    names = set(done.stderr.split())
    assert names <= {*SLOW}, done.stderr
    return names

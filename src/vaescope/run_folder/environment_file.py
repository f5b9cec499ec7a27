"""``environment.json``: versions, git commit, machine and command of each session of a run."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_json

NAME = "environment.json"

PACKAGES = (
    "vaescope",
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "wandb",
    "numpy",
    "scipy",
)


def environment(threads: int) -> dict[str, Any]:
    """Versions, git commit, machine and command line of this process."""
    return {
        "command": sys.argv,
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "gpu": _gpu(),
        "threads": threads,
        "git": git_state(Path(__file__).parent),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the checkout that tracks ``folder``'s files, and whether they differ; else None."""
    try:
        _git(folder, "ls-files", "--error-unmatch", str(Path(__file__)))
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def add_environment(folder: Path, threads: int) -> None:
    """Add this session to ``environment.json``: a resumed run may go on with other versions."""
    path = folder / NAME
    before = read_json(path) if path.is_file() else []
    write_json(path, [*before, environment(threads)])


def read_environments(folder: Path) -> list[dict[str, Any]]:
    """What each session of a run was made with, the first first."""
    return [dict(session) for session in read_json(folder / NAME)]


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    """Name of the GPU that torch uses, where torch is loaded and there is one."""
    torch: Any = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None


def _processor() -> str:
    """Model name of the CPU where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()

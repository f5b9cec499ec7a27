"""Files of a model in each format; none takes its place before it gives the model's numbers.

``torch.export.load`` is no format here: it unpickles what a file holds, which may be code.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vaescope.errors import ConfigError, DataError, closest
from vaescope.experiment.assembly import load_models, models_in
from vaescope.export.networks import Decoder, Encoder
from vaescope.files import replacing, write_json
from vaescope.models import LatentModel

NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "safetensors": ("safetensors",)}
FORMATS = ("onnx", "torch", "safetensors")
INSTALL = "pip install 'vaescope[export]'"
WEIGHTS, SAFE, SETTINGS = "model.pt", "model.safetensors", "config.json"


@dataclass(frozen=True)
class Exported:
    """A model to write, and what tells that it was written well.

    Attributes:
        model: in evaluation mode on the CPU.
        record: what a checkpoint holds of it besides its weights, as plain containers.
        images: of the test part ``[n, ...]``, as the model takes them.
        tolerance: largest difference that is accepted, of the largest number or of 1.
    """

    model: LatentModel
    record: Mapping[str, Any]
    images: Tensor
    tolerance: float


def require_format(name: str) -> None:
    """Refuse a format that is none, or whose packages are not installed.

    Raises:
        ConfigError: with the command that installs them.
    """
    if name not in FORMATS:
        raise ConfigError(f"format={name}{closest(name, FORMATS, 1)}")
    if lacking := [package for package in NEEDS.get(name, ()) if find_spec(package) is None]:
        raise ConfigError(f"format={name} needs {' and '.join(lacking)}: {INSTALL}")


def write_model(format: str, exported: Exported, folder: Path) -> dict[str, float]:
    """Write a model; each file is read back, and left out if it gives other numbers.

    Returns:
        The largest difference of each file on the images, by its name.

    Raises:
        DataError: a file gives other numbers than the model; nothing takes its place.
    """
    write: Callable[[Exported, Path], dict[str, float]] = {
        "onnx": _write_onnx,
        "torch": _write_torch,
        "safetensors": _write_safetensors,
    }[format]
    with torch.no_grad():
        return write(exported, folder)


def _write_torch(exported: Exported, folder: Path) -> dict[str, float]:
    with replacing(folder / WEIGHTS) as temporary:
        content = {**exported.record, "state_dict": exported.model.state_dict()}
        with temporary.open("wb") as file:
            torch.save(content, file)
        again = load_models(temporary)[0][0]
        return {WEIGHTS: _differs(WEIGHTS, exported, again)}


def _write_safetensors(exported: Exported, folder: Path) -> dict[str, float]:
    from safetensors.torch import load_file, save_file

    write_json(folder / SETTINGS, exported.record)
    with replacing(folder / SAFE) as temporary:
        state = {name: value.contiguous() for name, value in exported.model.state_dict().items()}
        save_file(state, temporary, metadata={"format": "pt"})
        content = {**exported.record, "state_dict": load_file(temporary)}
        again = models_in(content, f"checkpoint={folder / SAFE}")[0]
        return {SAFE: _differs(SAFE, exported, again)}


def _write_onnx(exported: Exported, folder: Path) -> dict[str, float]:
    found = {}
    mean = exported.model.encode(exported.images).mean
    parts: tuple[tuple[str, Encoder | Decoder, Tensor], ...] = (
        ("image", Encoder(exported.model), exported.images),
        ("codes", Decoder(exported.model), mean),
    )
    for given, module, tensor in parts:
        name = f"{type(module).__name__.lower()}.onnx"
        with replacing(folder / name) as temporary:
            _to_onnx(module.eval(), given, tensor, temporary)
            outputs = _run_onnx(temporary, given, tensor)
            found[name] = _require_close(name, module(tensor), outputs, exported.tolerance)
    return found


def _to_onnx(module: nn.Module, given: str, tensor: Tensor, path: Path) -> None:
    outputs: Any = module.outputs
    with _quiet():
        torch.onnx.export(
            module,
            (tensor[:2],),
            path,
            input_names=[given],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            external_data=False,
            verbose=False,
            dynamo=True,
        )


def _run_onnx(path: Path, given: str, tensor: Tensor) -> list[Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = path.read_bytes()  # its name does not end in .onnx yet
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(value) for value in session.run(None, {given: tensor.numpy()})]


def _differs(name: str, exported: Exported, again: LatentModel) -> float:
    """How far a model that was read back is from the one that was written."""

    def numbers(model: LatentModel) -> list[Tensor]:
        codes = model.encode(exported.images).mean
        return [codes, model.decode_mean(codes)]

    return _require_close(name, numbers(exported.model), numbers(again), exported.tolerance)


def _require_close(
    name: str, expected: Sequence[Tensor], found: Sequence[Tensor], tolerance: float
) -> float:
    """The largest difference, relative to the largest number if that is above 1."""
    differences = [
        float((one - other).abs().max() / one.abs().max().clamp(min=1))
        for one, other in zip(expected, found, strict=True)
    ]
    if not max(differences) <= tolerance:
        raise DataError(
            f"{name} is not written: what is read back differs from the model by "
            f"{max(differences):.2g} on test images, {tolerance:g} is allowed (tolerance)"
        )
    return max(differences)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's notices on its own future are nobody's business here."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

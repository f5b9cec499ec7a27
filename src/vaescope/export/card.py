"""Model card: ``README.md`` of an exported model, as hubs show it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from vaescope.data.sources import DataSource
from vaescope.escaping import for_markdown, markdown_code
from vaescope.models import LatentModel
from vaescope.scores import record_of
from vaescope.scores.lookup import table_keys

_HEAD = """---
library_name: vaescope
tags: [vae, disentanglement, representation-learning]
---
"""
_USE = {
    "onnx": """import onnxruntime
encoder = onnxruntime.InferenceSession("encoder.onnx")
mean = encoder.run(["mean"], {"image": images})[0]  # float32 [N, ...] in [0, 1] of images
decoder = onnxruntime.InferenceSession("decoder.onnx")
expected = decoder.run(["image"], {"codes": mean})[0]""",
    "torch": """import vaescope
model = vaescope.load("model.pt").model  # no code of the file is run
mean = model.encode(images).mean
expected = model.decode_mean(mean)""",
    "safetensors": """import vaescope
model = vaescope.load("model.safetensors").model  # with config.json beside it
mean = model.encode(images).mean
expected = model.decode_mean(mean)""",
}


def model_card(
    model: LatentModel,
    source: DataSource,
    settings: Mapping[str, Any],
    row: Mapping[str, Any],
    *,
    format: str,
    differences: Mapping[str, float],
    versions: Mapping[str, str],
) -> str:
    """The card as Markdown: data with licence, method, scores with chance, use, configuration.

    Args:
        model: what was exported.
        source: of the data.
        settings: the resolved configuration.
        row: final scores by log key; empty: they were not measured.
        format: of the files.
        differences: largest difference from the model on test images, by file.
        versions: of packages, by name.
    """
    method = type(model)
    title = source.title or str(settings["data"]["_target_"]).rpartition(".")[2]
    about = " ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split())
    files = "\n".join(
        f"- {markdown_code(name)}: largest difference from the model on test images {value:.1e}"
        for name, value in differences.items()
    )
    return "\n".join(
        [
            _HEAD,
            f"# {for_markdown(method.__name__)} on {for_markdown(title)}\n",
            f"{for_markdown(about)}\n",
            f"{model.latent_dim} latents, observations {list(model.image_shape)}, seed "
            f"{model.seed}, trained with vaescope {versions.get('vaescope', '')}.\n",
            f"## Data\n\n{_data(title, source)}\n",
            f"## Scores\n\n{_scores(row)}\n",
            f"## Use\n\n```python\n{_USE[format]}\n```\n\n{files}\n",
            f"## Configuration\n\n{_fenced(OmegaConf.to_yaml(OmegaConf.create(dict(settings))))}",
        ]
    )


def _data(title: str, source: DataSource) -> str:
    papers = "".join(f" {for_markdown(each)}." for each in source.publications)
    licence = for_markdown(source.licence) or "the images are computed by vaescope, or your own"
    return f"{for_markdown(title)}.{papers} Licence of the images: {licence}."


def _scores(row: Mapping[str, Any]) -> str:
    keys: Sequence[str] = table_keys([row]) if row else ()
    lines = []
    for key in keys:
        record = record_of(key)
        if isinstance(row.get(key), int | float) and not key.endswith(("_chance", "_ratio")):
            chance = row.get(f"{key}_chance")
            shown = f"{chance:.3g}" if isinstance(chance, int | float) else ""
            meaning = for_markdown(record.meaning) if record else ""
            lines.append(f"| {for_markdown(key)} | {row[key]:.4g} | {shown} | {meaning} |")
    if not lines:
        return "Not measured: the run has no scores.json for this seed."
    head = f"On {row.get('num_samples', 'its')} observations that training did not see.\n\n"
    return head + "\n".join(["| score | value | chance | meaning |", "|---|---|---|---|", *lines])


def _fenced(text: str) -> str:
    """Text as a block of code that nothing in it ends."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}yaml\n{text}{fence}\n"

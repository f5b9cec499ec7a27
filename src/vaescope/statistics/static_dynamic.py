"""Static and dynamic codes of sequences beside their static and dynamic factors."""

from dataclasses import dataclass
from itertools import product

import torch

from vaescope.metrics import static_dynamic_table
from vaescope.ranges import Count
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options
from vaescope.streams import stream

_CELLS = tuple(product(("static", "dynamic"), repeat=2))  # of a table: factors, code


@dataclass
class StaticDynamic(Options):
    """Does the static code tell the static factors alone, and the dynamic code the dynamic ones?

    Of single images. Which factors are static is said by the view (``view=sequence``), which
    latents by the method (``model=ds_vae``).
    """

    num_samples: Count = 5000  # images that are used, at most; half of them fit the probes

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Four numbers and their ``static_dynamic_gap``, each with its chance level.

        Nothing for other views and methods, and where no static or no dynamic factor varies.
        """
        static_dim = getattr(encoded.model, "static_dim", None)
        dynamic = getattr(encoded.view, "dynamic", None)
        if static_dim is None or dynamic is None or len(encoded.mean) < 4:
            return {}
        sample = encoded.sample(self.num_samples)
        is_static = torch.ones(sample.factors.shape[1], dtype=torch.bool)
        is_static[dynamic(encoded.dataset.factors)] = False
        varies = (sample.factors != sample.factors[:1]).any(0)
        if not (is_static & varies).any() or not (~is_static & varies).any():
            return {}
        order = torch.from_numpy(stream(0, "static_dynamic").permutation(len(sample.factors)))
        numbers = {}
        for end, factors in (("", sample.factors), ("_chance", sample.factors[order])):
            found = static_dynamic_table(
                sample.codes,
                factors,
                static_latents=torch.arange(sample.codes.shape[1]) < static_dim,
                static_factors=is_static,
                kinds=sample.kinds,
            )
            for (name, code), value in zip(_CELLS, found.table.flatten().tolist(), strict=True):
                numbers[f"{name}_from_{code}{end}"] = value
            numbers[f"static_dynamic_gap{end}"] = found.gap
        return encoded.by_log_key(numbers)

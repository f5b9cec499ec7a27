"""Table 1 of the CVPR 2019 paper: lines of untrained decoders."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaescope.reproduction.results import Result
from vaescope.reproduction.tables import Line, line_of


def random_decoder(part: str, result: Result, plan: Mapping[str, Any]) -> Iterator[Line]:
    """Table 1, DtO of an untrained decoder: a diagonal model before its first update."""
    data, _, method = result.run.name.removeprefix("table1_").rpartition("_")
    if part != "table1" or method != "vae" or data == "dsprites":
        return
    data = data.removesuffix("_beta")
    evaluations = result.evaluations("align/dto", only=0)
    if 0 in evaluations:
        yield line_of(
            f"{data}, random decoder",
            "dto",
            plan["printed"]["random_decoder"][data],
            evaluations[0],
            chance=result.values("test/dto_chance"),
            setting="depends on the initialisation, which is not printed",
        )

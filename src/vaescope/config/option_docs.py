"""What an option of a group is, read from its file or from the source of its class: no import."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import vaescope
from vaescope.config.loading import config_dir, read_settings


def about_option(group: str, name: str) -> str:
    """The comment that an option's file begins with, or what the docstring of its class does.

    Args:
        group: its name.
        name: of the option.

    Returns:
        One line; nothing for a file that is not vaescope's own.
    """
    path = Path(config_dir(), group, f"{name}.yaml")
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in takewhile(lambda line: line.startswith("#"), lines):
        if not line.startswith("# @package"):
            return line[1:].strip()
    return _first_line(_class_named(path))


def _class_named(path: Path) -> str:
    """The dotted name that a file of ``conf/`` has, or the first file that it builds on."""
    node: Any = read_settings(path)
    node = node if "_target_" in node else node.get(path.stem, node)
    if isinstance(node, dict) and "_target_" in node:
        return str(
            node["path"] if node["_target_"] == "hydra.utils.get_class" else node["_target_"]
        )
    before = node.get("defaults", []) if isinstance(node, dict) else []
    others = [path.parent / f"{each}.yaml" for each in before if isinstance(each, str)]
    return next((_class_named(each) for each in others if each.is_file()), "")


def _first_line(dotted: str) -> str:
    """What a docstring of vaescope's begins with; the name itself of anything else."""
    home, _, name = dotted.rpartition(".")
    if not home.startswith("vaescope."):
        return dotted
    place = Path(vaescope.__file__).parent.joinpath(*home.split(".")[1:])
    module = place.with_suffix(".py")
    begins = re.compile(rf'^(?:class|def) {name}\b.*?:\n +r?"""(.*?)\.?(?:"""|\n)', re.M | re.S)
    for path in [module] if module.is_file() else sorted(place.rglob("*.py")):
        if found := begins.search(path.read_text(encoding="utf-8")):
            return found[1].replace("``", "")
    return dotted

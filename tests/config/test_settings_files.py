"""Settings are read faster than by OmegaConf, and as it reads them."""

import io

import pytest
from omegaconf import OmegaConf

from vaescope.config.loading import read_settings
from vaescope.errors import DataError

TEXTS = (
    *("a: 1e3", "a: 1_000", "a: 2020-01-01", "a: .nan", "a: on", "a: 0x1f", "a: 017", "a: 1:30"),
    *("a: |\n  x\n  y", "a: ~", "a: {b: [1, {c: 2.5}]}", "a: 1e400", "a: é", 'a: "\\u00e9"'),
    *("a: ${b}\nb: 1", "a: '${oc.env:HOME}'", "a: '\\${x}'", "a: $$", "a: ${", "a: ${b"),
    *("1: a", "null: 3", "true: 3", "a: 1\na: 2", "? [1, 2]\n: 3", "- 1", "abc", "", "a: 1\n--- 2"),
    *(
        "a: !!set {x, y}",
        "a: !!binary aGk=",
        "a: !!python/object:os.system x",
        "a: [1",
        "a:\n\t- b",
    ),
)


@pytest.mark.parametrize("text", TEXTS)
def test_settings_are_those_that_omegaconf_reads(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        node = OmegaConf.load(io.StringIO(text))
        expected = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_dict(node) else None
    except Exception:  # of YAML and of OmegaConf
        expected = None
    if expected is None:
        with pytest.raises(DataError):
            read_settings(path)
    else:
        assert repr(read_settings(path)) == repr(expected)

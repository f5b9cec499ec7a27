"""Words without a key: what each command takes them for, and what a wrong one is told."""

import pytest

from vaescope.commands.plain_words import flags_last, with_keys
from vaescope.errors import RunFolderError


@pytest.mark.parametrize(
    ("words", "keyed"),
    [
        ("data action=show dsprites", "data=dsprites action=show"),
        ("data action=verify shapes3d threads=1", "data=shapes3d action=verify threads=1"),
        ("diagnose dsprites beta=4", "data=dsprites beta=4"),
        ("modify panels", "data=panels"),
        ("evaluate runs/a split=val", "checkpoint=runs/a/checkpoints/last.ckpt split=val"),
        ("evaluate a.ckpt", "checkpoint=a.ckpt"),
        ("evaluate codes.npz", "codes=codes.npz"),
        ("evaluate codes.parquet codes_file=a.npz", "codes=codes.parquet codes_file=a.npz"),
        ("evaluate runs/set", "codes=runs/set"),
        ("export runs/a --cfg job", "run=runs/a --cfg job"),
        ("train --cfg job seed=1 ~view +x=1", "--cfg job seed=1 ~view +x=1"),
    ],
)
def test_a_word_without_a_key_gets_it(words, keyed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "set").mkdir()
    for name in ("a.ckpt", "codes.npz", "codes.parquet", "runs/set/state.json"):
        (tmp_path / name).touch()
    command, *rest = words.split()
    assert with_keys(command, rest) == keyed.split()


def test_flags_stand_behind_settings_for_argparse():
    words = ["data=tiny", "-m", "seed=0,1", "--cfg", "job", "--info", "model=vae"]
    flags = ["-m", "--cfg", "job", "--info"]
    assert flags_last(words) == ["data=tiny", "seed=0,1", "model=vae", *flags]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("evaluate runs/b1", "no run or file runs/b1; did you mean 'b12'"),
        ("export runs/b1", "no run or file runs/b1; did you mean 'b12'"),
        ("report runs/b1", "no folder runs/b1; did you mean 'b12'"),
        ("train runs/b12", "a run goes on with resume=runs/b12"),
        ("train dsprite", "did you mean data=dsprites"),
        ("train threads", "it needs a value: threads=VALUE"),
        ("diagnose dsprites beta", "diagnose: beta needs a value: beta=VALUE"),
        ("train vae", "did you mean model=vae"),
        ("data action=list dsprites", "data show dsprites"),
        ("diagnose runs", "data=image_folder data.path=runs"),
        ("diagnose dsprites digits", "takes one word"),
        ("dashboard xyzxyz", "key=value"),
    ],
)
def test_a_wrong_word_is_told_what_is_near(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "b12").mkdir(parents=True)
    command, *rest = words.split()
    with pytest.raises(RunFolderError, match=told):
        with_keys(command, rest)

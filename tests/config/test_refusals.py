"""Which errors are the user's to mend, and what is said then."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from vaescope.config.composing import composed
from vaescope.config.refusals import refusal
from vaescope.errors import ConfigError, DataError, VaescopeError, first_line


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whichever it is
        call()
    return caught.value


def of_the_disk(number, name="/some/where"):
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some"),
        (errno.EACCES, "you may read and write"),
        (errno.EROFS, "choose a folder that can be written"),
        (errno.ENOTDIR, "a part of this path is a file"),
        (errno.EISDIR, "give a file, not a folder"),
        (errno.EEXIST, "a file is where a folder should be"),
        (errno.ENOENT, "check the path"),
        (errno.ENAMETOOLONG, "give a shorter one"),
        (errno.EIO, ""),
    ],
)
def test_the_disk_says_where_and_why(number, advice):
    told = refusal(of_the_disk(number))
    assert isinstance(told, DataError)
    assert str(told).startswith(f"/some/where: {os.strerror(number)}")
    assert advice in str(told)


def test_what_the_machine_really_raises(tmp_path):
    (tmp_path / "file").touch()
    for call in (
        lambda: (tmp_path / "file" / "below").mkdir(),
        lambda: (tmp_path / "file").mkdir(),
        lambda: (tmp_path / ("x" * 300)).mkdir(),
        lambda: (tmp_path / "none" / "x").open("w"),
        lambda: tmp_path.open("w"),
        lambda: Path("~no_such_user/x").expanduser(),
        lambda: np.zeros(2**60),
        lambda: np.zeros(2**62),
        lambda: torch.zeros(2**50),
        lambda: torch.zeros(2**62, 2**30),
    ):
        error = raised(call)
        told = refusal(error)
        assert isinstance(told, VaescopeError), repr(error)
        assert len(str(told).splitlines()) == 1
    assert "not enough memory" in str(told)


def test_other_libraries():
    told = refusal(MisconfigurationException("You requested 3 GPUs.\nBut none is here."))
    assert isinstance(told, ConfigError)
    assert str(told) == "config.trainer: You requested 3 GPUs."
    link = raised(lambda: OmegaConf.create({"a": "${b}"}).a)
    assert isinstance(link, OmegaConfBaseException)
    assert "'b' not found" in str(refusal(link))
    assert str(refusal(HydraException("no such thing"))) == "no such thing"
    missing = MissingConfigException("Could not find 'model/vea'", "model/vea", ["vae", "pcl"])
    assert str(refusal(missing)) == "there is no model=vea; did you mean 'vae'?"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sed=3", "config: there is no 'sed'; did you mean 'seed'?"),
        ("modle=vae", "config: there is no 'modle'; did you mean 'model'?"),
        ("~sed", "config: there is no 'sed'; did you mean 'seed'?"),
        ("~foo", "config: there is no 'foo'"),
        ("model.bta=3", "config: there is no 'model.bta'; did you mean 'beta'?"),
        ("model=beta_vea", "there is no model=beta_vea; did you mean 'beta_vae'?"),
        ("seed=a", "config.seed: a is not an integer from 0 to 4,294,967,295"),
        ("ensemble.size=nan", "config.ensemble.size: nan is not an integer from 1 to 1,000"),
        ("ema=0.9", "config.ema: 0.9 was given; what can be set is ema.decay"),
        ("ema=null", "config.ema: null was given; what can be set is ema.decay"),
        (
            "seed=0,1",
            "seed=0,1 gives several values; add -m for a sweep of them, or for a list write "
            "'seed=[0,1]'",
        ),
        ("seed=range(2)", "seed=range(2) gives several values; add -m for a sweep of them"),
        ("+seed=1", "there is seed already; leave out the +"),
        ("published=3", "config.published: 3 is not keys with values, {key: value}"),
        ("published=[a]", "config.published: [a] is not keys with values, {key: value}"),
        ("published={a:1}", "config: there is no 'published.a'; +published=... adds it"),
        ("model={betta:3}", "config: there is no 'model.betta'; did you mean 'beta'?"),
        ("ensemble={siz:3}", "config: there is no 'ensemble.siz'; did you mean 'size'?"),
        ("ema=[2]", "config.ema: [2] was given; what can be set is ema.decay"),
    ],
)
def test_a_key_or_an_option_that_is_not_there_is_one_sentence(word, told):
    with pytest.raises(ConfigError) as found:
        composed("train", [word])
    assert str(found.value) == told


def test_a_key_like_no_other_is_told_those_that_there_are():
    with pytest.raises(ConfigError, match="there is no 'foo'; it takes csv, data_dir, group_by, "):
        composed("report", ["foo=3"])


def test_our_own_errors_stay_what_they_are():
    error = DataError("as it is")
    assert refusal(error) is error


@pytest.mark.parametrize(
    "error",
    [
        KeyError("third"),
        TypeError("'int' object is not iterable"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("a statistic was wrong"),
        AssertionError(),
        OSError("without a number"),
        ZeroDivisionError(),
    ],
)
def test_faults_of_the_program_are_none_of_the_users(error):
    assert refusal(error) is None


def test_a_value_where_a_list_belongs_is_told_how_to_write_it():
    composed = OmegaConf.structured({"scores": ["a"]})
    error = raised(lambda: OmegaConf.merge(composed, {"scores": {"a": 1}}))
    assert "a list is written in brackets: key=[value]" in str(refusal(error))


@pytest.mark.parametrize(
    ("error", "told"),
    [(MemoryError(), "MemoryError"), (ValueError("\n a\nb"), "a"), (KeyError("k"), "'k'")],
)
def test_an_error_is_told_in_one_line_also_if_it_says_nothing(error, told):
    assert first_line(error) == told


@pytest.mark.parametrize(
    ("command", "word", "told"),
    [
        ("evaluate", "data=tiny", "there is no group 'data' here; --help lists what the command"),
        ("evaluate", "model.beta=4", "config: there is no 'model'; did you mean 'codes'?"),
        ("report", "trainer.accelerator=gpu", "config: there is no 'trainer'; it takes csv, "),
    ],
)
def test_a_group_of_another_command_is_told_as_such(command, word, told):
    with pytest.raises(ConfigError) as found:
        composed(command, [word])
    assert str(found.value).startswith(told)

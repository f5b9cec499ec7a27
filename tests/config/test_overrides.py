"""Names of files and folders on the command line mean themselves."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from vaescope.config.loading import build, unlinked
from vaescope.config.overrides import path_of, text_of, with_literal_paths, word

TEXTS = st.text(
    st.sampled_from("\\'\",=[]()%#: ab12_e.$`é日@+") | st.characters(exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=12,
).filter(
    lambda text: (
        text.strip() == text
        and "/" not in text
        and text not in (".", "..")
        and os.path.expanduser(text) == text  # ~ is the user's folder, whatever is called so
    )
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    before, folder = os.getcwd(), tmp_path_factory.mktemp("names")
    os.chdir(folder)
    yield folder
    os.chdir(before)


def read(words):
    """What Hydra makes of one word."""
    (each,) = words
    return text_of(each.partition("=")[2])


@settings(deadline=None)
@given(TEXTS)
@example("2024_01")
@example("it's")
@example("1e5")
@example("true")
@example("'quoted'")
def test_a_name_that_exists_means_itself(here, text):
    Path(text).touch()
    assert read(with_literal_paths([f"checkpoint={text}"])) == text
    assert read(with_literal_paths([f"+data.path={text}"])) == text
    assert path_of(text) == Path(text)
    Path(text).unlink()


@pytest.mark.parametrize(
    "text", ["it's/run", "a=1/b", "2024_02", "a,b", "[a]", "日本", "a(b", "1e5"]
)
def test_a_name_to_be_made_is_a_text(here, text):
    assert read(with_literal_paths([f"hydra.run.dir={text}"])) == text


@pytest.mark.parametrize(
    "typed",
    [
        *("checkpoint='a b'", "checkpoint=null", "output_dir=${hydra:runtime.output_dir}"),
        *(
            "hydra.run.dir=outputs/${now:%Y}",
            "runs=[a,b]",
            "runs=[]",
            "model.beta=1,2",
            "data_dir=",
        ),
        *("checkpoint=a\\=b", "-m", "--cfg", "logger.wandb.project=it's", 'codes="it\'s"'),
    ],
)
def test_what_hydra_reads_as_it_is_meant_stays(here, typed):
    assert with_literal_paths([typed]) == [typed]


def test_lists_and_sweeps_are_parted_at_their_commas(here):
    assert with_literal_paths(["runs=[it's, a=1,2024_01]"]) == ["runs=['it\\'s','a=1','2024_01']"]
    assert with_literal_paths(["runs=['x,y',z]"]) == ["runs=['x,y',z]"]
    for typed, made in (
        ("data_dir=a,b", "data_dir=a,b"),
        ("data_dir=2024_01,it's", "data_dir='2024_01','it\\'s'"),
        ("data_dir=choice(a,b)", "data_dir=choice(a,b)"),
        ("data_dir=a", "data_dir=a"),
    ):
        assert with_literal_paths([typed], swept=True) == [made]
    Path("c,d").mkdir()
    assert with_literal_paths(["runs=[a,c,d]"]) == ["runs=[a,'c,d']"]
    assert with_literal_paths(["data_dir=c,d,e"], swept=True) == ["data_dir='c,d',e"]


def test_home_is_known(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    assert read(with_literal_paths(["output_dir=~/runs"])) == f"{here}/runs"
    assert path_of("~/runs") == here / "runs"


def test_a_name_that_was_quoted_for_hydra_is_understood():
    assert path_of("'a b'") == Path("a b")
    assert path_of("a\\=b") == Path("a=b")
    assert word("resume", Path("it's")) == "resume='it\\'s'"


def test_settings_with_a_link_s_sign_are_built_as_they_are():
    text = "a\\${x} ${y}"
    node = {"_target_": "pathlib.PurePosixPath", "_args_": [text]}
    assert str(build(node, "data")) == text
    assert list(OmegaConf.create({"a": unlinked([text])}).a) == [text]

"""What a user is told about a configuration that cannot work."""

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from vaescope.config.checks import check, problems
from vaescope.config.incompatible import VIEWS
from vaescope.config.loading import build, config_dir
from vaescope.config.targets import locate
from vaescope.errors import ConfigError, DataError, VaescopeError


def found(node):
    return list(problems(OmegaConf.create(node)))


def told(composed):
    with pytest.raises(ConfigError) as refusal:
        check(composed)
    return str(refusal.value)


def refuse(message="no", error=ValueError):
    raise error(message)


def refuse_data():
    refuse("the file is missing; get it with CURL", DataError)


def number(value: int = 1) -> int:
    return value


def two_words(first: str, second: str = "b") -> str:
    return first + second


def plain_types(*, words: list, table: dict) -> tuple:
    return type(words), type(table), type(table["inner"])


HERE = __name__


def test_a_correct_configuration_has_none(config):
    check(config())
    assert list(problems(config())) == []


def test_all_mistakes_are_listed_at_once(config):
    composed = config(
        "+model.betta=3",
        "data.batch_size=many",
        "latent_dim=0",
        "trainer.max_steps=1.5",
        "callbacks.finite._target_=vaescope.callbacks.FiniteTerm",
        "seed=-1",
        "threads=0",
    )
    text = told(composed)
    assert text.startswith("7 mistakes in the configuration:\n  - ")
    assert len(text.splitlines()) == 8
    for line in (
        "config.model.betta: vaescope.models.BetaVAE takes no 'betta'; did you mean 'beta'?",
        "config.data.batch_size: 'many' is not an integer from 1 to 1,000,000,000",
        "config.trainer.max_steps: 1.5 is not -1 or an integer from 1 to 1,000,000,000",
        "config.callbacks.finite._target_: there is no vaescope.callbacks.FiniteTerm; "
        "did you mean 'FiniteTerms'?",
        "config.latent_dim: 0 is not an integer from 1 to 4,096",
        "config.seed: -1 is not an integer from 0 to 4,294,967,295",
        "config.threads: 0 is not an integer from 1 to 1,024 or null",
    ):
        assert f"  - {line}" in text.splitlines()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.beta=big"], "config.model.beta: 'big' is not a number"),
        (["model.beta=true"], "config.model.beta: True is not a number"),
        (
            ["model.initial_beta=x"],
            "config.model.initial_beta: 'x' is not a number from 0 to 1,000,000,000 or null",
        ),
        (["model.anneal_steps=2.5"], "config.model.anneal_steps: 2.5 is not an integer"),
        (["data.batch_size=null"], "config.data.batch_size: None is not an integer"),
        (["data.batch_size=???"], "config.data.batch_size: no value given"),
        (["callbacks.progress.bar=1"], "config.callbacks.progress.bar: 1 is not true or false"),
        (["logger.wandb.project=3"], "config.logger.wandb.project: 3 is not text"),
        (
            ["network.initialisation=xavier"],
            "config.network.initialisation: 'xavier' is not one of 'glorot', 'torch'",
        ),
        (
            ["posterior=point"],
            "config: posterior=Point does not go with BetaVAE, "
            "which works with DiagonalGaussian, FullGaussian, DiagonalLaplace, Box: its KL is that "
            "of a density",
        ),
        (
            ["model=autoencoder", "posterior=full"],
            "config: posterior=FullGaussian does not go with Autoencoder, which works with Point: "
            "it has no noise and no KL",
        ),
        (
            ["model=autoencoder", "prior=laplace"],
            "config: prior=Laplace does not go with Autoencoder, which works with StandardNormal: "
            "it has no noise and no KL",
        ),
        (
            ["prior=uniform", "posterior=diagonal"],
            "config: prior=UniformCube does not go with posterior=DiagonalGaussian, which has mass "
            "where it has none, so that the KL is infinite; choose Box",
        ),
        (
            ["model=beta_tc_vae", "posterior=box"],
            "config: posterior=Box does not go with BetaTCVAE, which works with DiagonalGaussian, "
            "FullGaussian, DiagonalLaplace: the density of q(z) has to have a slope",
        ),
        (
            ["posterior.path=vaescope.distributions.posteriors.Diagonal"],
            "config.posterior: vaescope.distributions.posteriors.Diagonal is not a "
            "posterior family",
        ),
        (["latent_dim=-3"], "config.latent_dim: -3 is not an integer from 1 to 4,096"),
        (
            ["+likelihood.variance=1.0"],
            "config.likelihood.variance: vaescope.distributions.likelihoods.Bernoulli takes no "
            "'variance'; it takes nothing",
        ),
        (
            ["model._target_=vaescope.model.VAE"],
            "config.model._target_: there is no vaescope.model.VAE",
        ),
        (
            ["+optimizer.learning_rate=1"],
            "config.optimizer.learning_rate: torch.optim.Adam takes no 'learning_rate'",
        ),
    ],
)
def test_each_mistake_is_told_with_its_key(config, overrides, message):
    assert told(config(*overrides)).startswith(message)


def of_a_user(folder, text):
    """Overrides that choose an experiment file written by a user."""
    (folder / "experiment").mkdir()
    (folder / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}\n")
    return [f"hydra.searchpath=[file://{folder}]", "experiment=mine"]


def test_typos_inside_yaml_files_are_told(config, tmp_path):
    text = told(config(*of_a_user(tmp_path, "model: {bta: 3}\ntrainer: {max_stps: 3}")))
    assert "BetaVAE takes no 'bta'; did you mean 'beta'?" in text
    assert "Trainer takes no 'max_stps'; did you mean 'max_steps'?" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latent_dimm: 3", "Key 'latent_dimm' not in 'TrainSchema'"),
        ("seed: x", "'x' of type 'str'"),
    ],
)
def test_the_root_takes_only_its_own_keys_and_types(config, tmp_path, text, message):
    with pytest.raises(ConfigCompositionException, match=message):
        config(*of_a_user(tmp_path, text))


def test_mistakes_inside_lists_and_mappings_have_a_path():
    node = {"steps": [{"_target_": f"{HERE}.number"}, {"_target_": f"{HERE}.number", "valeu": 2}]}
    assert found(node) == [
        f"config.steps[1].valeu: {HERE}.number takes no 'valeu'; did you mean 'value'?"
    ]
    assert found({"a": {"b": {"_target_": f"{HERE}.number", "value": "x"}}}) == [
        "config.a.b.value: 'x' is not an integer"
    ]


def test_an_argument_without_a_value_is_missed():
    assert found({"a": {"_target_": f"{HERE}.two_words"}}) == [
        f"config.a.first: {HERE}.two_words needs it"
    ]
    assert found({"a": {"_target_": f"{HERE}.two_words", "_partial_": True}}) == []


def test_values_by_interpolation_are_checked_too():
    root = OmegaConf.create({"n": "x", "a": {"_target_": f"{HERE}.number", "value": "${n}"}})
    assert list(problems(root)) == ["config.a.value: 'x' is not an integer"]


@pytest.mark.parametrize("key", ["_taget_", "_target", "target_", "_traget_"])
def test_a_misspelt_target_is_noticed(key):
    (problem,) = found({"a": {key: f"{HERE}.number"}})
    assert problem == f"config.a: has no _target_; did you mean it by {key}?"


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_for_vaescope.py").write_text("import not_there_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    (problem,) = found({"a": {"_target_": "broken_for_vaescope.Thing"}})
    assert problem.startswith("config.a._target_: importing broken_for_vaescope.Thing fails")
    assert "not_there_at_all" in problem


def test_a_function_comes_before_the_module_of_its_name():
    from vaescope.networks.convolutional import conv64

    assert locate("vaescope.networks.conv64") is conv64
    assert locate("vaescope.networks.conv64.conv64") is None
    assert locate("vaescope.models.VAE.terms").__name__ == "terms"
    assert locate("not_there_at_all.Thing") is None


@pytest.mark.parametrize("node", [None, {}, {"beta": 1}, [1], "text"])
def test_build_needs_a_target(node):
    with pytest.raises(ConfigError, match=r"^config\.model: has no _target_, so there is nothing"):
        build(node, "model")


@pytest.mark.parametrize("given", [{}, {"message": "too small"}])
def test_build_names_the_key_and_the_root_cause(given):
    with pytest.raises(ConfigError) as refusal:
        build({"_target_": f"{HERE}.refuse"}, "callbacks.x", **given)
    assert str(refusal.value) == f"config.callbacks.x: {given.get('message', 'no')}"


def test_build_names_the_root_cause_inside_a_nested_node():
    inner = {"_target_": f"{HERE}.refuse", "message": "deep"}
    with pytest.raises(ConfigError, match=r"^config\.a: deep$"):
        build({"_target_": f"{HERE}.two_words", "first": inner}, "a")


def test_build_leaves_errors_that_are_not_the_configurations():
    with pytest.raises(DataError, match=r"^the file is missing; get it with CURL$"):
        build({"_target_": f"{HERE}.refuse_data"}, "data")


def test_build_tells_a_constructors_refusal(config):
    with pytest.raises(
        ConfigError, match=r"^config\.likelihood: variance=-1: give a number above 0"
    ):
        build(
            {"_target_": "vaescope.distributions.likelihoods.Gaussian", "variance": -1},
            "likelihood",
        )
    assert issubclass(ConfigError, VaescopeError)


def test_objects_get_plain_containers():
    node = {"_target_": f"{HERE}.plain_types", "words": ["a"], "table": {"inner": {"b": 1}}}
    assert build(OmegaConf.create(node), "x") == (list, dict, dict)


def test_arguments_given_by_code_arrive_as_they_are():
    thing = object()
    assert build({"_target_": f"{HERE}.number"}, "x", value=thing) is thing


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.batch_size=${nope}"], "config.data.batch_size: Interpolation key 'nope' not found"),
        (["data.split=[0.5,a]"], "config.data.split: [0.5, 'a'] is not"),
        (["optimizer.lr=fast"], "config.optimizer.lr: 'fast' is not"),
        (["++callbacks.pictures=3"], "config.callbacks.pictures: 3 describes no object"),
        (["~callbacks.progress._target_"], "config.callbacks.progress: has no _target_"),
        (["model.anneal_steps=a"], "config.model.anneal_steps: 'a' is not an integer"),
        (["seed=-1"], "config.seed: -1 is not an integer from 0 to 4,294,967,295"),
    ],
)
def test_mistake_is_named(config, words, message):
    assert message in told(config(*words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+foo=3"], "config: there is no 'foo'"),
        (
            ["sampling=correlated", "data.sampling.sigma=0"],
            "sampling.sigma: 0 is not a number above",
        ),
        (["~channels_last"], "config.channels_last: was taken out by ~channels_last"),
        (["trainer.max_time=[a]"], "config.trainer.max_time: ['a'] is not text or"),
        (["+laten_dim=3"], "config: there is no 'laten_dim'; did you mean 'latent_dim'?"),
        (["+ensemble.sze=3"], "config.ensemble: there is no 'sze'; did you mean 'size'?"),
        (["ensemble.size=0"], "config.ensemble.size: 0 is not an integer from 1 to 1,000"),
        (["threads=1000000"], "config.threads: 1000000 is not an integer from 1 to 1,024 or null"),
        (["latent_dim=1000000000"], "config.latent_dim: 1000000000 is not an integer from 1"),
        (["latent_dim=${nope}"], "config.latent_dim: Interpolation key 'nope' not found"),
        (["trainer.gradient_clip_val=-1"], "config.trainer.gradient_clip_val: -1 is not a number"),
        (["trainer.gradient_clip_val=nan"], "config.trainer.gradient_clip_val: nan is not"),
        (["callbacks.pictures.extent=inf"], "config.callbacks.pictures.extent: inf is not"),
        (["optimizer.betas=[0.9,1.0]"], "is not a list of 2, each a number from 0 to below 1"),
        (["optimizer.betas=[0.9]"], "config.optimizer.betas: [0.9] is not a list of 2"),
        (["optimizer.lr=-1e-3"], "config.optimizer.lr: -0.001 is not a number from 0 to"),
        (["logger.wandb.project=''"], "config.logger.wandb.project: '' is not text"),
        (["data_dir=''"], "config.data_dir: '' is not text or null"),
        (["trainer.precision=16"], "16 is short for 16-mixed: write that"),
        (["trainer.precision=bf16"], "bf16 is short for bf16-mixed: write that"),
        (["trainer.precision='64'"], "64 is short for 64-true: write that"),
        (["trainer.precision=bf16-true"], "it would round latents and losses as well"),
        (
            ["model=ada_gvae", "~view"],
            "from a second image, which single images do not have",
        ),
        (
            ["model=triplet_vae", "view=pairs_strict"],
            "third image, which this view does not have",
        ),
        (["model=tcl", "view=pairs_strict"], "choose view=groups or view=labels, or another"),
        (["model=s2_beta_vae", "~view"], "choose view=labelled, or another method"),
    ],
)
def test_what_was_accepted_in_silence(config, words, message):
    text = told(config(*(["experiment=tiny"] if "model" in words[0] else []), *words))
    assert "mistake" not in text  # one sentence
    assert message in text


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_are_advised_give_what_is_said(name):
    option = OmegaConf.load(Path(config_dir(), "view", f"{name}.yaml"))
    assert VIEWS[name] == set(locate(option._target_).gives)


def test_a_group_of_many_that_is_no_mapping(config):
    composed = config("experiment=tiny")
    composed.callbacks = 3
    assert "config.callbacks: 3 was given; choose options of the group, or []" in told(composed)


@pytest.mark.parametrize("name", ["evaluate", "data", "diagnose", "audit", "report", "reproduce"])
def test_every_command_has_a_strict_root(config, name):
    action = ["action=list"] if name == "data" else []
    check(config(*action, name=name))
    with pytest.raises(ConfigError, match="config: there is no 'foo'"):
        check(config(*action, "+foo=3", name=name))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("paper.parts.figure6=1.5", "figure6"),
        ("paper.differs=-1e30", "differs"),
        ("paper.sweeps.figure5_dsprites=text", "figure5_dsprites"),
        ("jobs=text", "jobs"),
    ],
)
def test_a_paper_that_is_none(config, word, told):
    with pytest.raises(ConfigCompositionException, match=told):
        config(word, name="reproduce")


def test_members_need_seeds_and_a_run_an_end(config):
    text = told(config("experiment=tiny", "seed=4294967295", "ensemble.size=2"))
    assert "config.seed: 4294967295 leaves no seeds for 2 members" in text
    check(config("experiment=tiny", "seed=4294967294", "ensemble.size=2"))
    endless = ("experiment=tiny", "trainer.max_steps=-1", "trainer.max_epochs=-1")
    assert "nothing else ends the run" in told(config(*endless))
    check(config(*endless, "trainer.max_time=00:01:00:00"))
    stopping = "pytorch_lightning.callbacks.EarlyStopping"
    check(config(*endless, f"+callbacks.stop={{_target_: {stopping}, monitor: val/loss}}"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["likelihood._target_=torch.nn.ReLU"],
            "config.likelihood: torch.nn.ReLU is no likelihood",
        ),
        (["prior._target_=torch.nn.ReLU"], "config.prior: torch.nn.ReLU is no prior"),
        (
            ["+callbacks.x._target_=torch.nn.ReLU"],
            "config.callbacks.x: torch.nn.ReLU is no callback",
        ),
        (["+logger.x._target_=torch.nn.ReLU"], "config.logger.x: torch.nn.ReLU is no logger"),
        (["+statistics.x._target_=torch.nn.ReLU"], "config.statistics.x: torch.nn.ReLU is no stat"),
        (
            ["+statistics.x._target_=pytorch_lightning.callbacks.RichProgressBar"],
            "RichProgressBar is no statistic",
        ),
        (
            ["optimizer._target_=collections.OrderedDict"],
            "config.optimizer: collections.OrderedDict",
        ),
        (["trainer._target_=collections.OrderedDict"], "is no trainer: it has no fit"),
        (["data._target_=collections.OrderedDict"], "is no data module: it has no setup"),
        (["model._target_=collections.OrderedDict"], "is no method"),
    ],
)
def test_objects_of_another_kind_are_named(config, words, message):
    assert message in told(config("experiment=tiny", *words))

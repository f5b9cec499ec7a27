"""Every file of ``conf/``: it composes, has no problems, builds, and says what its class says."""

import dataclasses
import inspect
from collections import defaultdict
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

from builders import composition
from builders.miniature import arrays
from builders.thinned import thinned
from vaescope.config import groups
from vaescope.config.checks import GIVEN_BY_CODE, RESERVED, check, problems
from vaescope.config.loading import build, config_dir, resolved
from vaescope.config.targets import locate
from vaescope.errors import ConfigError
from vaescope.experiment.assembly import build_model
from vaescope.minibatch import Batch, Known
from vaescope.statistics import GroupStatistic

CONF = Path(config_dir())
GROUPS = defaultdict(list)
for _path in sorted(CONF.glob("*/*.yaml")):
    if _path.parent.name != "local":  # a machine's own, git-ignored
        GROUPS[_path.parent.name].append(_path.stem)
GROUPS.pop("wandb_sweep")  # read by wandb alone
PAPERS = GROUPS.pop("paper")  # of ``reproduce`` alone, and no objects
OPTIONS = [(group, option) for group, options in GROUPS.items() for option in options]
ROOTS = {path.stem: yaml.safe_load(path.read_text()) for path in CONF.glob("[!_]*.yaml")}
MANY = {
    group
    for root in ROOTS.values()
    for entry in root["defaults"]
    if isinstance(entry, dict)
    for group, choice in entry.items()
    if isinstance(choice, list)
}


def raw(group, option):
    return yaml.safe_load((CONF / group / f"{option}.yaml").read_text()) or {}


def whole(group, option):
    """What a file says together with the part that all of its group share."""
    node = raw(group, option)
    shared = [word for word in node.get("defaults", ()) if str(word).startswith("/_")]
    parts = [CONF / f"{word[1:].removesuffix('@_here_')}.yaml" for word in shared]
    return {k: v for part in parts for k, v in yaml.safe_load(part.read_text()).items()} | node


# data sets whose shape the user's own file or another set decides
OF_THE_USER = ("arrays", "image_folder", "modified", "uniform_noise")


def kinds_of_data():
    """One data set for each shape of observations and choice of what goes with it."""
    kinds = {}
    for option in DATA:
        node = raw("data", option)
        parents = [entry for entry in node.get("defaults", ()) if entry in DATA]
        if parents:
            continue
        chosen = [entry for entry in node.get("defaults", ()) if isinstance(entry, dict)]
        overrides = [entry for entry in chosen if "/data@original" not in entry]
        module = build({"_target_": node["_target_"]}, "data")
        shape = None if option in OF_THE_USER else module.image_shape
        kinds.setdefault((shape, str(overrides)), option)
    return list(kinds.values())


# a file of differences to a whole configuration, not of one object
DIFFERENCES = set(groups.DIFFERENCES)
SUBSETS = ("pytorch_lightning.", "torch.optim.")
# objects that are arguments of the data module; their files say so by their package
OF_DATA = groups.OF_DATA
MODELS, DATA = GROUPS["model"], GROUPS["data"]
KINDS_OF_DATA = kinds_of_data()
KNOWN = {
    g.removeprefix("optional ")
    for e in ROOTS["train"]["defaults"]
    if isinstance(e, dict)
    for g in e
}


def chosen(group, option):
    """Overrides that choose one option as a user would."""
    if group == "posterior":
        return [f"posterior={option}", f"model={model_for(option)}"]
    new = "" if group in KNOWN else "+"
    return [f"{group}=[{option}]" if group in MANY else f"{new}{group}={option}"]


def of_data(option, folder):
    """Overrides that choose a data set; a user's own needs a file."""
    if option != "arrays":
        return [f"data={option}"]
    if not arrays.path(folder).exists():
        arrays.write(folder)
    return arrays.overrides(folder)


def model_for(posterior):
    """A model that takes this posterior."""
    family = locate(yaml.safe_load((CONF / "posterior" / f"{posterior}.yaml").read_text())["path"])
    for name in MODELS:
        node = raw("model", name)
        if "_target_" in node and family in locate(node["_target_"]).posteriors:
            return name
    raise AssertionError(f"no model takes {posterior}")


def test_the_groups_are_found():
    assert {"data", "model", "network", "posterior", "likelihood", "optimizer"} <= GROUPS.keys()
    assert GROUPS.keys() <= {*groups.NAMES}
    assert {group.name for group in groups.MANY} == MANY


@pytest.mark.parametrize("name", [name for name in ROOTS if name != "data"])
def test_every_command_composes_without_problems(config, name):
    overrides = {"evaluate": ["checkpoint=some.ckpt"]}.get(name, [])
    check(config(*overrides, name=name))


@pytest.mark.parametrize("action", ["list", "verify", "render"])
def test_the_data_command_composes_without_problems(config, action):
    check(config(f"action={action}", name="data"))


@pytest.mark.parametrize("option", PAPERS)
def test_every_paper_composes_without_problems(config, option):
    check(config(f"paper={option}", name="reproduce"))


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_without_problems(config, group, option):
    composed = config(*chosen(group, option))
    assert list(problems(composed)) == []
    check(composed)
    if group in MANY:
        assert list(composed[group]) == [option]  # one entry, under the file's own name


@pytest.mark.parametrize(("group", "option"), [o for o in OPTIONS if o[0] in OF_DATA])
@pytest.mark.parametrize("name", ["train", "data"])
def test_options_of_the_data_module_reach_it_and_build(config, group, option, name):
    words = ["action=list"] if name == "data" else []
    composed = config(*words, "data=tiny", "data.split_seed=3", f"{group}={option}", name=name)
    said = {k: v for k, v in raw(group, option).items() if k != "defaults"}
    assert group not in composed
    assert said.items() <= OmegaConf.to_container(composed.data[group]).items()
    assert [other for other in OF_DATA if other in composed.data] == [group]
    assert composed.data.split_seed == 3
    assert getattr(build(resolved(composed)["data"], "data"), group) is not None


def test_all_options_of_the_data_module_go_together_and_the_shell_beats_them(config):
    composed = config(
        *("data=tiny", "view=groups", "sampling=correlated", "hold_out=recombination"),
        *("data.view.by=size", "data.view.size=4", "data.sampling.pairs=[[size,position_x]]"),
        *("data.hold_out.factors=[position_x,size]", "data.hold_out.ranges=[[0,0.5],[1,1]]"),
    )
    check(composed)
    data = build(resolved(composed)["data"], "data")
    assert (data.view.by, data.view.size) == ("size", 4)
    assert data.sampling.pairs == [["size", "position_x"]]
    data.setup()
    assert len(data.rows["held_out"]) == 4 * 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("view=pairs_strict", "data.view.k=4"), "k=4 was given"),
        (("view=groups", "data.view.by=colour"), "'colour' was given"),
        (("view=groups", "data.view.size=3"), "size=3 was given for batch_size=16"),
        (("sampling=correlated", "data.sampling.sigma=0"), r"sampling\.sigma: 0 is not a number"),
        (("sampling=correlated", "data.sampling.pairs=[[a,b]]"), "'a' was given"),
        (("hold_out=hull", "data.hold_out.factors=[colour]"), "'colour' was given"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused_before_it_is_read(config, words, message):
    composed = config("data=tiny", *words)

    def checked_and_built():
        check(composed)
        build(resolved(composed)["data"], "data")

    with pytest.raises(ConfigError, match=message):
        checked_and_built()


FITTING = {  # two partners make three frames; vectors have few numbers
    "ds_vae": ["model.length=3"],
    "principal_flow": ["latent_dim=2"],
}


@pytest.mark.parametrize("data", KINDS_OF_DATA)
@pytest.mark.parametrize("model", thinned(MODELS))
def test_every_model_builds_and_fits_every_data_set(config, tmp_path, data, model):
    composed = config(*of_data(data, tmp_path), f"model={model}", *FITTING.get(model, ()))
    check(composed)
    plain = resolved(composed)
    plain["data"].pop("view", None)  # that not every data set can give
    shape = build(plain["data"], "data").image_shape
    made = build_model(plain, shape)
    image = torch.rand(2, *shape)
    made.num_images = 100
    factors = torch.zeros(2, 2)
    known = Known(torch.arange(2), None, torch.zeros(2, 2, dtype=torch.bool), torch.zeros(2, 2))
    partners = tuple(Batch(torch.rand(2, *shape), factors) for _ in range(2))
    batch = Batch(image, factors, torch.arange(2), partners, known)
    assert made.loss(made.terms(batch, 0, made.noise_for(2, 0)), 0).isfinite()
    assert made.decode_mean(made.encode(image).mean).shape == image.shape
    assert isinstance(made.configure_optimizers(), torch.optim.Optimizer)


@pytest.mark.parametrize("group", ["network", "posterior", "likelihood", "optimizer"])
@pytest.mark.parametrize("data", KINDS_OF_DATA)
def test_every_part_of_a_model_goes_with_every_data_set_or_says_why_not(
    config, tmp_path, group, data
):
    for option in GROUPS[group]:
        composed = config(*of_data(data, tmp_path), *chosen(group, option))
        check(composed)
        plain = resolved(composed)
        plain["data"].pop("view", None)  # that not every data set can give
        shape = tuple(build(plain["data"], "data").image_shape)
        try:
            made = build_model(plain, shape)
        except ConfigError as refusal:
            assert group == "network", refusal  # noqa: PT017
            assert str(list(shape)) in str(refusal)  # noqa: PT017
            continue
        assert made.encode(torch.rand(2, *shape)).mean.shape == (2, plain["latent_dim"])


@pytest.mark.parametrize("group", sorted({"statistics", "callbacks", "logger"} & GROUPS.keys()))
def test_every_entry_of_the_groups_of_many_builds(config, group, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    if group == "logger":  # packages of which some are extras; runs begin later
        monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    plain = resolved(config(f"{group}=[{','.join(GROUPS[group])}]"))
    objects = {name: build(node, f"{group}.{name}") for name, node in plain[group].items()}
    assert list(objects) == GROUPS[group]
    if group == "callbacks":
        statistics = objects["evaluation"].statistics
        assert all(callable(s) or isinstance(s, GroupStatistic) for s in statistics.values())
        assert list(statistics) == list(plain["statistics"])


@pytest.mark.parametrize("option", GROUPS["trainer"])
def test_every_trainer_builds(config, option, tmp_path):
    node = resolved(config(f"trainer={option}", "trainer.accelerator=cpu"))["trainer"]
    trainer = build(node, "trainer", logger=False, default_root_dir=str(tmp_path), callbacks=[])
    assert trainer.max_steps == node["max_steps"]


# YAML = constructor, both ways


def objects():
    """(group, option, key in the configuration, mapping with a target) of every object in conf/."""
    for group, option in OPTIONS:
        if group in DIFFERENCES:
            continue
        node = whole(group, option)
        if "_target_" in node:
            yield pytest.param(f"config.{group}", node, id=f"{group}-{option}")
        for name, entry in node.items():
            if isinstance(entry, dict) and "_target_" in entry:
                yield pytest.param(f"config.{group}.{name}", entry, id=f"{group}-{option}")


def signature(node):
    target = locate(node["_target_"])
    assert target is not None, node["_target_"]
    return inspect.signature(target).parameters


def is_ours(node):
    return node["_target_"].startswith("vaescope.")


OBJECTS = list(objects())
OURS = [case for case in OBJECTS if is_ours(case.values[1])]


@pytest.mark.parametrize(("group", "option"), [o for o in OPTIONS if o[0] not in DIFFERENCES])
def test_every_file_describes_an_object_or_derives_from_another(group, option):
    node = raw(group, option)
    entries = [node] if group not in MANY else list(node.values())
    assert all("_target_" in entry or "defaults" in entry for entry in entries)
    if group in MANY:
        assert list(node) == [option]


@pytest.mark.parametrize(("key", "node"), OBJECTS)
def test_every_key_is_an_argument(key, node):
    assert node.keys() - RESERVED - {"defaults"} <= signature(node).keys()


@pytest.mark.parametrize(("key", "node"), OURS)
def test_every_argument_of_ours_is_a_key(key, node):
    """Except those that only code or groups give: of a factory the ones without a default."""
    arguments = signature(node)
    given = set(GIVEN_BY_CODE.get(key, ())) | (set(OF_DATA) if key == "config.data" else set())
    if node.get("_partial_"):
        given |= {n for n, p in arguments.items() if p.default is inspect.Parameter.empty}
    assert arguments.keys() - given == node.keys() - RESERVED - {"defaults"}


@pytest.mark.parametrize(("key", "node"), OURS)
def test_values_of_ours_are_the_classes_own_defaults(key, node):
    kind = locate(node["_target_"])
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    missing = dataclasses.MISSING
    factories = {f.name: f.default_factory for f in fields if f.default_factory is not missing}
    for name, value in node.items():
        default = (
            signature(node)[name].default if name in signature(node) else inspect.Parameter.empty
        )
        if default is inspect.Parameter.empty or "${" in str(value):
            continue
        if name in factories:
            default = factories[name]()
        if isinstance(default, list | tuple) and isinstance(value, list | tuple):
            value, default = list(value), list(default)
        if value == [] and default is None:
            continue
        assert value == default, name
        assert type(value) is type(default), name


@pytest.mark.parametrize(("key", "node"), [c for c in OBJECTS if not is_ours(c.values[1])])
def test_other_targets_are_known_ones(key, node):
    """A subset of their arguments is what these files hold; any other target needs a decision."""
    assert node["_target_"].startswith(SUBSETS) or node["_target_"] == "hydra.utils.get_class"


@pytest.mark.parametrize(
    ("group", "option"), [o for o in OPTIONS if o[0] not in DIFFERENCES | MANY]
)
def test_files_that_derive_say_only_what_differs(config, group, option):
    node = raw(group, option)
    parents = [entry for entry in node.get("defaults", ()) if entry in GROUPS[group]]
    for parent in parents:
        own = {k: v for k, v in node.items() if k != "defaults"}
        assert own
        assert all(raw(group, parent)[key] != value for key, value in own.items())


# what a user says on the shell beats what one group says about another


def target(composed, group):
    node = composed[group]
    return str(node.get("path") or node._target_).rsplit(".", 1)[1]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], {"network": "conv64", "likelihood": "Bernoulli", "posterior": "DiagonalGaussian"}),
        (["model=autoencoder"], {"model": "Autoencoder", "posterior": "Point"}),
        (["model=autoencoder", "posterior=full"], {"posterior": "FullGaussian"}),
        (["posterior=full", "model=autoencoder"], {"posterior": "FullGaussian"}),
        (["data=synthetic_linear"], {"network": "mlp", "likelihood": "Gaussian"}),
        (
            ["data=synthetic_linear", "network=linear"],
            {"network": "linear", "likelihood": "Gaussian"},
        ),
        (["experiment=synthetic_linear"], {"network": "linear", "likelihood": "Gaussian"}),
        (["experiment=synthetic_linear", "network=mlp"], {"network": "mlp"}),
        (["experiment=synthetic_linear", "data=dsprites"], {"data": "DSpritesDataModule"}),
        (["data=synthetic_linear", "likelihood=bernoulli"], {"likelihood": "Bernoulli"}),
        (["data=synthetic_nonlinear"], {"network": "mlp", "likelihood": "Gaussian"}),
        (
            ["data=synthetic_linear", "model=autoencoder"],
            {"network": "mlp", "posterior": "Point"},
        ),
    ],
)
def test_the_shell_beats_a_groups_own_choice(config, overrides, expected):
    composed = config(*overrides)
    assert {group: target(composed, group) for group in expected} == expected


def test_the_shell_beats_presets(config):
    composed = config(
        "experiment=synthetic_linear", "model.beta=7", "latent_dim=5", "trainer.max_steps=3"
    )
    assert (composed.model.beta, composed.latent_dim, composed.trainer.max_steps) == (7, 5, 3)


@pytest.mark.parametrize(
    ("option", "method"),
    [
        ("synthetic_linear", {"beta": 1e-4, "latent_dim": 2, "max_steps": 20000}),
        ("synthetic_nonlinear", {"beta": 1e-3, "latent_dim": 2, "max_steps": 20000}),
        ("synthetic_mlp", {"beta": 1e-2, "latent_dim": 3, "max_steps": 20000}),
        ("synthetic_moebius", {"beta": 1e-2, "latent_dim": 3, "max_steps": 20000}),
        ("synthetic_orthogonal", {"beta": 1e-2, "latent_dim": 3, "max_steps": 20000}),
        ("tiny", {"beta": 4.0, "latent_dim": 4, "max_steps": 200}),
        ("mnist", {"beta": None, "latent_dim": 6, "max_steps": 5000}),
        ("fashion_mnist", {"beta": None, "latent_dim": 6, "max_steps": 5000}),
        ("digits", {"beta": None, "latent_dim": 10, "max_steps": 5000}),
    ],
)
def test_presets_choose_data_and_method(config, option, method):
    composed = config(f"experiment={option}")
    assert composed.data == config(f"data={option}").data
    got = {"beta": composed.model.get("beta"), "latent_dim": composed.latent_dim}
    assert got | {"max_steps": composed.trainer.max_steps} == method


def test_default_job_anneals_and_the_plain_method_does_not(config):
    assert config().model.initial_beta > config().model.beta
    assert config("model=beta_vae").model.initial_beta is None
    assert config("model=beta_vae").model.beta == 4.0
    assert config("experiment=tiny").model.initial_beta is None


# a data set chooses what its observations force, and no method
FORCED = {"data", "network", "likelihood"}


@pytest.mark.parametrize("words", [(), ("model=factor_vae", "latent_dim=7")])
def test_every_data_set_has_the_same_method(config, words):
    """So that ``-m data=dsprites,shapes3d`` compares one method on two data sets."""
    chosen = OmegaConf.to_container(config(*words))
    for option in DATA:
        composed = OmegaConf.to_container(config(*words, f"data={option}"))
        composed["trainer"]["precision"] = chosen["trainer"]["precision"]
        assert {k: v for k, v in composed.items() if k not in FORCED} == {
            k: v for k, v in chosen.items() if k not in FORCED
        }, option


@pytest.mark.parametrize("option", DATA)
def test_a_data_set_chooses_only_what_its_observations_force(config, tmp_path, option):
    """One choice for each shape of observations: vectors, tiny, small and 64 x 64 images."""
    said = [entry for entry in raw("data", option).get("defaults", ()) if isinstance(entry, dict)]
    choices = {k.split("@")[0].removeprefix("override /"): v for e in said for k, v in e.items()}
    if option in OF_THE_USER:
        assert choices.keys() <= {"/data"}  # an original of theirs
        return
    shape = build(resolved(config(f"data={option}"))["data"], "data").image_shape
    expected = {"network": "mlp_60_40_20", "likelihood": "gaussian", "trainer": "float32"}
    if shape == (1, 16, 16):  # of grey panels
        expected = {"network": "mlp_64", "likelihood": "gaussian"}
    elif len(shape) == 3:
        expected = {} if shape[1:] == (64, 64) else {"network": "mlp_400_500"}
    assert choices == expected


def test_the_seed_reaches_data_and_the_split_stays(config):
    composed = config("seed=7", "data=tiny")
    assert (composed.data.seed, composed.data.split_seed) == (7, 0)


def test_entries_of_many_can_be_left_out(config):
    composed = config("~callbacks.pictures", "logger=[csv]")
    assert "pictures" not in composed.callbacks
    assert list(composed.logger) == ["csv"]


@pytest.mark.parametrize("group", sorted(MANY))
def test_groups_of_many_may_be_empty(config, group):
    composed = config(f"{group}=[]")
    check(composed)
    assert not composed[group]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", ()),
        ("train", ("model=vae", "~callbacks.pictures", "+model.new=3", "latent_dim=7")),
        ("train", ("data.batch_size=4", "data=tiny", "view=groups", "logger=[csv]", "threads=2")),
        ("evaluate", ("checkpoint=a", "statistics=[latents]", "statistics.latents.x=1")),
        ("data", ("action=list", "data=shapes3d", "sampling=correlated")),
    ],
)
def test_what_tests_are_given_is_what_hydra_composes(config, tmp_path, name, words):
    """``builders.composition`` keeps what a choice of files gives."""
    words = [f"output_dir='{tmp_path}'", *words]
    for _ in range(2):
        found = config_or_refusal(lambda: composition.composed(name, words))
        assert found == config_or_refusal(lambda: by_hydra(name, words))


def by_hydra(name, words):
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="test"):
        return compose(name, [*composition.OWN, *words])


def config_or_refusal(composing):
    try:
        return OmegaConf.to_yaml(composing()), None
    except HydraException as refusal:
        return None, str(refusal)

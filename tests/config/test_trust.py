"""A stranger's checkpoint or run folder runs nothing; one's own and the shipped ones work."""

import contextlib
import copy
import inspect
import os
import shutil
import sys
from pathlib import Path

import hydra.utils
import pytest
import pytorch_lightning as pl
import torch
import yaml
from omegaconf import OmegaConf

from builders.hostile import EVIL, attacks
from vaescope.cli import _resumed
from vaescope.config.loading import config_dir, resolved, save_yaml
from vaescope.config.targets import locate
from vaescope.config.trust import (
    MODULES,
    copy_trusted,
    offered,
    offered_by_name,
    refuse_links_out,
)
from vaescope.errors import ConfigError, DataError, UntrustedError
from vaescope.experiment.assembly import build_model, load_model, read_checkpoint
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import _movable
from vaescope.report.comparison.page import compare

SMALL = ("experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]")
# where a stored configuration is built from, as dotted keys; a number: in a list
PLACES = (
    *("network", "likelihood", "prior", "posterior", "optimizer", "model", "data"),
    *("data.view", "network.activation", "optimizer.betas.0", "model.beta.deep.0.x"),
    *("statistics.x", "callbacks.x", "callbacks.evaluation.statistics.x", "logger.x"),
    *("trainer", "trainer.plugins.0", "unknown_key"),
)
OF_A_MODEL = tuple(p for p in PLACES if p.split(".")[0] not in ("statistics", "callbacks"))


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def hostile(tmp_path, mark, monkeypatch):
    """The attacks, with what they need; afterwards nothing of them is left imported."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = list(sys.path)
    yield attacks(folder, mark)
    sys.path[:] = before
    sys.modules.pop(EVIL, None)


@pytest.fixture
def plain(config, tmp_path):
    return resolved(config(*SMALL, f"output_dir='{tmp_path / 'run'}'"))


def replaced(tree, place, value):
    """A copy of ``tree`` with ``value`` at a dotted key; what is on the way is made."""
    tree = copy.deepcopy(tree)
    node, (*way, last) = tree, place.split(".")
    for key, below in zip(way, [*way, last][1:], strict=True):
        empty = [None] if below.isdigit() else {}
        kept = (
            node[key]
            if isinstance(node, dict) and isinstance(node.get(key), type(empty))
            else empty
        )
        key = int(key) if key.isdigit() else key
        node[key] = kept
        node = kept
    node[int(last) if last.isdigit() else last] = value
    return tree


def write_checkpoint(path, plain, image_shape=(1, 64, 64), **more):
    record = {"config": plain, "image_shape": list(image_shape)}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"state_dict": {}, "global_step": 1, "callbacks": {}, "vaescope": record}
    torch.save(content | more, path)
    return path


def write_run(folder, plain):
    """A run's folder as far as resuming reads it before it has checked it."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = _movable(plain, follows=False) | {"output_dir": str(folder)}
    save_yaml(stored, folder / "config.yaml")
    return folder


def built(node):
    """What a configuration without a check would do, by the plainest reading."""
    if isinstance(node, list):
        return [built(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    named = {key: built(value) for key, value in node.items() if key not in ("_args_",)}
    if "_target_" not in node:
        return named
    target = locate(named.pop("_target_"))
    return target(*built(node.get("_args_", [])), **named)


def clear(mark):
    if mark.is_dir():
        mark.rmdir()
    mark.unlink(missing_ok=True)
    sys.modules.pop(EVIL, None)


def one_sentence(text):
    return "\n" not in text.strip() and "Traceback" not in text


@pytest.mark.filterwarnings("ignore")
def test_each_attack_works_without_the_check(hostile, mark):
    assert len(hostile) >= 22
    for name, node in hostile.items():
        clear(mark)
        with contextlib.suppress(Exception):  # what comes after the mark
            built(copy.deepcopy(node))
        assert mark.exists(), name


@pytest.mark.parametrize("partial", [False, True])
def test_load_model_runs_none_of_them(hostile, mark, plain, tmp_path, partial):
    clear(mark)
    for name, node in hostile.items():
        attack = node | {"_partial_": True} if partial else node
        for place in OF_A_MODEL if partial else PLACES:
            path = write_checkpoint(tmp_path / "x.ckpt", replaced(plain, place, attack))
            with pytest.raises(
                UntrustedError, match=f"checkpoint=.*it names .* in {place}"
            ) as told:
                load_model(path)
            assert one_sentence(str(told.value)), name
            assert not mark.exists(), (name, place)
            assert EVIL not in sys.modules, (name, place)


def test_evaluate_runs_none_of_them(hostile, mark, plain, config, tmp_path):
    clear(mark)
    path = tmp_path / "x.ckpt"
    asked = config(f"checkpoint='{path}'", "statistics=[latents]", name="evaluate")
    for number, (name, node) in enumerate(hostile.items()):
        place = PLACES[number % len(PLACES)]
        write_checkpoint(path, replaced(plain, place, node))
        with pytest.raises(UntrustedError) as told:
            evaluate(asked)
        assert one_sentence(str(told.value)), name
        assert not mark.exists(), (name, place)
        assert EVIL not in sys.modules, (name, place)


def test_resume_runs_none_of_them(hostile, mark, plain, tmp_path, capsys):
    clear(mark)
    folder = tmp_path / "run"
    for number, (name, node) in enumerate(hostile.items()):
        for place in (PLACES[number % len(PLACES)], "statistics.x", "callbacks.x", "logger.x"):
            write_run(folder, replaced(plain, place, node))
            with pytest.raises(SystemExit) as ended:
                _resumed([f"resume={folder}", "trainer.max_steps=9"])
            told = capsys.readouterr().err
            assert ended.value.code == 2
            assert f"in {place}" in told, (name, place)
            assert one_sentence(told), name
            assert not mark.exists(), (name, place)
            assert EVIL not in sys.modules, (name, place)
            assert [path.name for path in folder.iterdir()] == ["config.yaml"]


def test_report_runs_none_of_them(hostile, mark, plain, config, tmp_path):
    clear(mark)
    for number, (name, node) in enumerate(hostile.items()):
        place = PLACES[number % len(PLACES)]
        run = write_run(tmp_path / "runs" / str(number), replaced(plain, place, node))
        row = {"seed": 0, "step": 1, "model": "BetaVAE", "data": "TinySquares", "test/mig": 1.0}
        (run / "scores.json").write_text(f'{{"about": {{}}, "rows": [{row}]}}'.replace("'", '"'))
        assert not mark.exists(), name
    asked = config(
        f"runs=['{tmp_path / 'runs'}']", f"output_dir='{tmp_path / 'out'}'", name="report"
    )
    compare(resolved(asked))
    assert not mark.exists()
    assert EVIL not in sys.modules


OF_HYDRA = {
    "callbacks": lambda node: {"callbacks": {"x": node}},
    "launcher": lambda node: {"launcher": node},
    "sweeper": lambda node: {"sweeper": node},
    "searchpath": lambda node: {"searchpath": ["file:///tmp"]},
    "mode": lambda node: {"mode": "MULTIRUN"},
    "run_dir": lambda node: {"run": {"dir": "/tmp/elsewhere"}},
    "job_logging": lambda node: {
        "job_logging": {
            "version": 1,
            "handlers": {"x": {"()": "builders.hostile.MarkingHandler", "path": node["_args_"][0]}},
            "root": {"handlers": ["x"]},
        }
    },
}


@pytest.mark.parametrize("section", OF_HYDRA)
def test_a_stored_hydra_section_is_ignored(section, mark, plain, tmp_path, capsys, monkeypatch):
    from vaescope.cli import main

    node = {"_target_": "builtins.open", "_args_": [str(mark), "w"]}
    more = {"hydra": OF_HYDRA[section](node), "defaults": [{"data": "dsprites"}, "_self_"]}
    folder = write_run(tmp_path / "run", plain)
    stored = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text("# @package hydra\n" + yaml.safe_dump(stored | more))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vaescope"])
    main(["train", f"resume={folder}", "--cfg", "all"])
    shown = OmegaConf.create(capsys.readouterr().out)
    assert not mark.exists()
    assert not OmegaConf.select(shown, "hydra.callbacks")
    assert "hostile" not in str(shown)
    assert "elsewhere" not in str(shown)
    assert shown.hydra.run.dir == shown.output_dir == str(folder)
    assert shown.data._target_ == plain["data"]["_target_"]
    assert shown.hydra.searchpath == []


YAML_ATTACKS = {
    "object": "x: !!python/object/apply:os.system ['touch {mark}']\n",
    "name": "x: !!python/name:os.system\n",
    "module": "x: !!python/module:evil_module\n",
    "unfolding": "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 1}]\n" for n in range(9)
    ),
    "depth": "[" * 5000,
    "list": "- 1\n",
    "text": "nothing\n",
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("attack", YAML_ATTACKS)
def test_yaml_makes_no_objects_and_does_not_unfold(attack, mark, plain, tmp_path, capsys, hostile):
    folder = write_run(tmp_path / "run", plain)
    clear(mark)
    text = YAML_ATTACKS[attack].replace("{mark}", str(mark))
    (folder / "config.yaml").write_text(text)
    with pytest.raises(SystemExit):
        _resumed([f"resume={folder}"])
    told = capsys.readouterr().err
    assert one_sentence(told)
    assert "config.yaml" in told
    assert not mark.exists()
    assert EVIL not in sys.modules


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:HOME}",
        "${oc.decode:x}",
        "${hydra:runtime.cwd}",
        "a ${model.beta} b",
        "${seed:1}",
    ],
)
def test_links_are_not_followed(text, plain, tmp_path, capsys):
    path = write_checkpoint(tmp_path / "x.ckpt", replaced(plain, "published.x", text))
    with pytest.raises(UntrustedError, match="no links"):
        load_model(path)
    folder = write_run(tmp_path / "run", replaced(plain, "published.x", text))
    with pytest.raises(SystemExit):
        _resumed([f"resume={folder}"])
    assert "published.x" in capsys.readouterr().err


@pytest.mark.parametrize(
    "value", [torch.ones(2), torch.nn.ReLU, torch.float32, b"x", {1.5: 1}, {("a",): 1}, 1j, {1}]
)
def test_a_checkpoint_holds_plain_values(value, plain):
    with pytest.raises(UntrustedError, match=r"checkpoint=x: a\.b\.0 "):
        copy_trusted({"a": {"b": [value]}}, "checkpoint=x")


def test_objects_that_unfold_or_contain_themselves_are_refused():
    ring = {}
    ring["a"] = ring
    wide = [1] * 50
    for _ in range(8):
        wide = [wide] * 50
    for bomb in (ring, wide):
        with pytest.raises(UntrustedError, match="larger or deeper"):
            copy_trusted(bomb, "x")


@pytest.mark.parametrize(
    "name",
    [
        "torch.nn.Module.__init__",
        "torch.nn.Module.__init__.__globals__",
        "torch.nn.Module.load_state_dict",
        "torch.nn.init.normal_",
        "torch.nn.utils.clip_grad_norm_",
        "torch.nn.functional.relu",
        "torch.nn.modules.module.OrderedDict",
        "torch.nn.parameter.Parameter",
        "torch.optim.Adam.load_state_dict",
        "torch.optim.swa_utils.AveragedModel",
        "torch.utils.data.DataLoader",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "pytorch_lightning.callbacks.LambdaCallback",
        "pytorch_lightning.loggers.CSVLogger",
        "pytorch_lightning.seed_everything",
        "pytorch_lightning.Trainer",
        "vaescope.callbacks.AtomicCheckpointIO",
        "vaescope.callbacks.KeepConfig",
        "vaescope.callbacks.factors_file.FactorsFile",
        "vaescope.callbacks.publish",
        "vaescope.data.PublishedFile",
        "vaescope.data.DSprites",
        "vaescope.data.DSpritesDataModule.load_from_checkpoint",
        "vaescope.data.verify",
        "vaescope.models.Parts",
        "vaescope.models.LatentModel",
        "vaescope.models.BetaVAE.load_from_checkpoint",
        "vaescope.networks.initialise",
        "vaescope.commands.fetching.fetch",
        "vaescope.experiment.assembly.load_model",
        "vaescope.commands.train.main",
        "vaescope.cli.main",
        "vaescope",
        "torch.nn",
        "torch.nn.",
        ".torch.nn.ReLU",
        "torch.nn..ReLU",
        "torch.nn.ReLU ",
        "torch.nn.ReLU\n",
        "torch.nn.ReLU.",
        "",
        "__main__",
        None,
        3,
        ["torch.nn.ReLU"],
    ],
)
def test_only_what_is_meant_for_configurations_may_be_named(name):
    with pytest.raises(UntrustedError):
        copy_trusted({"network": {"_target_": name}}, "x")
    with pytest.raises(UntrustedError):
        copy_trusted({"posterior": {"_target_": "hydra.utils.get_class", "path": name}}, "x")


def test_get_class_takes_a_path_and_nothing_else():
    posterior = {
        "_target_": "hydra.utils.get_class",
        "path": "vaescope.distributions.posteriors.Box",
    }
    assert copy_trusted({"posterior": posterior}, "x") == {"posterior": posterior}
    for more in ({"_args_": ["os.path"]}, {"other": 1}):
        with pytest.raises(UntrustedError):
            copy_trusted({"posterior": posterior | more}, "x")


def targets(node):
    if isinstance(node, dict):
        if "_target_" in node:
            yield {k: v for k, v in node.items() if k in ("_target_", "path")}
        for value in node.values():
            yield from targets(value)


CONF = Path(config_dir())
SHIPPED = sorted(p for p in CONF.glob("*/*.yaml") if p.parent.name != "local")
OPTIONS = {
    group: [p.stem for p in SHIPPED if p.parent.name == group] for group in ("model", "data")
}


def test_every_shipped_option_may_be_stored():
    assert len(SHIPPED) > 100
    for path in SHIPPED:
        for node in targets(yaml.safe_load(path.read_text())):
            if node["_target_"] != "hydra.utils.get_class":
                node.pop("path", None)
            stored = {"trainer" if path.parent.name == "trainer" else "x": node}
            assert copy_trusted(stored, "x") == stored, path


@pytest.mark.parametrize(
    ("group", "option"), [(group, option) for group in OPTIONS for option in OPTIONS[group]]
)
def test_a_whole_run_of_every_method_and_data_set_may_be_stored(config, tmp_path, group, option):
    plain = resolved(config(f"{group}={option}"))
    assert copy_trusted(plain, "x") == plain
    stored = _movable(plain, follows=True)
    assert copy_trusted(stored, "x", folder=tmp_path) == stored


def test_what_is_offered_is_what_hydra_finds_by_that_name():
    assert len(offered()) > 100
    for thing in offered():
        home = max((m for m in MODULES if thing.__module__.startswith(m)), key=len)
        name = f"{home}.{thing.__name__}"
        assert offered_by_name(name) is thing, name
        assert locate(name) is thing, name
        assert hydra.utils.get_object(name) is thing, name


def test_own_choices_of_torch_and_lightning_may_be_stored(config, tmp_path):
    callbacks = "pytorch_lightning.callbacks"
    plain = resolved(
        config(
            *SMALL,
            "optimizer={_target_: torch.optim.RMSprop, _partial_: true}",
            f"+callbacks.stop={{_target_: {callbacks}.EarlyStopping, monitor: val/loss}}",
            f"+callbacks.best={{_target_: {callbacks}.ModelCheckpoint, dirpath: '{tmp_path}/own',"
            " filename: 'at-{step}'}",
            f"+callbacks.rate={{_target_: {callbacks}.lr_monitor.LearningRateMonitor}}",
            "+network.act={_target_: torch.nn.modules.activation.GELU, approximate: tanh}",
        )
    )
    stored = _movable(plain | {"output_dir": str(tmp_path)}, follows=True)
    assert copy_trusted(stored, "x", folder=tmp_path) == stored


def test_callbacks_of_a_stored_run_write_in_its_folder_alone(plain, tmp_path, capsys):
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    own = {"_target_": "pytorch_lightning.callbacks.ModelCheckpoint"}
    cases = {
        "callbacks.checkpoint.folder": elsewhere,
        "callbacks.pictures.folder": f"{folder}/../elsewhere",
        "logger.csv.folder": "relative",
        "callbacks.finite": own | {"dirpath": str(elsewhere)},
        "callbacks.progress": own | {"dirpath": "s3://bucket/x"},
        "callbacks.evaluation": own | {"filename": "../../x"},
        "callbacks.other": own | {"filename": "/etc/x"},
        "callbacks.args": own | {"_args_": ["/etc"]},
        "callbacks.deep.0": {"x": own | {"dirpath": "${data_dir}/x"}},
    }
    for place, value in cases.items():
        value = str(value) if isinstance(value, Path) else value
        write_run(folder, replaced(plain, place, value))
        with pytest.raises(SystemExit):
            _resumed([f"resume={folder}"])
        told = capsys.readouterr().err
        assert one_sentence(told)
        assert place.split(".")[1] in told
    write_run(folder, replaced(plain, "callbacks.pictures.folder", str(elsewhere)))
    _resumed([f"resume={folder}", f"callbacks.pictures.folder={elsewhere}"])  # said by the user
    assert not elsewhere.exists()


def test_options_that_name_a_place_are_known_by_their_names():
    """Of all callbacks and loggers that may be stored: others would be written to unchecked."""
    writers = [
        thing
        for thing in offered()
        if not inspect.isclass(thing) or issubclass(thing, pl.Callback | pl.loggers.Logger)
    ]
    named = {
        name
        for thing in writers
        if thing.__module__.split(".")[1] in ("callbacks", "loggers")
        for name in inspect.signature(thing).parameters
        if any(word in name for word in ("path", "dir", "folder", "file", "save", "output"))
    }
    checked = {"folder", "dirpath", "filename", "exclude_batches_path"}
    no_places = {"save_last", "save_top_k", "save_weights_only", "save_on_train_epoch_end"}
    assert named - no_places == checked | (named & {"save_on_exception"})


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_links_out_of_a_run_are_refused(plain, tmp_path, capsys):
    folder, elsewhere = write_run(tmp_path / "run", plain), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "inside").symlink_to("config.yaml")
    refuse_links_out(folder, "x")
    for name, target in (
        ("checkpoints", elsewhere),
        ("train.log", tmp_path / "new"),
        ("a/b", "../../x"),
    ):
        link = folder / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
        with pytest.raises(SystemExit):
            _resumed([f"resume={folder}"])
        told = capsys.readouterr().err
        assert f"{name} is a link" in told
        assert one_sentence(told)
        link.unlink()


@pytest.fixture
def mylab(tmp_path, monkeypatch):
    """A package of the user's: a network, and names that it has from elsewhere."""
    folder = tmp_path / "own" / "mylab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "import os\nfrom functools import partial\nfrom vaescope.networks import mlp as borrowed\n"
        "def net(*args, **named):\n    return borrowed(*args, **named)\n"
    )
    (folder / "broken.py").write_text("raise OSError('no such device')\n")
    (tmp_path / "own" / "mylab2.py").write_text("def net(*args): ...\n")
    monkeypatch.syspath_prepend(tmp_path / "own")
    yield "mylab"
    for name in ("mylab", "mylab2", "mylab.broken"):
        sys.modules.pop(name, None)


def test_a_package_of_the_users_is_loaded_when_named(mylab, plain, tmp_path):
    own = replaced(plain, "network._target_", "mylab.net")
    model = build_model(plain, (1, 64, 64))
    path = write_checkpoint(tmp_path / "x.ckpt", own, state_dict=model.state_dict())
    with pytest.raises(UntrustedError, match=r"mylab.net in network.*trust=\[mylab\]"):
        load_model(path)
    assert "mylab" not in sys.modules
    for trust in (["mylab"], ("mylab",), "mylab", ["other", "mylab"]):
        loaded, _ = load_model(path, trust=trust)
        assert loaded.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize(
    "name", ["mylab.os.system", "mylab.partial", "mylab.nothing", "mylab2.net"]
)
def test_trust_covers_what_the_package_itself_defines(mylab, name):
    with pytest.raises(UntrustedError):
        copy_trusted({"network": {"_target_": name}}, "x", ["mylab"])
    assert "mylab2" not in sys.modules


def test_a_trusted_package_that_cannot_be_imported_is_told(mylab):
    with pytest.raises(
        ConfigError, match=r"importing mylab\.broken\.x fails: OSError: no such device"
    ):
        copy_trusted({"network": {"_target_": "mylab.broken.x"}}, "x", ["mylab"])


@pytest.mark.parametrize("trust", [["os"], ["builtins"], "sys", ["a b"], [3], ["my.lab."], [""]])
def test_trust_is_a_list_of_packages(trust):
    with pytest.raises(ConfigError, match="trust: "):
        copy_trusted({}, "x", trust)


def test_a_stored_trust_is_worth_nothing(mylab, plain, tmp_path, capsys):
    own = replaced(plain, "network._target_", "mylab.net") | {"trust": ["mylab"]}
    folder = write_run(tmp_path / "run", own)
    with pytest.raises(SystemExit):
        _resumed([f"resume={folder}"])
    assert "mylab.net in network" in capsys.readouterr().err
    words = _resumed([f"resume={folder}", "trust=[mylab]"])
    assert not any(word.startswith("trust") for word in words)
    with pytest.raises(SystemExit):
        _resumed(["trust=[mylab]", "seed=1"])
    assert "goes with resume=DIR" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["+model=vae", "data@x=tiny", "~callbacks", "++experiment=x"])
def test_a_resumed_run_keeps_its_groups(word, plain, tmp_path, capsys):
    folder = write_run(tmp_path / "run", plain)
    with pytest.raises(SystemExit):
        _resumed([f"resume={folder}", word])
    assert "keeps its groups" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        {"latent_dim": "many"},
        {"network": {"_target_": "torch.nn.ReLU"}},
        {"likelihood": {"_target_": "vaescope.data.TinySquaresDataModule"}},
        {"likelihood": {"_target_": "torch.nn.ReLU"}},
        {"model": {"_target_": "vaescope.networks.mlp", "_partial_": True}},
        {"optimizer": {"_target_": "pytorch_lightning.callbacks.Timer"}},
        {"ensemble": {"size": "x"}},
        {"network": None},
        {"seed": 1.5},
    ],
)
def test_a_checkpoint_that_describes_no_model_is_told_in_a_sentence(damage, plain, tmp_path):
    path = write_checkpoint(tmp_path / "x.ckpt", plain | damage)
    with pytest.raises((DataError, ConfigError)) as told:
        load_model(path)
    assert one_sentence(str(told.value))


@pytest.mark.parametrize("lacking", ["network", "published", "seed"])
def test_a_checkpoint_without_a_part_of_its_description_is_not_whole(lacking, plain, tmp_path):
    plain.pop(lacking)
    with pytest.raises(DataError, match="not a whole checkpoint"):
        load_model(write_checkpoint(tmp_path / "x.ckpt", plain))


def test_a_checkpoint_with_pickled_objects_is_not_read(hostile, mark, plain, tmp_path):
    from builders.hostile import Mark

    path = write_checkpoint(tmp_path / "x.ckpt", plain, hyper_parameters=Mark(str(mark)))
    with pytest.raises(DataError, match="not a whole checkpoint") as told:
        load_model(path)
    assert one_sentence(str(told.value))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("global_step", "x"),
        ("global_step", -1),
        ("callbacks", None),
        ("callbacks", [1]),
        ("callbacks.Evaluation", 3),
        ("callbacks.Evaluation", {"history": [3]}),
        ("callbacks.Evaluation", {"history": [{"step": 1}]}),
        ("state_dict", 3),
        ("vaescope", 3),
        ("vaescope.image_shape", 5),
        ("vaescope.image_shape", "abc"),
        ("vaescope.image_shape", [-1]),
        ("vaescope.image_shape", [True]),
        ("vaescope.config", 3),
        ("vaescope.config.data", None),
        ("vaescope.config.ensemble", 3),
        ("vaescope.config.ensemble.size", 10**12),
        ("vaescope.config.published", 3),
        ("vaescope.config.seed", "x"),
        ("vaescope.config.seed", 2**70),
        ("vaescope.config.latent_dim", 1.5),
    ],
)
def test_a_checkpoint_with_values_of_another_kind_is_not_whole(place, value, plain, tmp_path):
    path = write_checkpoint(tmp_path / "x.ckpt", plain)
    torch.save(replaced(torch.load(path, weights_only=True), place, value), path)
    with pytest.raises(DataError, match="not a whole checkpoint") as told:
        read_checkpoint(path)
    assert one_sentence(str(told.value))


def test_names_from_a_file_stay_in_one_short_line():
    node = {"_target_": "a\x1b[31m\nb" + "c" * 10_000}
    with pytest.raises(UntrustedError) as told:
        copy_trusted({"x\n": [node] * 1000}, "x")
    text = str(told.value)
    assert text.isprintable()
    assert len(text) < 2000
    assert "and 995 more" in text


def test_a_module_of_an_installed_package_can_be_trusted_by_its_own_name():
    stored = {"logger": {"own": {"_target_": "pytorch_lightning.loggers.CSVLogger"}}}
    with pytest.raises(UntrustedError):
        copy_trusted(stored, "x")
    assert copy_trusted(stored, "x", ["pytorch_lightning.loggers"]) == stored
    stored["logger"]["own"]["_target_"] = "pytorch_lightning.loggers.csv_logs.os.system"
    with pytest.raises(UntrustedError):
        copy_trusted(stored, "x", ["pytorch_lightning.loggers"])


def test_logs_that_wandb_has_linked_do_not_keep_a_run_from_being_resumed(tmp_path):
    """Every run that logs to wandb has such links; wandb's own folder may still be none."""
    outside, run = tmp_path / "cache", tmp_path / "run"
    logs = run / "wandb" / "offline-run-20261127_045138-5b15" / "logs"
    outside.mkdir()
    logs.mkdir(parents=True)
    (logs / "debug-core.log").symlink_to(outside / "core-debug.log")
    (run / "wandb" / "latest-run").symlink_to(logs.parent)
    refuse_links_out(run, "x")
    (run / "wandb" / "run-1").symlink_to(outside)
    with pytest.raises(UntrustedError, match=r"wandb/run-1 is a link that leads out"):
        refuse_links_out(run, "x")
    shutil.rmtree(run / "wandb")
    (run / "wandb").symlink_to(outside)
    with pytest.raises(UntrustedError, match=r"wandb is a link that leads out"):
        refuse_links_out(run, "x")


@pytest.mark.parametrize(
    "content",
    [
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"",
        b"PK\x03\x04",
        b"\x80\x02.",
        b"0",
        b"(((((",
        b"\x80\x02K\x01u.",
    ],
)
def test_a_file_of_any_bytes_is_no_checkpoint(tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(DataError, match="not a whole checkpoint of vaescope") as told:
        read_checkpoint(tmp_path / "x.ckpt")
    assert one_sentence(str(told.value))


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("statistics", "torch.nn.ReLU"),
        ("statistics", "pytorch_lightning.callbacks.RichProgressBar"),
        ("statistics", "vaescope.callbacks.Progress"),
        ("callbacks", "torch.nn.ReLU"),
        ("logger", "torch.optim.Adam"),
    ],
)
def test_members_of_groups_are_of_their_kind(tmp_path, group, name):
    with pytest.raises(UntrustedError, match=f"{name} in {group}.x"):
        copy_trusted({group: {"x": {"_target_": name}}}, "resume=x", folder=tmp_path)


def test_changed_bytes_of_a_checkpoint_are_found(tmp_path):
    path = write_checkpoint(tmp_path / "x.ckpt", {}, weights=torch.arange(4096.0))
    whole = path.read_bytes()
    at = whole.index(torch.arange(4096.0).numpy().tobytes()) + 1000
    path.write_bytes(whole[:at] + bytes(512) + whole[at + 512 :])
    torch.load(path, weights_only=True)  # which does not notice
    with pytest.raises(DataError, match="another checksum than when it was written") as told:
        read_checkpoint(path)
    assert one_sentence(str(told.value))

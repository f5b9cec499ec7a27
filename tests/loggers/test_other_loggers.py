"""TensorBoard, MLflow and trackio: the same keys, figures and settings, read back from each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from builders.tracked import SETTINGS, log_run
from vaescope.errors import ConfigError
from vaescope.loggers import mlflow_logger
from vaescope.loggers import tensorboard_logger as of_tensorboard
from vaescope.loggers import trackio_logger as of_trackio

# mlflow itself uses what SQLAlchemy will remove
mlflow_itself = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("package", ["tensorboard", "mlflow", "trackio"])
def test_missing_package_is_one_sentence(tmp_path, monkeypatch, package):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    logger = {"tensorboard": of_tensorboard, "mlflow": mlflow_logger, "trackio": of_trackio}
    with pytest.raises(ConfigError) as told:
        logger[package](str(tmp_path))
    install = f"pip install 'vaescope[{package}]', or leave it out: logger=[csv]"
    assert str(told.value) == f"logger={package} needs the package {package}: {install}"


def test_missing_package_is_told_before_anything_is_trained(config, tmp_path, monkeypatch):
    from vaescope.experiment.training import train

    composed = config("experiment=tiny", "logger=[mlflow]", "trainer.accelerator=cpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"vaescope\[mlflow\]"):
        train(composed)
    assert not (tmp_path / "metrics.csv").exists()


class TestTensorBoard:
    @pytest.fixture
    def read(self, tmp_path):
        """Event files of two sessions of one run."""
        pytest.importorskip("tensorboard")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        log_run(of_tensorboard(str(tmp_path)), tmp_path)
        return EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0, "tensors": 0}).Reload()

    def test_curves(self, read):
        found = [(event.step, event.value) for event in read.Scalars("val/mig")]
        assert found == [(0, 0.0), (5, pytest.approx(0.05)), (10, pytest.approx(0.1))]

    def test_figures_are_the_files(self, read, tmp_path):
        for name, file in (("jacobian", "jacobian.png"), ("traversals_moving", "traversals.gif")):
            (event,) = read.Images(f"figures/{name}")
            assert (event.step, event.width, event.height) == (10, 4, 3)
            assert event.encoded_image_string == (tmp_path / file).read_bytes()

    def test_table_and_report(self, read, tmp_path):
        told = {}
        for key in ("scores", "report"):
            (event,) = read.Tensors(f"{key}/text_summary")
            told[key] = event.tensor_proto.string_val[0].decode()
        assert "| test/mig | 0.25 |  | 1 | 0.125 |" in told["scores"]
        assert told["report"] == f"`{tmp_path / 'report.html'}`"

    def test_hyper_parameters_stand_beside_the_chief_scores(self, read):
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        contents = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        values = HParamsPluginData.FromString(contents).session_start_info.hparams
        assert values["model.beta"].number_value == 4
        assert values["none"].string_value == "None"
        contents = read.SummaryMetadata("_hparams_/experiment").plugin_data.content
        metrics = HParamsPluginData.FromString(contents).experiment.metric_infos
        assert "test/mig" in {metric.name.tag for metric in metrics}


@pytest.mark.slow
@mlflow_itself
class TestMlflow:
    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        """A run of two sessions, the second with another setting."""
        mlflow = pytest.importorskip("mlflow", reason="pip install 'vaescope[mlflow]'")
        store = tmp_path / "store"
        store.mkdir()
        monkeypatch.chdir(store)  # where MLflow's default has its files
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
        for last in (5, 10):
            folder = tmp_path / "run"
            logger = mlflow_logger(str(folder), name="mine", artifacts=["checkpoints"])
            monkeypatch.setitem(SETTINGS, "seed", last)
            log_run(logger, folder, last=last, code=last == 5)
        client = mlflow.MlflowClient()
        (run,) = client.search_runs([client.get_experiment_by_name("vaescope").experiment_id])
        return client, run, tmp_path

    def test_one_run_with_curves_settings_and_files(self, run):
        client, found, folder = run
        assert (found.info.run_name, found.info.status) == ("mine", "FINISHED")
        assert found.data.tags["group"] == folder.name
        history = [
            (m.step, m.value) for m in client.get_metric_history(found.info.run_id, "val/mig")
        ]
        assert sorted(set(history)) == [(0, 0.0), (5, 0.05), (10, 0.1)]
        # a parameter keeps its first value, the file has that of the last session
        assert (found.data.params["model.beta"], found.data.params["seed"]) == ("4.0", "5")
        kept = Path(client.download_artifacts(found.info.run_id, ""))
        assert json.loads((kept / "config.json").read_text())["seed"] == 10
        assert json.loads((kept / "scores.json").read_text())["data"][0][:2] == ["test/mig", 0.25]
        assert (kept / "checkpoints" / "last.ckpt").read_bytes() == b"weights"
        for name in ("report.html", "figures/jacobian.png", "figures/traversals.gif"):
            assert (kept / name).read_bytes() == (folder / "run" / Path(name).name).read_bytes()


@pytest.mark.slow
class TestTrackio:
    @pytest.fixture
    def said(self, tmp_path, monkeypatch):
        """What trackio's own command says, of a run of two sessions in a process of its own."""
        pytest.importorskip("trackio", reason="pip install 'vaescope[trackio]'")
        monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
        monkeypatch.chdir(tmp_path)

        def run(*words):
            command = [sys.executable, *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
            return done.stdout

        code = f"""
import sys
sys.path += {sys.path!r}
from pathlib import Path
from builders.tracked import log_run
from vaescope.loggers import trackio_logger
for last in (5, 10):
    log_run(trackio_logger("run", name="mine", artifacts=["checkpoints"]), Path("run"), last=last)
"""
        run("-c", code)
        name = f"mine {(tmp_path / 'run' / 'trackio-id.txt').read_text()}"
        own = ("--project", "vaescope", "--run", name, "--json")
        return lambda *words: json.loads(run("-m", "trackio.cli", *words, *own))

    def test_one_run_with_curves_figures_and_settings(self, said):
        about = said("get", "run")
        assert about["config"]["model"]["beta"] == 4
        shown = ("figures/jacobian", "figures/traversals_moving", "report", "scores")
        assert {*shown, "train/loss", "val/mig"} <= {*about["metrics"]}
        curve = said("get", "metric", "--metric", "val/mig")["values"]
        assert {(row["step"], row["value"]) for row in curve} == {(0, 0.0), (5, 0.05), (10, 0.1)}


def test_all_take_the_numbers_of_torch(tmp_path):
    """Numbers come as Python's; a stray tensor is no reason to lose a dashboard."""
    pytest.importorskip("tensorboard")
    tracker = of_tensorboard(str(tmp_path))
    tracker.log_metrics({"val/mig": torch.tensor(0.5)}, 1)
    assert tracker.sink is not None
    tracker.close()

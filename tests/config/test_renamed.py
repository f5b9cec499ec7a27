"""Runs of earlier versions: their stored names lead to today's classes, and nothing else does.

``run_of_0_1.yaml`` is the ``config.yaml`` of a run that version 0.1.0 wrote before its modules were
put into rooms, with a full posterior, a Laplace prior and every statistic; ``names_of_0_1.txt`` are
all dotted names that its options could write.
"""

from pathlib import Path

import pytest
import torch
import yaml

from vaescope.config.loading import read_settings, read_yaml
from vaescope.config.renamed import NAMES, OPTIONS, names_of_today
from vaescope.config.trust import copy_trusted, offered, offered_by_name
from vaescope.experiment.assembly import build_data, load_model, seeded_model

HERE = Path(__file__).parent
OLD_RUN = HERE / "run_of_0_1.yaml"


@pytest.mark.parametrize("name", (HERE / "names_of_0_1.txt").read_text().split())
def test_every_name_that_a_run_may_have_stored_is_offered(name):
    found = offered_by_name(names_of_today({"_target_": name})["_target_"])
    assert any(found is thing for thing in offered())


def test_a_stored_configuration_is_what_today_would_write():
    stored = read_settings(OLD_RUN)
    assert "vaescope.statistics.Disentanglement" in str(stored)
    for old in NAMES:
        assert f"'{old}{'' if old.endswith('.') else chr(39)}" not in str(stored)
    assert copy_trusted(stored, "resume=RUN", folder=Path("/run")) == stored


def test_no_value_but_a_class_is_renamed():
    node = {"path": "vaescope.priors.txt", "published": {"vaescope.priors.": [1.0]}}
    assert names_of_today(node) == node
    posterior = {"_target_": "hydra.utils.get_class", "path": "vaescope.posteriors.Point"}
    assert names_of_today([posterior])[0]["path"] == "vaescope.distributions.posteriors.Point"


def test_names_of_today_are_no_old_ones():
    for new in NAMES.values():
        assert names_of_today({"_target_": new}) == {"_target_": new}
    for name in OPTIONS:
        assert offered_by_name(name) is not None


def test_a_checkpoint_with_old_names_gives_its_model(tmp_path):
    data = build_data(read_yaml(OLD_RUN))
    model = seeded_model(read_yaml(OLD_RUN), data.image_shape)
    text = OLD_RUN.read_text().replace("${seed}", "0").replace("${output_dir}", str(tmp_path))
    old = yaml.safe_load(text)
    assert "vaescope.posteriors.FullGaussian" in str(old)
    content = {
        "state_dict": model.state_dict(),
        "global_step": 1,
        "callbacks": {},
        "vaescope": {"config": old, "image_shape": list(data.image_shape)},
    }
    torch.save(content, tmp_path / "last.ckpt")
    loaded, _ = load_model(tmp_path / "last.ckpt")
    image = data.dataset.batch(data.rows["test"][:2]).image
    assert torch.equal(loaded.encode(image).mean, model.eval().encode(image).mean)

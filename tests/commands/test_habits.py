"""Words as a shell parts them or as other programs take them, each told in one sentence."""

import pytest

from vaescope.commands.habits import refuse_habits
from vaescope.errors import RunFolderError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seed", "=", "3"], "seed = 3 was given; leave out the spaces around =: seed=3"),
        (["seed=", "3"], "seed= 3 was given; leave out the spaces around =: seed=3"),
        (["seed", "=3"], "seed =3 was given; leave out the spaces around =: seed=3"),
        (["seed==3"], "seed==3: one = is enough: seed=3"),
        (["statistics=[latents,", "panel]"], "quotes: 'statistics=[latents, panel]'"),
        (["data.split=[0.8,", "0.1,", "0.1]"], "into 3 words; put it into quotes"),
        (["seed=[1"], "seed=[1: '[' is not closed by ']'"),
        (["--seed=3"], "there is no flag --seed; settings have no dashes: seed=3"),
        (["--seed", "3"], "settings have no dashes: seed=3"),
        (["--latent-dim", "3"], "settings have no dashes: latent_dim=3"),
        (["--multi"], "there is no flag --multi; did you mean '--multirun'"),
        (["--cfg"], "--cfg needs a value"),
        (["--cfg", "jbo"], "--cfg jbo: it shows job, hydra, all"),
        (["--info", "defualts"], "--info defualts: it shows all, config, defaults"),
        (["seed=1", "=3"], "=3: there is no key before ="),
        (["seed='x"], "seed='x: the quote ' is not closed"),
        ([""], "an empty word"),
    ],
)
def test_what_cannot_be_meant_is_told(words, told):
    with pytest.raises(RunFolderError) as found:
        refuse_habits(words)
    assert told in str(found.value)


@pytest.mark.parametrize(
    "words",
    [
        ["statistics=[latents,panel]", "-m", "seed=0,1", "~view", "+callbacks={a:{b:1}}"],
        ["--config-dir", "odd [name", "--cfg", "job", "--info", "model=vae"],
        ["--info", "defaults", "data.path=it's", "objective='val/mig'", "title='it\\'s'"],
        ["data.path=odd (name", "csv=[a.csv", "objective='[a'", "hydra.run.dir= ", "a=", "-m"],
    ],
)
def test_what_may_be_meant_passes(words):
    refuse_habits(words)

"""Tab completion: what each word may be, and that shells are answered so that they insert it."""

import os
import resource
import shutil
import subprocess
import sys

import pytest

from builders.loading import loaded_by
from vaescope.cli import COMMANDS
from vaescope.commands.completing import candidates
from vaescope.commands.shells import INSTALL

SHELLS = {
    "bash": """
vaescope() {{ "{python}" -m vaescope "$@"; }}
eval "$(vaescope -sc install=bash)"
for COMP_LINE in "$@"; do
    COMP_POINT=${{#COMP_LINE}} _vaescope vaescope
    printf '<%s>' "${{COMPREPLY[@]}}"
    echo
done
""",
    "fish": """
function vaescope; "{python}" -m vaescope $argv; end
vaescope -sc install=fish | source
for line in $argv
    for word in (complete -C $line)
        printf '<%s>' $word
    end
    echo
end
""",
}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("vaescope ev", ["evaluate"]),
        ("vaescope ", sorted(COMMANDS)),
        ("vaescope --v", ["--version"]),
        ("vaescope nonsense x", []),
        ("vaescope train mod", ["model.", "model="]),
        ("vaescope report mod", []),
        ("vaescope modify trainer", []),  # has no part in it
        ("vaescope train model=beta_v", ["model=beta_vae", "model=beta_vae_annealed"]),
        ("vaescope train -m model=vae,jl", ["model=vae,jl1_vae"]),
        ("vaescope train callbacks=[progress,fin", ["callbacks=[progress,finite"]),
        ("vaescope train model=beta_tc_vae model.b", ["model.beta="]),
        ("vaescope train seed=1 seed=0,1 model.init", ["model.initial_beta="]),  # a mistake before
        ("vaescope train ensemble.size=", ["ensemble.size=1"]),
        ("vaescope train channels_last=", ["channels_last=false", "channels_last=true"]),
        ("vaescope train ~vi", ["~view="]),
        ("vaescope train hydra/la", ["hydra/launcher="]),
        ("vaescope train hydra/launcher=fo", ["hydra/launcher=fork"]),
        ("vaescope train --cfg ", ["all", "hydra", "job"]),
        ("vaescope train --config-d", ["--config-dir"]),
        ("vaescope data fe", ["fetch"]),
        ("vaescope data show dspr", ["dsprites"]),
        ("vaescope diagnose dsprites dspr", []),  # it takes one
        ("vaescope reproduce cv", ["cvpr2019"]),
        ("vaescope reproduce cvpr2019 sc", ["scale="]),
        ("vaescope sweep re", ["resume", "retry"]),
        ("vaescope sweep status la", ["latest"]),
    ],
)
def test_what_may_stand_at_the_cursor(line, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert candidates(line) == found


def test_folders_end_in_a_slash_and_runs_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs" / "a run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "outputs" / "run_1" / "checkpoints").mkdir(parents=True)
    (tmp_path / "outputs" / "run_1" / "checkpoints" / "last.ckpt").touch()
    (tmp_path / ".hidden").mkdir()
    for line in ("evaluate ", "export run=", "train resume=", "report outputs "):
        key = line.partition(" ")[2] if "=" in line else ""
        assert f"{key}outputs/" in candidates(f"vaescope {line}o")
        assert candidates(f"vaescope {line}outputs/") == [f"{key}outputs/run_1"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_answered_with_what_it_inserts(shell, tmp_path):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    lines = ["vaescope train model=beta_v", "vaescope ev", "vaescope train mod"]
    script = tmp_path / "script"
    script.write_text(SHELLS[shell].format(python=sys.executable))
    done = subprocess.run(
        [program, str(script), *lines], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    first = {  # bash takes what is behind = for a word of its own, and no space is added for us
        "bash": ["<beta_vae ><beta_vae_annealed >", "<evaluate >", "<model.><model=>"],
        "fish": ["<model=beta_vae><model=beta_vae_annealed>", "<evaluate>", "<model.><model=>"],
    }
    assert done.stdout.splitlines() == first[shell]


@pytest.mark.parametrize("shell", INSTALL)
def test_a_script_is_undone(shell, command):
    for words in (("-sc",), ("train", "-sc"), ("train", "--shell-completion")):
        assert command(*words, f"install={shell}").out == INSTALL[shell]
    assert "vaescope" in command("train", "-sc", f"uninstall={shell}").out
    for wrong in ("install=csh", "instal=bash", "query"):
        assert "bash, zsh, fish" in command("-sc", wrong, code=2).err


def test_an_answer_takes_no_torch_and_less_than_a_second(tmp_path, monkeypatch):
    monkeypatch.setenv("COMP_LINE", "vaescope train trainer.precision=")
    assert loaded_by("-sc", "query=zsh", folder=tmp_path) <= {"hydra"}
    environment = os.environ | {"COMP_LINE": "vaescope train model=vae mod"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "vaescope", "-sc", "query=zsh"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.split() == ["model.", "model="]
    assert after.ru_utime - before.ru_utime < 5  # one on a machine that does nothing else

"""Where the numbers of a page come from: settings, machine, and the commands that go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vaescope.report.run.repeating import commands, typed_as
from vaescope.run_folder.contents import CONFIG
from vaescope.run_folder.environment_file import read_environments
from vaescope.run_folder.runs import read_run_settings


@dataclass(frozen=True)
class Origin:
    """What a run's folder, or an evaluation, says of itself."""

    settings: Mapping[str, Any]  # of the training run; empty of codes from a file
    config: str  # the settings as text
    environment: Mapping[str, Any]  # versions, git commit, machine and command line
    commands: Sequence[tuple[str, str]]  # what each does, as it is typed

    @classmethod
    def of_run(cls, folder: Path, step: int) -> Self:
        """Of a run that has made ``step`` updates, from its folder."""
        settings, sessions = read_run_settings(folder), read_environments(folder)
        config = (folder / CONFIG).read_text(encoding="utf-8")
        typed = commands(folder, sessions[0]["command"], settings, step)
        return cls(settings, config, sessions[-1], typed)

    @classmethod
    def of(cls, settings: Mapping[str, Any], config: str, environment: Mapping[str, Any]) -> Self:
        """Of an evaluation in this process."""
        again = typed_as(environment["command"])
        return cls(settings, config, environment, [("This evaluation again", again)])

    @property
    def published(self) -> Mapping[str, Any]:
        """What a paper prints for the scores, by log key."""
        found = self.settings.get("published")
        return found if isinstance(found, Mapping) else {}

    @property
    def ema_decay(self) -> float | None:
        """Decay of the average of the weights, if they are averaged."""
        decay = (self.settings.get("ema") or {}).get("decay")
        return decay if isinstance(decay, float | int) else None

    @property
    def num_latents(self) -> int | None:
        """D, if it is known."""
        number = self.settings.get("latent_dim")
        return number if isinstance(number, int) else None

"""Schedule of a modification's training, its measurements, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeVar, get_type_hints

from annotated_types import Interval

from vaescope.ranges import Count, NonNegative, Positive, Rows, Steps, check_fields, fits

Part = Literal["original", "game", "modified"]
ORIGINAL: Final = "original"
GAME: Final = "game"
MODIFIED: Final = "modified"
T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """How long each part of the training lasts, and how it goes.

    First both decoders learn the original images, which gives the margin before; then all play;
    at the end the modification stays as it is while the decoders catch up, for the margin after.

    Args:
        steps: updates of the game, at most.
        decoders_before: updates of the decoders on the original images.
        decoders_after: updates of the decoders on the modified images.
        batch_size: images per update.
        pace: learning rate of the modification, as a share of the decoders'. Decoders that keep up
            make its gradient that of the best decoders' losses; one as fast as they are runs in
            circles with them.
        turns: ``simultaneous``: each update is one of all players; ``alternating``: the decoders
            make ``decoder_steps`` updates, then the modification makes one.
        decoder_steps: of ``alternating``.
        every_n_steps: updates between two measurements of the margin, each followed by a
            checkpoint.
        patience: the game ends after so many measurements without a better margin; None: never.
        minutes: the game ends once training has taken so long, pauses not counted; None: never.
        kept_back: rows that no update sees and the margin is measured on; at most a tenth of all.
    """

    steps: Steps = 4000
    decoders_before: Steps = 1000
    decoders_after: Steps = 1000
    batch_size: Count = 256
    pace: Annotated[float, Interval(gt=0, le=10)] = 0.1
    turns: Literal["simultaneous", "alternating"] = "simultaneous"
    decoder_steps: Count = 1
    every_n_steps: Count = 250
    patience: Count | None = None
    minutes: Positive | None = None
    kept_back: Rows = 1024

    def __post_init__(self) -> None:
        check_fields(self)

    def length(self, part: str) -> int:
        """Most updates of a part."""
        lengths = {ORIGINAL: self.decoders_before, GAME: self.steps, MODIFIED: self.decoders_after}
        return lengths[part]


@dataclass(frozen=True)
class Measurement:
    """Reconstruction losses of both references on the rows that were kept back, at a step.

    Attributes:
        step: updates made.
        part: of the training: ``original``, ``game``, ``modified``.
        disentangled: L_dis per image, in units of the likelihood.
        entangled: L_ent.
        margin: L_dis - L_ent; above 0 the entangled latents are the better choice for a VAE.
    """

    step: Steps
    part: Part
    disentangled: float
    entangled: float
    margin: float


@dataclass
class State:
    """Where a training stands, besides weights and their moments."""

    part: Part = ORIGINAL
    step_of_part: Steps = 0
    step: Steps = 0
    seconds: NonNegative = 0.0
    history: list[Measurement] = field(default_factory=list)

    def last(self, part: str) -> Measurement | None:
        """The newest measurement of a part."""
        return next((found for found in reversed(self.history) if found.part == part), None)


def from_plain(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A measurement or a state from a file, which may be a stranger's.

    Raises:
        TypeError: an entry is missing, unknown or of another kind.
    """
    made = kind(**plain)
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if not fits(getattr(made, name), hint):
            raise TypeError(f"{name} is {getattr(made, name)!r}")
    return made

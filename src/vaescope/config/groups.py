"""Groups of ``conf/``: their names, what an option of each describes, where it may come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A group whose options describe objects.

    Attributes:
        name: of the folder in ``conf/`` and of the key in the configuration.
        kind: what an object of it is, for messages.
        needs: attributes that a class of this kind has; none: it is not checked.
        homes: modules that offer what a configuration from a file may build here.
        many: whether several options are chosen, each of which is an entry of its own.
        trains: whether it is chosen for training alone, not for ``vaescope data``.
    """

    name: str
    kind: str
    homes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    many: bool = False
    trains: bool = False


GROUPS = (
    Group("data", "data module", ("vaescope.data",), ("train_dataloader", "setup")),
    Group("model", "method", ("vaescope.models",), ("training_step", "configure_optimizers")),
    Group("network", "network", ("vaescope.networks",)),
    Group("posterior", "posterior", ("vaescope.distributions.posteriors",)),
    Group("prior", "prior", ("vaescope.distributions.priors",), ("posteriors",)),
    Group("likelihood", "likelihood", ("vaescope.distributions.likelihoods",), ("nll",)),
    Group("optimizer", "optimiser", ("torch.optim",), ("step", "zero_grad"), trains=True),
    Group(
        "scheduler",
        "learning-rate schedule",
        ("vaescope.learning_rates",),
        ("__call__",),
        trains=True,
    ),
    Group("trainer", "trainer", ("pytorch_lightning",), ("fit",)),
    Group(
        "statistics", "statistic", ("vaescope.statistics",), ("__call__",), many=True, trains=True
    ),
    Group(
        "callbacks",
        "callback",
        ("vaescope.callbacks", "pytorch_lightning.callbacks"),
        ("on_train_batch_end", "state_key"),
        many=True,
        trains=True,
    ),
    Group(
        "logger",
        "logger",
        ("vaescope.loggers",),
        ("log_metrics", "log_hyperparams"),
        many=True,
        trains=True,
    ),
)
MANY = tuple(group for group in GROUPS if group.many)
# groups whose option is an argument of the data module: data.view, data.sampling, data.hold_out
OF_DATA = ("view", "sampling", "hold_out")
# groups whose option is a file of differences to a whole configuration
DIFFERENCES = ("experiment", "grid", "debug")
# groups of which no option need be chosen: view=null
OPTIONAL = (*OF_DATA, *DIFFERENCES)
NAMES = (*(group.name for group in GROUPS), *OPTIONAL)

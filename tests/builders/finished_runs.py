"""Folders as finished runs leave them, and what asks for a comparison of them."""

import json

import yaml


def settings(**changed):
    """A config.yaml; ``model__beta=3`` changes one value, None takes it out."""
    config = {
        "data_dir": None,
        "seed": 0,
        "latent_dim": 10,
        "data": {
            "_target_": "vaescope.data.DSpritesDataModule",
            "batch_size": 64,
            "num_workers": 0,
            "seed": "${seed}",
        },
        "model": {"_target_": "vaescope.models.BetaVAE", "beta": 4.0, "initial_beta": None},
        "posterior": {"_target_": "hydra.utils.get_class", "path": "a.DiagonalGaussian"},
        "network": {"_target_": "vaescope.networks.conv64"},
        "likelihood": {"_target_": "vaescope.distributions.likelihoods.Bernoulli"},
        "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001, "fused": True},
        "statistics": {"disentanglement": {"bins": 20}},
        "trainer": {"max_steps": 100, "precision": "32-true"},
        "threads": 1,
    }
    for path, value in changed.items():
        *heads, last = path.split("__")
        node = config
        for head in heads:
            node = node.setdefault(head, {})
        node[last] = value
    return config


def leave(folder, scores, seed=0, step=100, about=None, row=None, **changed):
    """What a finished run leaves: a row a seed, from ``seed`` on, with these scores."""
    folder.mkdir(parents=True)
    config = settings(**changed)
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"seed": seed}))
    words = {
        "data": config["data"]["_target_"].rsplit(".")[-1].removesuffix("DataModule"),
        "model": config["model"]["_target_"].rsplit(".")[-1],
        "step": step,
        "num_samples": 50,
    } | (row or {})
    count = max(len(values) for values in scores.values())
    rows = [
        words
        | {"seed": seed + n}
        | {f"test/{k}": values[n] for k, values in scores.items() if values[n] is not None}
        for n in range(count)
    ]
    content = {"about": {"data_source": "drawn"} | (about or {}), "rows": rows}
    (folder / "scores.json").write_text(json.dumps(content))
    return folder


def plain(folder, out, **changed):
    options = {"scores": None, "group_by": None, "sort": None, "threads": None}
    return options | {"runs": [str(folder)], "output_dir": str(out)} | changed

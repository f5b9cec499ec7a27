"""Before training: will a data set's factors be found? After it: what did an option change?"""

import vaescope
from vaescope.diagnosis import diagnose

data = vaescope.load_data("xy_squares", side=8, num_squares=2)
found = diagnose(data.dataset, beta=1, num_points=50)
print("factors, by the variance that they bring:", ", ".join(found.order))
print(f"alignment {found.prediction.alignment:.2f}; pruned at this beta: {found.pruned or 'none'}")

for beta in (0.5, 4):
    for seed in (0, 1):
        vaescope.train(
            {"model.beta": beta, "data.side": 8, "data.num_squares": 2},
            {"callbacks.evaluation.every_n_steps": 150, "callbacks.progress.bar": False},
            data="xy_squares",
            model="beta_vae",
            network="mlp_64",
            latent_dim=4,
            seed=seed,
            logger=["csv"],
            trainer={"max_steps": 150},
            output_dir=f"outputs/compared/beta-{beta:g}-seed-{seed}",
        )
runs = vaescope.load_runs("outputs/compared")  # pandas: pip install 'vaescope[tables]'
print(runs.groupby("model.beta")[["test/mig", "test/reconstruction", "test/kl"]].mean())

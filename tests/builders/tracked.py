"""What every run gives to its dashboards, without a run."""

from PIL import Image

from vaescope.loggers import show_image, show_results

SETTINGS = {"model": {"beta": 4.0, "_target_": "vaescope.models.BetaVAE"}, "seed": 3, "none": None}
ROWS = [{"seed": 3, "test/mig": 0.25, "test/mig_chance": 0.125}]


def log_run(tracker, folder, *, last=10, code=0):
    """What every run gives to its dashboards."""
    folder.mkdir(exist_ok=True)
    picture, moving = folder / "jacobian.png", folder / "traversals.gif"
    Image.new("L", (4, 3), 255).save(picture)
    Image.new("L", (4, 3)).save(moving, save_all=True, append_images=[Image.new("L", (4, 3), 9)])
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "last.ckpt").write_bytes(b"weights")
    tracker.log_hyperparams(SETTINGS)
    for step in range(0, last + 1, 5):
        tracker.log_metrics({"val/mig": 0.01 * step, "train/loss": float(step)}, step)
    show_image([tracker], "figures/jacobian", picture, last)
    show_image([tracker], "figures/traversals_moving", moving, last)
    files = {"checkpoints": [folder / "last.ckpt"]}
    show_results([tracker], ROWS, report=folder / "report.html", files=files, step=last)
    assert tracker.sink is not None, "it has failed"
    tracker.close(code)

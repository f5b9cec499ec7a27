"""A folder of your own images: to a trained model, its page, and pictures that it makes."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw

import vaescope

folder = Path("photographs")  # yours instead, and leave the drawing out
folder.mkdir(exist_ok=True)
for number in range(40):
    picture = Image.new("RGB", (32, 24), (20, 5 * number, 90))
    x, y = 7 * number % 24, 5 * number % 16
    ImageDraw.Draw(picture).ellipse((x, y, x + 8, y + 8), fill=(250, 220, 4 * number))
    picture.save(folder / f"{number:02}.png")

run = vaescope.train(
    {"data.path": folder, "data.batch_size": 16, "data.size": None},  # size=64: made square
    {"callbacks.evaluation.every_n_steps": 30, "callbacks.progress.bar": False},
    data="image_folder",
    model="beta_vae",
    latent_dim=4,
    logger=["csv"],
    trainer={"max_steps": 30},  # thousands, for a model that is of use
    output_dir="outputs/photographs",
)
print("the page:", run.folder / "report.html")
print("reconstruction loss", run.scores[0]["test/reconstruction"])
images = run.data.dataset.batch(torch.arange(3)).image
print("reconstructions", run.model.reconstruct(images).shape, "samples", run.model.sample(2).shape)

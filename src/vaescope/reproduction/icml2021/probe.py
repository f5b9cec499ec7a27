"""Supervised probe: are the factors still in the images?"""

import numpy as np

from vaescope.reproduction.paper import Numbers, Opened
from vaescope.streams import stream

IMAGES, SEEDS, MOST_PIXELS = 4000, 3, 100


def probe_r2(run: Opened) -> Numbers:
    """R2 of the factors' values from images that the probe has not seen, -inf to 1, high is good.

    A perceptron of two layers on the images' first 100 principal components, fitted on 4 of 5
    images, of 4,000 at most; the mean over factors.

    Returns:
        ``probe_r2``, one number for each of three fits.
    """
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline

    batch = run.batch(IMAGES)
    pixels, factors = batch.image.flatten(1).numpy(), batch.factors.numpy().astype(float)
    factors = (factors - factors.mean(0)) / factors.std(0).clip(1e-12)
    found = []
    for seed in range(SEEDS):
        order = stream(seed, "probe").permutation(len(pixels))
        test, train = np.split(order, [len(order) // 5])
        components = min(MOST_PIXELS, len(train), pixels.shape[1])
        probe = make_pipeline(
            PCA(components, random_state=seed),
            MLPRegressor(hidden_layer_sizes=(100, 100), max_iter=300, random_state=seed),
        )
        probe.fit(pixels[train], factors[train])
        found.append(float(probe.score(pixels[test], factors[test])))
    return {"probe_r2": found}

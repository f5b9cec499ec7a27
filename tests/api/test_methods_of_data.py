"""Methods that are made from data: their parts are those that the command line chooses."""

import numpy as np
import pytest
import torch

import vaescope
from builders.composition import composed
from builders.methods import METHODS
from vaescope.config.composing import option_of
from vaescope.config.loading import resolved
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point
from vaescope.errors import ConfigError, InputError
from vaescope.experiment.assembly import build_model
from vaescope.models import BetaVAE, FactorVAE, LatentModel, PartsFor, SemiSupervised
from vaescope.models.parts import resolved_parts
from vaescope.networks import linear

VIEWS = {1: "pairs_locatello", 2: "triplets"}


def data_for(method):
    views = {"its labels": "labelled", "a label": "groups", "a third image": "triplets"}
    views["a sequence"] = "sequence"
    wanted = [view for need, view in views.items() if need in method.needs]
    fallback = "pairs_locatello" if method.needs else None
    view = (wanted or [fallback])[0]
    if method.needs == ("a label",):
        view = "labels"
    return vaescope.load_data("tiny", **({"view": view} if view else {}))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_parts_are_those_of_the_command_line(method, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = data_for(method)
    option = option_of("model", method)
    plain = composed("train", ["data=tiny", *([f"model={option}"] if option else [])])
    chosen = resolved_parts(method, data)
    assert chosen.latent_dim == plain.latent_dim == 10
    assert chosen.posterior.__name__ == plain.posterior.path.rpartition(".")[2]
    assert type(chosen.likelihood).__name__ == plain.likelihood._target_.rpartition(".")[2]
    assert chosen.network.func.__name__ == plain.network._target_.rpartition(".")[2]
    assert chosen.optimizer.func.__name__ == plain.optimizer._target_.rpartition(".")[2]
    assert chosen.optimizer.keywords["lr"] == plain.optimizer.lr
    assert chosen.image_shape == (1, 64, 64)


def test_weights_are_those_of_the_command_line():
    data = vaescope.load_data("tiny", seed=5)
    torch.manual_seed(5)
    ours = FactorVAE(PartsFor(data, network="mlp_60_40_20", latent_dim=3), width=20)
    words = ["data=tiny", "model=factor_vae", "network=mlp_60_40_20", "latent_dim=3", "seed=5"]
    plain = resolved(composed("train", [*words, "model.width=20", "output_dir=x"]))
    torch.manual_seed(5)
    theirs = build_model(plain, (1, 64, 64))
    assert ours.seed == theirs.seed == 5
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(v, theirs.state_dict()[k]) for k, v in ours.state_dict().items())
    noise = [model.noise_for(4, 7)["z"] for model in (ours, theirs)]
    assert torch.equal(*noise)


def test_what_is_named_is_taken():
    data = vaescope.load_data("tiny")
    model = BetaVAE(
        PartsFor(data, posterior=FullGaussian, likelihood=Gaussian(0.1), network=linear, seed=9)
    )
    assert model.posterior is FullGaussian
    assert model.likelihood.variance == 0.1
    assert model.seed == 9
    assert BetaVAE(PartsFor(data, posterior="full")).posterior is FullGaussian


@pytest.mark.parametrize(
    ("images", "network", "likelihood"),
    [
        (np.zeros((20, 64, 64)), "conv64", "Bernoulli"),
        (np.zeros((20, 17, 40, 3)), "conv", "Bernoulli"),
        (np.zeros((20, 15, 40, 3)), "mlp", "Bernoulli"),
        (np.zeros((20, 6)), "mlp", "Gaussian"),
    ],
)
def test_own_arrays_have_a_network_that_takes_them(images, network, likelihood):
    parts = resolved_parts(BetaVAE, vaescope.load_data(images))
    assert parts.network.func.__name__ == network
    assert type(parts.likelihood).__name__ == likelihood
    assert parts.posterior is DiagonalGaussian


def test_images_of_any_size_have_a_network_that_takes_them():
    data = vaescope.load_data(np.random.default_rng(0).random((20, 12, 10, 3)))
    model = BetaVAE(data)
    image = next(iter(data.test_dataloader())).image
    assert model(image).shape == image.shape


def test_sets_choose_what_their_files_choose():
    parts = resolved_parts(BetaVAE, vaescope.load_data("synthetic_linear"))
    assert type(parts.likelihood).__name__ == "Gaussian"
    assert parts.network.keywords["encoder_sizes"] == [60, 40, 20]


def test_ones_own_method_has_the_parts_of_its_parent():
    class Mine(vaescope.models.Autoencoder):
        pass

    assert resolved_parts(Mine, vaescope.load_data("tiny")).posterior is Point


def test_an_inner_method_is_made_from_data_too():
    model = SemiSupervised(vaescope.load_data("tiny", view="labelled"), unsupervised=BetaVAE)
    assert isinstance(model.unsupervised, BetaVAE)
    assert model.image_shape == (1, 64, 64)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda data: BetaVAE(3), "not from int; vaescope.load_data"),
        (lambda data: BetaVAE(data, beta=-1), "beta=-1: give a number"),
        (lambda data: BetaVAE(PartsFor(data, network="mpl")), "network='mpl'.*did you mean 'mlp'"),
        (lambda data: BetaVAE(PartsFor(data, posterior="point")), "does not go with BetaVAE"),
        (lambda data: vaescope.models.PCL(data), "learns from a second image.*transitions_laplace"),
    ],
)
def test_what_cannot_be_made_is_told(make, told):
    with pytest.raises(ValueError, match=told) as found:
        make(vaescope.load_data("tiny"))
    assert isinstance(found.value, ConfigError) or "does not go" in told


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    data = vaescope.load_data("tiny")
    return BetaVAE(PartsFor(data, network="mlp_60_40_20", latent_dim=3)).train()


@pytest.fixture
def image(model):
    return torch.rand(5, 1, 64, 64)


def test_a_model_gives_the_expected_images(model, image):
    expected = model.decode(model.encode(image).mean).sigmoid()
    assert torch.equal(model(image), expected)
    assert model(image).requires_grad
    found = model.reconstruct(image.numpy())
    assert torch.equal(found, expected)
    assert not found.requires_grad
    assert model.training


def test_a_traversal_moves_one_latent(model, image):
    found = model.traverse(image, 1, [-1.0, 0.5])
    assert found.shape == (5, 2, 1, 64, 64)
    codes = model.encode(image).mean.detach()
    codes[:, 1] = 0.5
    torch.testing.assert_close(found[:, 1], model.decode_mean(codes))


def test_samples_are_decoded_draws_from_the_prior(model):
    first, again, other = model.sample(300, seed=1), model.sample(300, seed=1), model.sample(2)
    assert first.shape == (300, 1, 64, 64)
    assert torch.equal(first, again)
    noise = torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(first, model.decode_mean(noise))
    assert not torch.equal(other[0], other[1])


def test_what_is_looked_at_leaves_modes_alone(model, image):
    model.encoder[0].eval()
    model.eval()
    model.reconstruct(image)
    assert not model.training
    model.train()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m, x: m.reconstruct(x[0]), r"\[1, 64, 64\] were given.*image\[None\]"),
        (lambda m, x: m.reconstruct(x[:, :, :32]), r"takes \['N', 1, 64, 64\]"),
        (lambda m, x: m.reconstruct((255 * x).byte()), "images / 255"),
        (lambda m, x: m.traverse(x, 3, [0.0]), r"latent=3: there are 0\.\.2"),
        (lambda m, x: m.sample(0), "count=0"),
    ],
)
def test_what_cannot_be_shown_is_told(model, image, call, told):
    with pytest.raises(InputError, match=told):
        call(model, image)


def test_an_autoencoder_has_no_samples():
    model = vaescope.models.Autoencoder(vaescope.load_data("synthetic_linear"))
    with pytest.raises(InputError, match="Autoencoder has no prior"):
        model.sample(3)
    assert isinstance(model, LatentModel)

"""The reconstruction losses against torch.distributions and automatic derivatives."""

import pytest
import torch
from torch.distributions import Bernoulli as Coin
from torch.distributions import Normal

from vaescope.distributions.likelihoods import Bernoulli, Gaussian, Likelihood

LIKELIHOODS = Likelihood.__args__
CHOICES = [*(cls() for cls in LIKELIHOODS), Gaussian(0.1), Gaussian(3.0)]
SHAPES = [(6,), (1, 4, 4), (3, 2, 5)]


def output_and_image(shape=(3, 4, 4), batch=5):
    generator = torch.Generator().manual_seed(0)
    output = 3 * torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
    return output, torch.rand(batch, *shape, generator=generator, dtype=torch.float64)


def name(likelihood):
    return type(likelihood).__name__ + str(getattr(likelihood, "variance", ""))


def test_bernoulli_on_binary_images_is_that_of_torch_distributions():
    output, image = output_and_image()
    image = image.round()
    expected = -Coin(logits=output).log_prob(image).sum((1, 2, 3))
    torch.testing.assert_close(Bernoulli().nll(output, image), expected)


def test_bernoulli_on_grey_images_is_the_cross_entropy():
    output, image = output_and_image()
    p = output.sigmoid()
    expected = -(image * p.log() + (1 - image) * (1 - p).log()).sum((1, 2, 3))
    torch.testing.assert_close(Bernoulli().nll(output, image), expected)


def test_bernoulli_is_finite_for_sure_pixels():
    output = torch.tensor([[1e4, -1e4, 1e4, -1e4]])
    image = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    torch.testing.assert_close(Bernoulli().nll(output, image), torch.tensor([2e4]))


def test_gaussian_of_variance_one_half_is_the_squared_error():
    output, image = output_and_image()
    expected = torch.stack([(x - y).norm() ** 2 for x, y in zip(output, image, strict=True)])
    torch.testing.assert_close(Gaussian().nll(output, image), expected)


@pytest.mark.parametrize("variance", [0.1, 0.5, 2.0])
def test_gaussian_is_that_of_torch_distributions_without_its_constant(variance):
    output, image = output_and_image()
    density = Normal(output, variance**0.5)
    expected = (density.log_prob(output) - density.log_prob(image)).sum((1, 2, 3))
    torch.testing.assert_close(Gaussian(variance).nll(output, image), expected)


@pytest.mark.parametrize("variance", [0, -1.0, float("nan")])
def test_gaussian_refuses_a_variance_that_is_none(variance):
    with pytest.raises(ValueError, match=f"variance={variance}: give a number above 0"):
        Gaussian(variance)


@pytest.mark.parametrize("likelihood", CHOICES, ids=name)
class TestEveryLikelihood:
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_one_number_per_image_that_only_its_own_pixels_change(self, likelihood, shape):
        output, image = output_and_image(shape)
        whole = likelihood.nll(output, image)
        alone = [likelihood.nll(output[i : i + 1], image[i : i + 1]) for i in range(len(image))]
        torch.testing.assert_close(whole, torch.cat(alone))

    def test_twice_the_pixels_is_twice_the_loss(self, likelihood):
        output, image = output_and_image()
        doubled = likelihood.nll(torch.cat([output, output], 2), torch.cat([image, image], 2))
        torch.testing.assert_close(doubled, 2 * likelihood.nll(output, image))

    def test_curvature_is_the_second_derivative_of_the_loss(self, likelihood):
        output, image = output_and_image((4,), 1)
        hessian = torch.func.hessian(lambda o: likelihood.nll(o, image).sum())(output)
        expected = torch.diag(likelihood.curvature(output)[0])
        torch.testing.assert_close(hessian.reshape(4, 4), expected)

    def test_pixel_metric_is_the_squared_derivative_of_the_mean(self, likelihood):
        output, _ = output_and_image((4,), 1)
        jacobian = torch.func.jacrev(likelihood.mean)(output).reshape(4, 4)
        expected = torch.diag(likelihood.pixel_metric(output)[0])
        torch.testing.assert_close(jacobian.square(), expected)

    def test_the_mean_image_is_where_the_loss_is_least(self, likelihood):
        """In expectation over images: the score at output o vanishes for the image mean(o)."""
        output, _ = output_and_image()
        image = likelihood.mean(output)
        slope = torch.func.grad(lambda o: likelihood.nll(o, image).sum())(output)
        torch.testing.assert_close(slope, torch.zeros_like(slope))

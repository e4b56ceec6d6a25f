"""Flow matching on maps: it starts as a normal, learns what positions have in common, and takes a condition."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.samplers import SAMPLERS, fit_to_model, load_sampler, load_with_sampler, save_sampler
from elbowroom.samplers.base import TrainingLatents
from elbowroom.samplers.convolutional_field import ConvolutionalField
from tests.samplers.test_samplers import draw, normals

MAPS = [(4, 8, 8), (2, 7, 5), (3, 2, 2), (3, 12)]
Sampler = SAMPLERS["flow-matching"].for_latents((2, 4, 4))


def signs(n, shape):
    """Maps that are 1 or -1 at every position, and which they are."""
    y = torch.arange(n) % 2
    return (2.0 * y - 1).reshape(-1, *(1,) * len(shape)) + 0.1 * normals(n, math.prod(shape)).reshape(n, *shape), y


@pytest.mark.parametrize("shape", MAPS)
def test_a_field_that_has_learned_nothing_leaves_the_noise_as_it_is(shape):
    z = 3 + 2 * normals(100, math.prod(shape)).reshape(100, *shape)
    sampler = Sampler.fit_to(TrainingLatents(z), steps=1, width=8).eval()
    with torch.no_grad():
        sampler.field.last[-1].weight.zero_()
        sampler.field.last[-1].bias.zero_()
    eps = normals(5, math.prod(shape))
    expected = (sampler.loc + sampler.scale * eps.reshape(5, *shape)).flatten(1)
    torch.testing.assert_close(sampler.transform_noise(eps), expected)
    torch.testing.assert_close(sampler().mean, z.mean(0))


@pytest.mark.parametrize("shape", MAPS)
def test_its_field_has_a_gradient_in_every_parameter(shape):
    with noise.seeded_rng(0):
        field = ConvolutionalField(shape, 8, 3)
        for parameter in field.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        field.matching_loss(torch.randn(6, *shape), torch.eye(3).repeat(2, 1)).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in field.parameters())


def test_it_learns_what_positions_have_in_common_and_takes_a_condition():
    z, y = signs(400, (1, 4, 4))
    sampler = Sampler.fit_to(TrainingLatents(z, torch.eye(2)[y]), steps=80, width=16).eval()
    drawn = draw(sampler(torch.eye(2)), 50)
    assert drawn.shape == (50, 2, 1, 4, 4)
    assert (drawn.flatten(2).mean(-1).sign() == torch.tensor([-1, 1])).double().mean() > 0.9
    # A normal without the other positions has a deviation of 1 within a map.
    assert drawn.flatten(2).std(-1).mean() < 0.5


def test_it_has_no_density():
    sampler = Sampler.fit_to(TrainingLatents(signs(60, (1, 4, 4))[0]), steps=1, width=8)
    assert not sampler.has_density
    with pytest.raises(ValueError, match="has no density: take another sampler, as mixture"):
        sampler().log_prob(torch.zeros(3, 1, 4, 4))


def test_it_is_fitted_to_a_model_of_maps(digits):
    architecture = er.Architecture(digits.shape, "conv", widths=(8, 8), levels=2)
    latent = er.DiagonalNormal(architecture.map_shape(2))
    decoder = architecture.decoder(latent, er.Gaussian(digits.shape))
    model = er.Model(architecture.encoder(latent), decoder, er.StandardNormal(latent.shape))
    fitted = fit_to_model(model, digits.train, "flow-matching:2", 200)
    assert fitted.shape == latent.shape
    assert model.with_sampler(fitted).sample(3).shape == (3, *digits.shape)


def test_it_is_loaded_as_saved(digits, tmp_path):
    run = er.fit(*er.recipes.vae(digits.shape, latent=2), digits, steps=1, out=tmp_path, sampler="none", report=False)
    z, y = signs(60, (2, 4, 4))
    sampler = Sampler.fit_to(TrainingLatents(z, torch.eye(2)[y]), steps=2, width=8).eval()
    save_sampler(run, "flow-matching:2", sampler)
    loaded = load_sampler(run, "flow-matching:2")
    assert torch.equal(draw(loaded(torch.eye(2)), 3), draw(sampler(torch.eye(2)), 3))
    with pytest.raises(ValueError, match=r"is for latents of 2x4x4 numbers, and those of .* have 2"):
        load_with_sampler(run, "flow-matching:2")

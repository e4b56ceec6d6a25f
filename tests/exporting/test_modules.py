"""Encoder, decoder and sampler as modules from tensors to tensors."""

import pytest
import torch

from elbowroom.exporting.modules import Decoder, Encoder, NoiseDecoder, cycle_conditions
from tests.exporting.helpers import build_model
from tests.tiny_recipes import distinct_recipes

#: Recipes whose prior chooses by other than normal noise.
NO_SAMPLER = ("gm_vae",)


@pytest.mark.parametrize("name", distinct_recipes())
def test_the_parts_are_the_models(name):
    """Encoder and decoder say what the model's own methods say; a sample is its code, decoded."""
    model = build_model(name)
    x, c = torch.rand(4, 1, 8, 8), model.as_condition(torch.arange(4) % 10)
    given = cycle_conditions(model, 4)
    encoder = Encoder(model).eval()
    first, *_ = (t.detach() for t in encoder(x, *given))
    torch.testing.assert_close(first.reshape(4, *model.latent_shape), model.encode(x, c), atol=1e-5, rtol=0)
    mean = Decoder(model).eval()(z := model.encode(x, c), *given)
    torch.testing.assert_close(mean.detach(), model.sample(z=z, c=c, draw=False), atol=1e-6, rtol=0)
    refusal = "draws in a way of its own" if name in NO_SAMPLER else "no prior to sample from"
    if name in NO_SAMPLER or not model.can_sample:
        with pytest.raises(ValueError, match=refusal):
            NoiseDecoder(model)
        return
    sampler = NoiseDecoder(model).eval()
    x, z = sampler(torch.randn(4, sampler.noise_size), *given)
    assert x.shape == (4, 1, 8, 8)
    if len(sampler.noise_sizes) == 1:  # else the latents below are drawn too
        torch.testing.assert_close(x, model.decode(z, c).mean)


@pytest.mark.parametrize("name", ["vamp_vae", "vq_vae"])
def test_a_priors_transformation_of_noise_draws_from_it(name):
    """The moments of many codes are those of the prior's own draws."""
    model = build_model(name)
    sampler, n = NoiseDecoder(model).eval(), 40_000
    with torch.no_grad():
        made = sampler.transform.forward
        from elbowroom import noise

        eps = torch.randn(n, sampler.noise_size)
        parts = iter(eps.split(sampler.noise_sizes, 1))
        with noise._use_source(lambda shape, like: next(parts).reshape(shape)):
            z = made(n).flatten(1)
        own = model.draw_prior(n).flatten(1)
    spread = own.std(0) * (2 / n) ** 0.5
    assert ((z.mean(0) - own.mean(0)).abs() < 5 * spread).all()
    assert (z.std(0) / own.std(0) - 1).abs().max() < 0.05
    assert (torch.corrcoef(z.T) - torch.corrcoef(own.T)).abs().max() < 0.05

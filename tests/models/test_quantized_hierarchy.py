"""The model with two quantized latents against enumeration of its codes."""

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.distributions import split_index


@pytest.fixture
def model():
    torch.manual_seed(0)
    model, _ = er.recipes.vq_vae_2((1, 4, 2), quantizer="fsq:2,2", likelihood="bernoulli", widths=(4,), levels=1)
    torch.nn.init.normal_(model.prior.logits)
    return model.eval()


def test_the_elbo_is_the_joint_probability_at_its_codes(model):
    """Of all codes of both maps by enumeration, one has all posterior mass; the masses of each prior sum to one."""
    x, coarse, fine = torch.rand(3, 1, 4, 2).round(), model.encoder.family, model.fine_encoder.family
    draw = model.draw(x)
    bottom, top = draw.latents
    every = split_index(torch.cartesian_prod(torch.arange(4), torch.arange(4)), (2, 2))
    assert fine.shape[0] == 2
    assert coarse.shape[0] == 1
    z_top = coarse.decode_indices(split_index(torch.arange(4), (2, 2))[:, None])
    prior = model.fine_prior(z_top)
    assert prior.batch_shape == (4,)
    masses = prior.log_mass(every[:, None].expand(-1, 4, -1, -1))
    torch.testing.assert_close(masses.exp().sum(0), torch.ones(4))
    joint = coarse.join_index(top.q.indices)[:, 0]
    chosen = (every[:, None] == bottom.q.indices[0]).all((-2, -1)).float().argmax(0)
    log_prior = model.latent_prior().log_mass(top.q.indices) + masses[chosen, joint]
    torch.testing.assert_close(draw.elbo, draw.log_px[0] + log_prior)
    torch.testing.assert_close(draw.log_w[0], draw.elbo)


def test_the_prior_of_the_fine_codes_trains_no_encoder(model):
    draw = model.draw(torch.rand(3, 1, 4, 2))
    draw.kl.sum().backward()
    trained = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {"prior", "prior_lift"}
    model.zero_grad()
    model.draw(torch.rand(3, 1, 4, 2)).log_px.sum().backward()
    trained = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {"encoder", "fine_encoder", "decoder", "posterior_lift", "decoder_lift"}


def test_fine_codes_are_drawn_as_their_prior_has_them_and_are_its_mode_without_noise(model):
    z_top = model.draw_prior(1)
    prior = model.fine_prior(z_top.expand(4000, -1, -1))
    drawn = model.fine_encoder.family.find_indices(prior.sample_from_noise())
    for part, index in zip(prior.log_probs, drawn.unbind(-1), strict=True):
        frequency = torch.nn.functional.one_hot(index, 2).float().mean(0)
        torch.testing.assert_close(frequency, part[0].exp(), atol=0.04, rtol=0)
    with noise.zero_noise():
        modes = model.fine_encoder.family.find_indices(prior.sample_from_noise())[0]
    assert torch.equal(modes, torch.stack([part[0].argmax(-1) for part in prior.log_probs], -1))


def test_latents_without_a_map_are_refused():
    encoder = er.Conditional.mlp((1, 4, 4), er.Codebook(3, 2, 4))
    with pytest.raises(ValueError, match=r"both latents are codes on a map: give encoders"):
        er.QuantizedHierarchy(encoder, encoder, er.Conditional.mlp(4, er.Bernoulli((1, 4, 4))))

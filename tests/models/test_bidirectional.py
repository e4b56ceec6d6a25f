"""BIVA against the models that it holds as special cases."""

import pytest
import torch

import elbowroom as er
from tests.tiny_recipes import make_tiny


def test_of_one_latent_it_is_a_vae():
    torch.manual_seed(0)
    model, _ = er.recipes.biva((1, 8, 8), latent=(5,), hidden=(30,))
    x = torch.rand(6, 1, 8, 8)
    draw = model.draw(x, k=3)
    q = model.top(model.climb[0](x))
    torch.testing.assert_close(draw.kl, torch.distributions.kl_divergence(q, model.prior()))
    torch.testing.assert_close(draw.p.mean, model.decode(draw.z).mean)


def test_both_latents_of_a_level_are_inferred_and_reach_x():
    model, _ = make_tiny("biva")
    draw = model.draw(torch.rand(4, 1, 8, 8))
    assert list(model.latents) == ["z1", "z2", "z3"]
    assert all((latent.kl > 0).all() for latent in (draw.latents[0], draw.latents[2]))
    gradients = torch.autograd.grad(draw.log_px.sum(), [latent.z for latent in draw.latents], allow_unused=True)
    assert all(gradient is not None and gradient.any() for gradient in gradients)


def test_the_kl_of_an_upward_latent_is_that_of_its_draws():
    """What is above was inferred from it, so that no closed form at one draw of that is the expectation."""
    model, _ = make_tiny("biva")
    _, up, _ = model.draw(torch.rand(3, 1, 8, 8), k=5).latents
    torch.testing.assert_close(up.kl, (up.log_qz - up.log_pz).mean(0))


def test_an_upward_posterior_depends_on_the_latents_below():
    model, _ = er.recipes.biva((1, 8, 8), latent=(4, 3, 2), hidden=(16, 16, 16))
    draw = model.draw(torch.rand(1, 1, 8, 8), k=2)
    # From the data: downwards and upwards of level 1, of level 2, and the top.
    down, up, next_down, next_up, top = draw.latents
    assert up.q.batch_shape == (1,)
    for latent in (down, next_down, next_up, top):
        assert not torch.equal(latent.q.mean[0], latent.q.mean[1])


def test_a_downward_posterior_depends_on_the_upward_latents_below_too():
    """Where nothing comes from above, those of two draws differ by what was drawn below."""
    model, _ = er.recipes.biva((1, 8, 8), latent=(4, 3, 2), hidden=(16, 16, 16))
    for parameter in model.descend.parameters():
        parameter.data.zero_()
    lowest, _, next_down, *_ = model.draw(torch.rand(1, 1, 8, 8), k=2).latents
    assert not torch.equal(next_down.q.mean[0], next_down.q.mean[1])
    assert next_down.q.mean.shape == (2, 1, 3)
    assert lowest.q.mean.shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"latent": ()}, "at least one latent"), ({"hidden": (8,)}, "3 levels need 3 hidden widths, got 1")],
)
def test_sizes_are_checked(arguments, error):
    with pytest.raises(ValueError, match=error):
        er.recipes.biva((1, 8, 8), **arguments)

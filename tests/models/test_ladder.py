"""The ladder VAE against the model of one latent."""

import torch

import elbowroom as er


def test_a_ladder_of_one_latent_is_a_vae():
    """One latent, its posterior from the upward pass alone: the draw's terms are those of the plain model."""
    torch.manual_seed(0)
    model, _ = er.recipes.ladder_vae((1, 8, 8), latent=(5,), hidden=(30,))
    x = torch.rand(6, 1, 8, 8)
    draw = model.draw(x, k=3)
    q = model.read[0](model.climb[0](x))
    torch.testing.assert_close(draw.kl, torch.distributions.kl_divergence(q, model.prior()))
    torch.testing.assert_close(draw.log_pz, model.prior().log_prob(draw.z))


def test_a_ladders_posterior_adds_precisions():
    from elbowroom.distributions import Normal
    from elbowroom.models.ladder import _multiply_normals

    up, down = (Normal(*torch.randn(2, 4, 3).double()) for _ in range(2))
    merged = _multiply_normals(up, down)
    z = torch.randn(5, 1, 3).double()
    product = up.log_prob(z) + down.log_prob(z) - merged.log_prob(z)
    # A product of normals is a normal, up to a constant in z.
    torch.testing.assert_close(product, product[:1].expand_as(product))

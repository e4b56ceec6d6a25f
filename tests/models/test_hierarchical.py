"""The deep hierarchical VAE: initial KL and bounded variances."""

import pytest
import torch

import elbowroom as er
from tests.tiny_recipes import make_tiny


def test_a_hierarchy_begins_with_posteriors_next_to_its_priors():
    """Whatever the depth, a fresh model's KL is small: what makes the first steps stable."""
    torch.manual_seed(0)
    model, _ = er.recipes.hierarchical_vae((1, 28, 28), latents=(6, 6, 6))
    with torch.no_grad():
        draw = model.draw(torch.rand(4, 1, 28, 28))
    assert len(draw.latents) == 18
    assert draw.kl.max() < 0.05 * sum(latent.z[0, 0].numel() for latent in draw.latents)
    metrics = draw.metrics()
    assert sum(metrics[f"kl_z{i}"] for i in range(1, 19)) == pytest.approx(metrics["kl"].item(), rel=1e-4)


def test_a_hierarchys_log_variances_stay_within_bounds():
    from elbowroom.models.hierarchical import LOG_VAR_BOUND, _bound_log_var

    far = torch.tensor([-1e6, -3.0, 0.0, 3.0, 1e6], requires_grad=True)
    bounded = _bound_log_var(far)
    assert bounded.abs().max() <= LOG_VAR_BOUND
    assert _bound_log_var(torch.tensor(0.1)).item() == pytest.approx(0.1, abs=1e-3)
    bounded.sum().backward()
    assert (far.grad[1:4] > 0.1).all()


@pytest.mark.parametrize("name", ["hierarchical_vae", "nvae"])
def test_a_posterior_without_a_residual_is_its_prior(name):
    """Of a posterior relative to its prior the KL is then zero, whatever the prior of the others."""
    model, _ = make_tiny(name, (1, 8, 8))
    for block in model.rungs:
        torch.nn.init.zeros_(block.posterior[-1].weight)
        torch.nn.init.zeros_(block.posterior[-1].bias)
    draw = model.draw(torch.rand(3, 1, 8, 8), k=2)
    assert draw.kl.equal(torch.zeros(3))
    torch.testing.assert_close(draw.log_w, draw.log_px, rtol=0, atol=1e-4)

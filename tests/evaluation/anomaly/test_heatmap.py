"""Heat maps: pixels add up to the score."""

import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.anomaly.heatmap import pixel_nll
from elbowroom.evaluation.anomaly.reference import open_reference


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "laplace:0.5", "categorical", "diagonal-normal"])
def test_a_heat_map_adds_up_to_the_likelihood(digits, likelihood):
    torch.manual_seed(0)
    model = er.recipes.vae(digits.shape, latent=2, likelihood=likelihood)[0].eval()
    x = digits.test.first(4).x
    with er.noise.zero_noise(), torch.no_grad():
        log_px = model.draw(x).log_px[0]
    torch.testing.assert_close(pixel_nll(model, x).sum((1, 2)), -log_px, rtol=1e-4, atol=1e-3)


def test_a_heat_map_of_the_ratio_adds_up_to_it_at_the_posterior_mean(run, digits):
    with open_reference(run) as reference:
        maps = reference.heatmaps(digits.test.first(4))
        p0 = reference.background(maps.x).detach()
    torch.testing.assert_close(maps.log_ratio.sum((1, 2)), p0 + maps.nll.sum((1, 2)), rtol=1e-4, atol=1e-3)

"""Recipes with a perceptual loss: without weight they are the convolutional VAE."""

import pytest
import torch

import elbowroom as er


@pytest.mark.parametrize("name", ["dfc_vae", "ms_ssim_vae"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_without_weight_it_is_the_convolutional_vae(name, weight):
    make, small = er.recipes.find(name), {"latent": 2, "widths": (4, 8), "seed": 0}
    x = torch.rand(3, 1, 12, 12)
    losses = []
    for model, objective in (make((1, 12, 12), weight=weight, **small), er.recipes.conv_vae((1, 12, 12), **small)):
        torch.manual_seed(1)
        losses.append(objective(model.draw(x), torch.tensor(0)).item())
    assert (losses[0] == pytest.approx(losses[1])) == (weight == 0)

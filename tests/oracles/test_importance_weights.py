"""Importance weights of every hierarchy and sequence are of a distribution: over all examples means add up to one.

A density left out of log p(z) or log q(z|x), or scored at another latent than was drawn, is seen here.
"""

import itertools

import pytest
import torch

from tests.tiny_recipes import make_tiny

SHAPE = (1, 2, 2)
RECIPES = ["ladder_vae", "biva", "hierarchical_vae", "nvae", "pixel_vae", "text_vae", "vrae", "vrnn", "dmm"]
#: Those of the deepest hierarchies vary little, and cost most.
SAMPLES = dict.fromkeys(RECIPES, 4000) | {"hierarchical_vae": 500, "nvae": 500, "pixel_vae": 1000}


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_of_all_images_add_up_to_one(name):
    model, _ = make_tiny(name, SHAPE, likelihood="bernoulli")
    images = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).reshape(-1, *SHAPE)
    torch.manual_seed(0)
    with torch.no_grad():
        draw = model.eval().draw(images, k=SAMPLES[name])
        weights = draw.log_w.exp()
    standard_error = (weights.var(0) / SAMPLES[name]).sum().sqrt().item()
    assert 0 < standard_error < 0.03
    assert weights.mean(0).sum().item() == pytest.approx(1, abs=4 * standard_error)

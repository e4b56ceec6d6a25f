"""A small model and a draw from it."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return er.recipes.vae(SHAPE, latent=3)[0]


@pytest.fixture
def draw(model):
    with torch.no_grad():
        return model.draw(torch.rand(16, *SHAPE), k=4)

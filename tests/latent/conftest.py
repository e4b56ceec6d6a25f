"""A small model of every recipe, and a label for the conditional ones."""

import pytest
import torch

from elbowroom.recipes import RECIPES

#: The condition of conditional models.
LABEL = torch.tensor(3)


SMALL = {"factor_vae": {"critic": (8,)}, "vamp_vae": {"components": 5}, "vq_vae": {"codes": 8, "dim": 3}}


@pytest.fixture(params=list(RECIPES))
def model(request):
    torch.manual_seed(0)
    model, _ = RECIPES[request.param]((1, 8, 8), **SMALL.get(request.param, {}))
    return model


@pytest.fixture
def label(model):
    """A condition for a conditional model, None for the others."""
    return model.as_condition(LABEL)

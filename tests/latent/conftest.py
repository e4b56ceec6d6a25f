"""A small model of every structure of recipes, and a label for the conditional ones."""

import pytest
import torch

from tests.tiny_recipes import make_tiny, representative_recipes

#: The condition of conditional models.
LABEL = torch.tensor(3)


@pytest.fixture(params=representative_recipes())
def model(request):
    return make_tiny(request.param)[0]


@pytest.fixture
def label(model):
    """A condition for a conditional model, None for the others."""
    return model.as_condition(LABEL)

"""Models that the tests of evaluation measure."""

import torch

import elbowroom as er


def make_model(recipe="vae", shape=(1, 8, 8), **arguments):
    """A small model of a recipe, always with the same weights."""
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe](shape, **arguments)
